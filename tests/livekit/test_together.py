"""Killed at any byte of its journal, a tool of two lines has changed what it changes once."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from livekit.agents import Agent, RunContext, function_tool

from tests.core.files import dead_header, lay_bytes
from tests.livekit.awaiting import Holder, words
from unbroken.journal import PartsReader
from unbroken.journal.frames import ENTRY, encode_header
from unbroken.keeper.backlog import Backlog
from unbroken.livekit.hooks import Hooks

RULES = [("^add", {"tool": "add", "arguments": {"what": "tea"}}), ("", "{heard}")]


class Shop(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Sell.")
        self.added = 0

    @function_tool
    async def add(self, context: RunContext, what: str) -> str:
        """Add something to the basket.

        Args:
            what: it
        """
        self.added += 1
        context.userdata["basket"].append(what)
        context.userdata["n"] += 1
        return f"{self.added} {context.userdata['n']}"


class Pacing(Shop):
    hooks: ClassVar[Hooks]  # of the process that lives

    @function_tool
    async def add(self, context: RunContext, what: str) -> str:
        """Add something to the basket, looked at in the middle of it, as the beat may.

        Args:
            what: it
        """
        self.added += 1
        self.hooks.scan()
        context.userdata["basket"].append(what)
        self.hooks.scan()
        context.userdata["n"] += 1
        return f"{self.added} {context.userdata['n']}"


class Waiting(Shop):
    """Its look at the live objects is the one at its end."""

    @function_tool
    async def add(self, context: RunContext, what: str) -> str:
        """Add something to the basket.

        Args:
            what: it
        """
        await asyncio.sleep(0.05)
        context.userdata["n"] += 1
        return "added"


def new() -> dict[str, Any]:
    return {"basket": [], "n": 0}


def shipped(holder: Holder, content: bytes) -> tuple[tuple[str, bytes], ...]:
    """What a keeper would have taken of a journal of that content."""
    header = dead_header(holder.env, holder.spool)
    path = lay_bytes(holder.spool, header, content)
    backlog = Backlog(holder.env, PartsReader(holder.spool, header.holder))
    backlog.fill(is_living=False)
    backlog.close()
    path.unlink()
    return tuple((entry.kind, entry.payload) for _, entry in backlog)


async def left_behind(holder: Holder) -> list[tuple[tuple[str, bytes], ...]]:
    """All that a kill at any byte can leave behind, once the person has asked."""
    header = holder.live.journal.header
    content, begin = Path(holder.spool.journal(header.holder)).read_bytes(), encode_header(header)
    sizes = range(len(begin), len(content) + 1)
    cuts = dict.fromkeys(shipped(holder, content[:size]) for size in sizes)
    return [cut for cut in cuts if any(b"add tea" in payload for _, payload in cut)]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("made", [Shop, Pacing])
async def test_killed_at_any_byte_a_tool_changes_once_what_it_changes(env, spool, made):
    holder = Holder(env, spool, RULES, userdata=new)
    Pacing.hooks = holder.hooks
    await holder.begin(made())
    await holder.hear("add tea")
    assert holder.session.userdata == {"basket": ["tea"], "n": 1}
    cuts = await left_behind(holder)
    found = []
    for cut in cuts:
        after = Holder(env, spool, RULES, cut, userdata=new, session_id=holder.session_id)
        Pacing.hooks = after.hooks
        await after.take(shop := made(), (), None)
        found.append((after.session.userdata, shop.added, words(after.session.history.items)[:3]))
        await after.close()
    told = [("user", "add tea"), ("add", "1 1"), ("assistant", "1 1")]
    assert found == [({"basket": ["tea"], "n": 1}, 1, told)] * len(cuts)
    assert len(cuts) > 3
    await holder.close()


async def test_what_a_tool_changed_and_that_it_is_over_are_one_group(env, spool):
    holder = await Holder(env, spool, RULES, userdata=new).begin(Waiting())
    await holder.hear("add tea")
    async with asyncio.timeout(20):
        while "added" not in str(words(holder.session.history.items)):
            await asyncio.sleep(0.01)
    parts = PartsReader(spool, holder.live.journal.header.holder)
    frames = {frame.kind: frame for frame in parts.read(is_living=True) if frame.type == ENTRY}
    changed, ended = frames["userdata_changed"], frames["tool_ended"]
    assert changed.n < ended.n <= changed.n + changed.extra
    parts.rest()
    await holder.close()
