"""A log of any length is read part by part, and the loop goes on meanwhile."""

import asyncio

import msgspec
import pytest
from livekit.agents import Agent

from tests.core.conftest import store
from tests.livekit.job import Job
from tests.livekit.test_start import Archive, assert_nothing_left, call_in, new_session
from unbroken.archive.port import LogPart, LogPlace, StoredEntry, Taken, WireMark
from unbroken.errors import ArchiveUnavailable, CallTaken, NotFound, StateRefused
from unbroken.livekit.restore import reading
from unbroken.log import entries, mark
from unbroken.log.entries import MUST_UNDERSTAND, ItemPut
from unbroken.log.mark import Mark, Speech
from unbroken.log.session import fold
from unbroken.testing.holders import ENV

__all__ = ["store"]

ENTRIES, PART = 3_000, 700


def said(n):
    item = {"id": f"i{n}", "type": "message", "role": "user", "content": [f"line {n}"]}
    payload, flags = entries.encode(ItemPut(item, after=f"i{n - 1}" if n > 1 else None))
    return StoredEntry(n, 1, "item", n, flags, payload)


LOG = [said(n) for n in range(1, ENTRIES + 1)]


class Parts:
    """An archive that has a log, and answers with `errors` first."""

    def __init__(self, log=LOG, *errors):
        self.log, self.errors, self.asked = log, list(errors), []

    def part(self, seq):
        end = min(seq + PART, len(self.log))
        following = LogPlace(session_id=ENV.new_id(), holder=ENV.new_id(), seq=end, chain=b"")
        return LogPart(
            entries=tuple(self.log[seq:end]), next=following if end < len(self.log) else None
        )

    async def read_log(self, place):
        self.asked.append(place.seq)
        if self.errors:
            raise self.errors.pop()
        await asyncio.sleep(0)
        return self.part(place.seq)

    def taken(self, flying=None):
        first = self.part(0)
        ids = {name: ENV.new_id() for name in ("session_id", "call_id", "conversation_id")}
        return Taken(
            term=2, base=len(self.log), is_new=False, cause="crashed", entries=first.entries,
            next=first.next, mark=flying, store=None, **ids,
        )  # fmt: skip


async def test_its_parts_make_what_the_whole_log_makes():
    archive = Parts()
    session, _ = await reading.read(archive, archive.taken())
    whole = fold((e.kind, e.payload) for e in LOG)
    assert session.history == whole.history
    assert (session.turn, session.message_count) == (whole.turn, whole.message_count)
    assert archive.asked == list(range(PART, ENTRIES, PART))


async def test_the_loop_goes_on_while_a_part_is_folded(monkeypatch):
    monkeypatch.setattr(reading, "SLICE_BYTES", 10 * reading.ENTRY_BYTES)
    archive, is_over, turns = Parts(), False, 0

    async def goes_on():
        nonlocal turns
        while not is_over:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(goes_on())
    await reading.read(archive, archive.taken())
    is_over = True
    await other
    assert turns > ENTRIES / 10


def test_a_slice_is_bounded_by_bytes_and_has_an_entry_at_least():
    large = [msgspec.structs.replace(LOG[0], payload=b"x" * reading.SLICE_BYTES)] * 3
    assert [len(some) for some in reading._slices(large)] == [1, 1, 1, 0]
    assert sum(len(some) for some in reading._slices(LOG)) == ENTRIES
    assert max(len(some) for some in reading._slices(LOG)) <= 512


async def test_what_was_in_flight_is_told_of_what_is_behind_it_in_any_part():
    """An item that came after the mark, in a later part, has its words."""
    speech = Mark(Speech("concierge", "line", "line", 1), ("line 2900",))
    flying = WireMark(ENTRIES - 200, 1, mark.encode(speech))
    archive = Parts()
    _, left = await reading.read(archive, archive.taken(flying))
    assert left is not None
    assert left.transcripts == ()


async def test_an_archive_that_is_away_for_a_moment_costs_a_moment(monkeypatch):
    monkeypatch.setattr(reading, "RETRY_S", 0)
    archive = Parts(LOG, *[ArchiveUnavailable("away")] * 3)
    session, _ = await reading.read(archive, archive.taken())
    assert session.message_count == ENTRIES


async def test_an_archive_that_stays_away_is_given_up(monkeypatch):
    monkeypatch.setattr(reading, "GIVE_UP_S", 0.05)
    monkeypatch.setattr(reading, "RETRY_S", 0.01)
    archive = Parts(LOG, *[ArchiveUnavailable("away")] * 1_000)
    with pytest.raises(ArchiveUnavailable, match="behind entry 700"):
        await reading.read(archive, archive.taken())


@pytest.mark.parametrize("error", [CallTaken("taken"), NotFound("gone")])
async def test_what_it_says_otherwise_is_raised_as_it_is(error):
    archive = Parts(LOG, error)
    with pytest.raises(type(error)) as raised:
        await reading.read(archive, archive.taken())
    assert raised.value is error


async def test_nothing_is_asked_for_behind_an_entry_that_must_be_understood():
    newer = StoredEntry(3, 1, "of tomorrow", 1, MUST_UNDERSTAND, b"{}")
    archive = Parts([*LOG[:2], newer, *LOG[3:]])
    with pytest.raises(StateRefused, match="entry 3"):
        await reading.read(archive, archive.taken())
    assert len(asyncio.all_tasks()) == 1
    assert archive.asked in ([], [PART])


class Deposed(Archive):
    """Somebody else takes the session while its log is read."""

    async def take(self, request):
        taken = await super().take(request)
        place = LogPlace(session_id=taken.session_id, holder=request.holder, seq=1, chain=bytes(32))
        return msgspec.structs.replace(taken, is_new=False, next=place)

    async def read_log(self, place):
        raise CallTaken("taken", session_id=place.session_id)


async def test_who_loses_the_session_while_reading_leaves(spool, store):
    job, session = Job(), new_session()
    call = call_in(job, spool, Deposed(store.archive))
    with pytest.raises(CallTaken):
        await call.start(session, agent=Agent(instructions="x"))
    assert job.reasons == ["another agent has this session"]
    await assert_nothing_left(call, job, spool, session)
