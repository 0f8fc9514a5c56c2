"""Speech: what is being said, how far it was heard, and the voice that is fenced."""
