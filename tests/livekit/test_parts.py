"""A part of the log that is gone costs a successor that part, and nothing else."""

import asyncio

import pytest
from livekit.agents.llm import ChatMessage

from tests.core.conftest import store
from tests.livekit.test_log_equality import Conversation
from tests.livekit.test_restore import Successor, died, seen
from unbroken.errors import ArchiveUnavailable, NotFound
from unbroken.livekit.restore import large
from unbroken.livekit.state import items
from unbroken.log.entries import ItemPut, Noted, UserdataChanged

__all__ = ["store"]

LONG = "A very long tale. " * 4_000
GONE = f"[{len(LONG)} bytes that were here are missing]"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(large, "PARTS_S", 0.5)
    monkeypatch.setattr(large, "RETRY_S", 0.01)


@pytest.fixture
async def first(env, spool):
    made = await Conversation(env, spool).start()
    yield made
    await made.session.aclose()


class Archive:
    """A store whose parts are not to be had: `errors` in turn, then as they are."""

    def __init__(self, archive, *errors, for_ever=None):
        self._archive, self._errors, self._for_ever = archive, list(errors), for_ever

    async def get_blob(self, sha256):
        if self._errors:
            raise self._errors.pop()
        if self._for_ever is TimeoutError:
            await asyncio.Event().wait()
        if self._for_ever:
            raise self._for_ever
        return await self._archive.get_blob(sha256)

    def __getattr__(self, name):
        return getattr(self._archive, name)


async def talked(first, text=LONG):
    await first.say("hi")
    await first.say(text)
    await first.say("go on")
    return seen(first.session)


@pytest.mark.parametrize("error", [NotFound("gone"), ArchiveUnavailable("away"), TimeoutError])
async def test_words_that_are_gone_are_named_and_the_call_goes_on(first, env, spool, store, error):
    before = await talked(first)
    await died(first, store)
    successor = await Successor(env, spool, Archive(store.archive, for_ever=error)).take()
    after = seen(successor.session)
    assert [i["id"] for i in after["history"]] == [i["id"] for i in before["history"]]
    lost = [i for i, j in zip(before["history"], after["history"], strict=True) if i != j]
    assert [i["content"] for i in lost] == [[LONG], [f"You said {LONG}."]]
    (said, *_) = [i for i in after["history"] if i.get("content") == [GONE]]
    assert said["role"] == "user"
    report = successor.restored.report
    assert report["history"] == "degraded: a part of 2 items is missing"
    assert report["userdata"] == report["agent"] == "exact"
    await successor.session.generate_reply(user_input="and go on")
    assert successor.session.history.items[-1].text_content == "You said and go on."
    await successor.close()


async def test_a_store_that_is_away_for_a_moment_costs_nothing(first, env, spool, store):
    before = await talked(first)
    await died(first, store)
    away = [ArchiveUnavailable("just now")] * 3
    successor = await Successor(env, spool, Archive(store.archive, *away)).take()
    assert seen(successor.session) == before
    assert successor.restored.report["history"] == "exact"
    await successor.close()


async def test_each_field_that_has_a_hole_says_so(first, env, spool, store):
    first.session.userdata.notes.append(LONG)
    first.hooks.scan()
    first.live.record(Noted("picture", LONG))
    await died(first, store)
    successor = await Successor(
        env, spool, Archive(store.archive, for_ever=NotFound("gone"))
    ).take()
    report = successor.restored.report
    assert report["userdata"] == "degraded: a part is missing"
    assert report["entries"] == "degraded: a part is missing in note"
    assert report["history"] == "exact"
    assert successor.session.userdata.notes == [GONE]
    await successor.close()


async def test_what_was_written_anew_has_no_hole(first, env, spool, store):
    item = items.encode(ChatMessage(id="i", role="user", content=[LONG]))
    first.live.record(ItemPut(item))
    first.live.record(ItemPut(item | {"content": ["short"]}))
    first.live.record(UserdataChanged("Data", {"notes": [LONG], "mood": None, "nested": {}}))
    first.live.record(UserdataChanged("Data", {"notes": [], "mood": None, "nested": {}}))
    await died(first, store)
    successor = await Successor(
        env, spool, Archive(store.archive, for_ever=NotFound("gone"))
    ).take()
    assert successor.restored.report["userdata"] == "exact"
    assert successor.restored.report["history"] == "exact"
    await successor.close()
