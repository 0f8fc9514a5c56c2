"""The backend client under the seed's name."""

from unbroken import BackendClient, LLMMessage

__all__ = ["BackendClient", "LLMMessage"]
