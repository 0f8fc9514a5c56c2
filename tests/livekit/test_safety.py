"""The page hears how safe a line is, that one is lost, and what degrades the call."""

import asyncio

import msgspec
import pytest

from tests.core.conftest import new_header, store
from tests.core.faults import FaultyHost
from tests.livekit.job import Room
from unbroken.keeper import Keeper
from unbroken.live.live import LINES_MAX, Live
from unbroken.livekit.safety import Safety
from unbroken.log.entries import Noted

__all__ = ["store"]


class Page:
    """A call and what its page was told."""

    def __init__(self, live):
        self.live, self.room = live, Room("room", ())
        self.safety = Safety(live, self.room)

    async def heard(self):
        self.safety.look()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        published = self.room.local_participant.published
        told = [msgspec.json.decode(message) for message in published]
        assert {message.pop("v") for message in told} <= {1}
        return told

    def say(self, text):
        return self.live.say("test", "assistant", text, extra={})


@pytest.fixture
def env():
    return FaultyHost()


@pytest.fixture
async def page(env, spool):
    live = Live.open(spool, new_header(env, spool, room="page"))
    yield Page(live)
    await live.close("left")


async def levels(page, item_id):
    return [m["level"] for m in await page.heard() if m.get("id") == item_id and "level" in m]


async def until(condition):
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_a_line_becomes_safer(page, spool, store):
    said = page.say("hello")
    keeper = Keeper(spool, store.archive)

    async def is_stored():
        await keeper.step()
        return "service" in await levels(page, said)

    await until(is_stored)
    assert (await levels(page, said))[0] == "process"


async def test_a_line_that_no_disk_takes_is_lost_and_never_safe(page, env):
    first = page.say("this one is kept")
    await until(lambda: page_has(page, first))
    page.live.journal.append = refuse
    gone = page.say("this one is not")
    page.live.ack.confirm(acked=page.live.journal.appended, term=1, boot_us=env.boot_us())
    page.live.record(Noted("what comes behind it"))
    told = [m for m in await page.heard() if m.get("id") == gone]
    assert told == [{"id": gone, "role": "assistant", "lost": True}]
    await asyncio.sleep(0.1)
    assert await levels(page, gone) == []
    assert [m for m in await page.heard() if m.get("lost")] == told  # once


async def page_has(page, item_id):
    return bool(await levels(page, item_id))


def refuse(*_, **__):
    from unbroken.errors import JournalUnwritable  # noqa: PLC0415

    raise JournalUnwritable("the disk takes nothing")


async def test_a_line_that_the_service_lost_afterwards_is_taken_back(page, env):
    said = page.say("hello")
    await until(lambda: page_has(page, said))
    page.live.ack.lose(page.live.newest.n)
    page.live.ack.confirm(acked=page.live.newest.n, term=1, boot_us=env.boot_us())
    assert (await page.heard())[-2:] == [
        {"id": said, "role": "assistant", "lost": True},
        {"degraded": "1 entries are lost"},
    ]
    await asyncio.sleep(0.1)
    assert "service" not in await levels(page, said)


async def test_what_degrades_the_call_is_told_at_each_change(page, env):
    env.room_bytes = 0
    page.live.record(Noted("a"))

    async def says(words):
        told = [m["degraded"] for m in await page.heard() if "degraded" in m]
        return bool(told) and (told[-1] is None if words is None else words in str(told[-1]))

    await until(lambda: says("No space left"))
    count = len(await page.heard())
    assert len(await page.heard()) == count  # once
    env.room_bytes = None
    page.live.record(Noted("b"))
    page.live.ack.confirm(acked=page.live.journal.appended, term=1, boot_us=env.boot_us())
    await until(lambda: says(None))


async def test_only_so_many_lines_are_followed(page):
    for n in range(3 * LINES_MAX):
        page.say(f"line {n}")
    assert len(page.live.lines) == LINES_MAX
    assert page.live.newest.n == page.live.journal.appended
