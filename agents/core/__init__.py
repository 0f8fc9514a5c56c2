"""The two agents of the reference assistant, and what they know of the caller."""
