"""Durable state for LiveKit voice agents. Kill the agent mid-sentence: the conversation goes on."""

__version__ = "0.1.0"
