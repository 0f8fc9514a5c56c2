"""A live session around a real AgentSession, without a room."""

import pytest

from tests.core.conftest import at_once, env, spool
from unbroken.livekit import pace

__all__ = ["at_once", "env", "spool"]


@pytest.fixture(autouse=True)
def _is_in_the_file(at_once: None) -> None:
    """What a successor reads is there as soon as it was recorded."""


@pytest.fixture(autouse=True)
def is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no reading of userdata and attributes so slow that it is put off."""
    monkeypatch.setattr(pace, "FREE_US", 600_000_000)
