"""The watch ends what is over, and nothing else."""

import pytest

from unbroken.errors import RoomServerUnavailable
from unbroken.service.livekit_rooms import LiveRoom
from unbroken.testing.holders import Holder


class Rooms:
    """The rooms that LiveKit has; None: it does not answer."""

    def __init__(self) -> None:
        self.names: list[str] | None = []

    async def list(self, names=None):
        if self.names is None:
            raise RoomServerUnavailable
        return [
            LiveRoom(name=name, sid="RM_x", metadata="", participants=1, created_at_us=0)
            for name in self.names
            if names is None or name in names
        ]


@pytest.fixture
def watch(client):
    client.parts.watch._livekit = Rooms()
    return client.parts.watch


async def orphan(archive, cause):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(1, final=cause)
    return taken


async def phase(client, taken):
    session = await client.parts.store.conversations.get_session(taken.session_id)
    return session.phase, session.end_reason


@pytest.mark.parametrize(("cause", "reason"), [("empty", "people_left"), ("killed", "abandoned")])
async def test_an_orphan_waits_for_its_people_but_not_for_ever(client, clock, watch, cause, reason):
    watch._livekit.names = ["room"]
    taken = await orphan(client.parts.store.archive, cause)
    clock.advance(599)
    await watch.round()
    assert await phase(client, taken) == ("orphaned", None)
    clock.advance(2)
    await watch.round()
    assert await phase(client, taken) == ("ended", reason)


async def test_an_orphan_whose_room_is_gone_is_over(client, archive, clock, watch):
    taken = await orphan(archive, "killed")
    clock.advance(14)
    await watch.round()
    assert await phase(client, taken) == ("orphaned", None)
    clock.advance(2)
    await watch.round()
    assert await phase(client, taken) == ("ended", "room_closed")


async def test_a_livekit_that_does_not_answer_ends_nothing(client, archive, clock, watch):
    watch._livekit.names = None
    taken = await orphan(archive, "killed")
    clock.advance(60)
    await watch.round()
    assert await phase(client, taken) == ("orphaned", None)


async def test_a_living_session_is_left_alone(client, archive, clock, watch):
    holder = Holder(archive)
    taken = await holder.take()
    for _ in range(4):
        clock.advance(500)
        await holder.append(1)
        await watch.round()
    assert await phase(client, taken) == ("live", None)


async def test_a_host_that_never_comes_back_ends_after_all(client, archive, clock, watch):
    watch._livekit.names = ["room"]
    taken = await Holder(archive).take()
    clock.advance(604)
    await watch.round()
    assert await phase(client, taken) == ("orphaned", None)
    clock.advance(600)
    await watch.round()
    assert await phase(client, taken) == ("ended", "abandoned")
