"""What a successor does: what is run again, what is said, and how well the session came back."""
