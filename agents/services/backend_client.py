"""The backend client, where older agents import it from."""

from unbroken import BackendClient, LLMMessage

__all__ = ["BackendClient", "LLMMessage"]
