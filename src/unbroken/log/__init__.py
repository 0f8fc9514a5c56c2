"""What a session is: its entries, their fold, what is in flight, and what was said. Pure."""
