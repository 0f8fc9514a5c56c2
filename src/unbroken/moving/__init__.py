"""Conversations of the usual StateManager on Redis, into the service and back."""
