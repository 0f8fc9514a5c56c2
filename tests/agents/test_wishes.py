"""A hundred callers, in written words: each gets what they want."""

import itertools
from pathlib import Path

import pytest

from agents.core.agent import VoiceAssistantAgent
from tests.agents.test_brain import talking
from tests.agents.test_conversation import say
from tests.agents.wishes import SCRIPTS, Script, Table, is_met


def title(script: Script) -> str:
    return script.opening if isinstance(script, Table) else script.lines[0][0]


@pytest.mark.parametrize("script", SCRIPTS, ids=title)
async def test_the_wish_is_met(script: Script, tmp_path: Path, monkeypatch):
    book = tmp_path / "book.sqlite"
    monkeypatch.setenv("UNBROKEN_BOOKINGS", str(book))
    heard: list[str] = []
    async with talking() as session:

        async def answer(said: str) -> str:
            heard.extend((said, reply := await say(session, said)))
            return reply

        assert await is_met(script, answer, book), "\n".join(heard)
        if isinstance(script, Table):
            assert isinstance(session.current_agent, VoiceAssistantAgent)
    assert len(heard) / 2 <= 10, "\n".join(heard)


def test_there_are_a_hundred_of_them_and_no_two_alike():
    assert len(SCRIPTS) == 100
    assert len(set(map(title, SCRIPTS))) == 100
    assert all(a != b for a, b in itertools.pairwise(SCRIPTS))
