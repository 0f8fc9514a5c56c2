"""Whom the agent listens to: the caller, and nobody else once she is back."""

import asyncio

import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.room_io import RoomIO, RoomOptions

from tests.agents.scripted import ScriptedLLM
from tests.core.conftest import store
from tests.livekit.job import Job, Person, QuietHost, Roomless, call_in, shipped
from tests.livekit.test_callers import come, go, in_room
from unbroken.journal.spool import Spool
from unbroken.livekit import callers, fragile
from unbroken.log.entries import ListenedTo

__all__ = ["store"]

SIP = rtc.ParticipantKind.PARTICIPANT_KIND_SIP


@pytest.fixture
def spool(tmp_path):
    return Spool.open(QuietHost(), str(tmp_path / "spool"))


@pytest.fixture(autouse=True)
def patiently(monkeypatch):
    monkeypatch.setattr(callers, "AWAY_S", 600)


class Linked(Roomless):
    """Starts with LiveKit's own RoomIO, and no media in it."""

    async def start(self, agent, *, room_options, room, **_options):
        await super().start(agent)
        self._room_io = room_io = RoomIO(self, room, options=room_options)
        room.on("participant_connected", room_io._on_participant_connected)
        room.on("participant_disconnected", room_io._on_participant_disconnected)
        for who in room.remote_participants.values():
            room_io._on_participant_connected(who)
        if linked := room_io.linked_participant:
            room_io.set_participant(linked.identity)


class Started:
    def __init__(self, job, call, session):
        self.job, self.call, self.session = job, call, session

    @property
    def linked(self):
        who = self.session.room_io.linked_participant
        return who.identity if who else None

    @property
    def report(self):
        return self.call.restored.report.get("listening to")


@pytest.fixture
def start(spool, store):
    async def started(*people, after=None, options=None, job=None):
        if after:
            await die(after)
        job = job or Job(people=people)
        session = Linked(llm=ScriptedLLM([]))
        call = call_in(job, spool, store.archive)
        given = {"room_options": options} if options else {}
        await call.start(session, agent=Agent(instructions=""), **given)
        return Started(job, call, session)

    async def die(before):
        await before.call.live.durable("process")
        await asyncio.sleep(0)
        before.session._room_io = None  # without media there is nothing in it to end
        before.call._is_over = True
        await before.call._stop_tasks()
        await before.call.live.close("left")
        await shipped(spool, store.archive)

    return started


async def test_who_was_there_first_is_listened_to_again(start):
    first = await start("ann", "bob")
    assert first.linked == "ann"
    after = await start("bob", "ann", after=first)  # LiveKit would take the first that it sees
    assert (after.linked, after.report) == ("ann", "exact")


async def test_whom_the_application_chose_is_listened_to_again(start):
    first = await start("ann", "bob")
    first.session.room_io.set_participant("bob")
    after = await start("ann", "bob", after=first, options=RoomOptions(participant_identity="ann"))
    assert (after.linked, after.report) == ("bob", "exact")
    again = await start("ann", "bob", after=after)
    assert again.linked == "bob"


async def test_whom_the_application_names_at_the_start_counts_more_than_livekits_choice(start):
    first = await start("ann", "bob")
    after = await start("ann", "bob", after=first, options=RoomOptions(participant_identity="bob"))
    assert (after.linked, after.report) == ("bob", "degraded: it listens to bob")


async def test_a_caller_who_comes_back_under_her_identity_has_the_agents_ear_again(start):
    one = await start("ann", "boss")
    go(one.job, "ann")
    come(one.job, "carol")  # in company: she stands in
    assert one.linked == "carol"
    come(one.job, "ann")
    assert one.linked == "ann"
    go(one.job, "carol")
    assert one.linked == "ann"


async def test_when_the_one_who_stood_in_goes_the_caller_is_waited_for(start):
    one = await start("ann", "boss")
    go(one.job, "ann")
    come(one.job, "carol")
    go(one.job, "carol")
    assert fragile.awaited(one.session) == "ann"
    come(one.job, "ann")
    assert one.linked == "ann"


async def test_who_stood_in_is_listened_to_in_the_successor_until_the_caller_is_back(start):
    first = await start("ann", "boss")
    go(first.job, "ann")
    come(first.job, "carol")
    after = await start("boss", "carol", after=first)
    assert (after.linked, after.report) == ("carol", "exact")
    come(after.job, "ann")
    assert after.linked == "ann"


async def test_somebody_else_who_was_there_is_not_taken_for_a_caller_who_left_meanwhile(start):
    first = await start("ann", "boss")
    after = await start("boss", after=first)
    assert (after.linked, after.report) == (None, "exact")
    come(after.job, "ann")
    assert after.linked == "ann"


async def test_who_came_while_no_agent_was_there_stands_in_for_a_caller_who_left(start):
    first = await start("ann", "boss")
    after = await start("boss", "ann-again", after=first)
    assert after.linked == "ann-again"


async def test_nobody_stands_in_for_whom_the_application_named(start):
    one = await start("boss", options=RoomOptions(participant_identity="ann"))
    come(one.job, "carol")
    assert one.linked is None
    come(one.job, "ann")
    assert one.linked == "ann"
    one.session.room_io.set_participant("dora")
    come(one.job, "emil")
    assert one.linked is None
    come(one.job, "dora")
    assert one.linked == "dora"


async def test_nobody_stands_in_whose_kind_the_application_does_not_accept(start):
    one = await start("ann", options=RoomOptions(participant_kinds=[0]))
    one.job.room.remote_participants["boss"] = Person("boss")
    go(one.job, "ann")
    who = one.job.room.remote_participants["phone"] = Person("phone", SIP)
    one.job.room.emit("participant_connected", who)
    assert one.linked is None


async def test_an_ear_that_was_given_back_is_whoever_comes_next(start):
    one = await start("ann", "boss")
    one.session.room_io.set_participant(None)
    assert one.call.live.session.listened_to.identity is None
    come(one.job, "carol")
    assert one.linked == "carol"
    after = await start("ann", "boss", "carol", after=one)
    assert after.linked == "carol"


@pytest.mark.parametrize("by_name", [True, False])
async def test_whom_the_application_let_go_is_not_listened_to_by_the_successor(start, by_name):
    first = await start("ann", "boss")
    if by_name:
        first.session.room_io.set_participant(None)
    else:
        first.session.room_io.unset_participant()
    assert first.call.live.session.listened_to == ListenedTo(None)
    after = await start("ann", "boss", after=first)
    assert (after.linked, after.report) == (None, "exact")
    again = await start("boss", "ann", "carol", after=after)  # she came meanwhile
    assert (again.linked, again.report) == (None, "exact")
    again.session.room_io.set_participant("ann")
    assert (await start("boss", "ann", after=again)).linked == "ann"


async def test_whom_the_application_names_at_the_start_is_not_let_go(start):
    first = await start("ann", "boss")
    first.session.room_io.unset_participant()
    after = await start("ann", after=first, options=RoomOptions(participant_identity="ann"))
    assert after.linked == "ann"


async def test_whom_livekit_links_late_is_let_go_too(start):
    first = await start("ann")
    first.session.room_io.unset_participant()
    after = await start("ann", after=first)
    linking = after.session.room_io
    linking._on_participant_connected(after.job.room.remote_participants["ann"])
    linking.set_participant("ann")  # as its own beginning does, once the room is connected
    assert after.linked is None
    assert after.call.live.session.listened_to == ListenedTo(None)


async def test_a_stranger_who_is_turned_away_leaves_the_caller_her_place(start):
    one = await start(job=in_room("ann"))
    livekit_hears_last(one)
    go(one.job, "ann")
    one.session.room_io._on_participant_connected(eve := Person("eve"))
    one.job.room.remote_participants["eve"] = eve
    one.job.room.emit("participant_connected", eve)
    await asyncio.sleep(0)
    assert one.call.live.session.listened_to.identity == "ann"


async def test_whom_livekit_chooses_behind_our_handler_is_known_too(start):
    one = await start("ann", "boss")
    livekit_hears_last(one)
    one.session.room_io.set_participant(None)
    come(one.job, "carol")
    after = await start("ann", "boss", "carol", after=one)
    assert after.linked == "carol"


async def test_a_stranger_whom_livekit_chooses_behind_our_handler_is_not_heard(start):
    one = await start(job=in_room("ann"))
    livekit_hears_last(one)
    one.session.room_io.set_participant(None)
    go(one.job, "ann")
    come(one.job, "eve")
    await asyncio.sleep(0)
    assert one.linked is None


def livekit_hears_last(one):
    """As older versions of livekit-rtc may have it: they call handlers in no order."""
    its_own = one.session.room_io._on_participant_connected
    one.job.room.off("participant_connected", its_own)
    one.job.room.on("participant_connected", its_own)
