"""A live session around a real AgentSession, without a room."""

from tests.core.conftest import env, spool

__all__ = ["env", "spool"]
