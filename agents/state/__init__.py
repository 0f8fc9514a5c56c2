"""Shared state of several agents: only where one agent in a room is not enough."""
