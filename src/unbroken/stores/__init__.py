"""Stores: where the logs, and what people read of them, are kept for good."""
