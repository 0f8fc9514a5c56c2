"""A live session around a real AgentSession, without a room."""

import pytest

from tests.core.conftest import at_once, env, spool

__all__ = ["at_once", "env", "spool"]


@pytest.fixture(autouse=True)
def _is_in_the_file(at_once: None) -> None:
    """What a successor reads is there as soon as it was recorded."""
