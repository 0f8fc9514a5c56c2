"""A live session around a real AgentSession, without a room."""

import functools

import pytest

from tests.core.conftest import at_once, env, spool
from unbroken.archive import taking
from unbroken.livekit import joining, pace

__all__ = ["at_once", "env", "spool"]


@pytest.fixture(autouse=True)
def _is_in_the_file(at_once: None) -> None:
    """What a successor reads is there as soon as it was recorded."""


@pytest.fixture(autouse=True)
def is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no reading of userdata and attributes so slow that it is put off."""
    monkeypatch.setattr(pace, "FREE_US", 600_000_000)


@pytest.fixture(autouse=True)
def is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a service that is there take too long to answer."""
    monkeypatch.setattr(joining, "take", functools.partial(taking.take, wait_s=60))
