"""What the assistant can do for a caller besides talking."""
