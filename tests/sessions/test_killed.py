"""Generated sessions of tasks that are killed come to the end to which they would have come.

Nothing is asked or said twice, no answer is lost, and userdata, attributes and what the tool comes
to are the same. A failure prints a small part of the session that fails, too.
"""

import pytest

from tests.core.conftest import at_once, spool
from tests.sessions.killed import END_S, failures
from tests.sessions.round_trip import Even
from unbroken.livekit import tasks

__all__ = ["at_once", "spool"]

SESSIONS, AT_ONCE = 200, 50


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Even:
    """A busy machine is no reason to give up what is run again."""
    monkeypatch.setattr(tasks, "SETTLE_S", END_S)
    return Even()


@pytest.mark.parametrize("first", range(0, SESSIONS, AT_ONCE))
async def test_what_is_killed_comes_to_the_same_end(env, spool, at_once, first):
    found = await failures((env, spool), range(first, first + AT_ONCE))
    assert not found, "\n\n".join(map(str, found))
