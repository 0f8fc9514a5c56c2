"""A live session in the process of its job. Knows no LiveKit."""
