"""An agent is killed in mid call: real livekit-server, service and worker, in processes."""

import asyncio
import json
import os
import signal

import pytest
from livekit import api, rtc

from tests.service.house import House, eventually
from tests.service.servers import KEY, SECRET, LiveKit, livekit_server, service_process
from unbroken.archive.taking import ALIVE
from unbroken.dispatch import Said, of_application
from unbroken.errors import CallTaken
from unbroken.service.livekit_rooms import LiveKitRooms
from unbroken.service.settings import Settings
from unbroken.testing.holders import Holder

SETTINGS = {"UNBROKEN_DISPATCH_RETRY_S": "0.5"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("failover")


@pytest.fixture(scope="module")
def parts(folder):
    with (
        livekit_server(folder) as livekit_url,
        service_process(folder, livekit_url, **SETTINGS) as (process, url),
    ):
        yield process, livekit_url, url


@pytest.fixture
async def house(folder, parts):
    _, livekit_url, url = parts
    async with House(folder, livekit_url, url) as house:
        yield house


@pytest.fixture(scope="module")
def worker(folder, parts):
    with House(folder, *parts[1:]).worker("concierge") as process:
        yield process


async def gone(room: rtc.Room):
    async def look():
        return not room.isconnected()

    await eventually(look)


async def test_no_room_is_made_for_an_agent_alone(house):
    opened = await house.open("ghost")
    holder = await house.hold(opened)
    await house.client.delete("/rooms/ghost")
    await holder.append(1, final="crashed")
    await asyncio.sleep(0.6)
    assert await house.rooms("ghost") == []
    session = await house.session(holder.taken.session_id)
    assert (session["phase"], session["cause"]) == ("orphaned", "crashed")


async def test_the_third_crash_closes_the_room(house):
    opened = await house.open("crashes")
    person = await house.enter("crashes", "ann")
    for _ in range(3):
        holder = await house.hold(opened)
        assert person.isconnected()
        await holder.append(1, final="crashed")
    await gone(person)
    session = await house.session(holder.taken.session_id)
    assert (session["phase"], session["end_reason"]) == ("ended", "gave_up")


async def test_an_agent_of_an_older_term_that_comes_back_is_sent_out(house):
    opened = await house.open("thaw")
    await house.enter("thaw", "ann")
    old = await house.hold(opened, agent_identity="agent-old")
    await old.append(1, final="empty")
    new = await house.hold(opened, agent_identity="agent-new")
    assert new.taken.term == 2
    current = await house.enter("thaw", "agent-new")
    await gone(await house.enter("thaw", "agent-old"))
    assert current.isconnected()


async def test_an_agent_is_asked_in_its_room_whether_it_lives(house):
    async def answer(_asked) -> str:
        return ""

    async def hang(_asked) -> str:
        await asyncio.sleep(60)
        return ""

    await house.open("asked")
    agent = (await house.enter("asked", "agent-1")).local_participant
    settings = Settings(
        livekit_url=house.livekit_url, livekit_api_key=KEY, livekit_api_secret=SECRET
    )
    async with LiveKitRooms.open(settings) as rooms:
        # It says that it has no such method, as soon as it can be reached at all.
        await eventually(lambda: rooms.answers("asked", "agent-1"))
        agent.register_rpc_method(ALIVE, hang)
        assert await rooms.answers("asked", "agent-1") is False
        agent.register_rpc_method(ALIVE, answer)
        assert await rooms.answers("asked", "agent-1")
        assert await rooms.answers("asked", "nobody") is None


async def test_a_service_that_was_stopped_takes_no_host_for_lost(house, parts):
    process, *_ = parts
    opened = await house.open("pause")
    await house.enter("pause", "ann")
    holder = await house.hold(opened, ttl_ms=1_000)
    process.send_signal(signal.SIGSTOP)
    beat = asyncio.create_task(holder.append(1))
    await asyncio.sleep(3.5)
    process.send_signal(signal.SIGCONT)
    assert (await beat).outcome == "acked"
    for _ in range(15):
        await asyncio.sleep(0.1)
        await holder.append(1)
    session = await house.session(holder.taken.session_id)
    assert (session["phase"], session["term"]) == ("live", 1)


async def test_a_dispatch_is_repeated_until_a_worker_is_there(house):
    opened = await house.open("late")
    await house.enter("late", "ann")
    holder = await house.hold(opened, agent_name="late")
    await holder.append(1, final="crashed")
    with house.worker("late"):
        take = await house.taken("late", 2)
    assert take["session_id"] == str(holder.taken.session_id)
    tries = [
        line
        for line in (house.folder / "service.log").read_text().splitlines()
        if "agent dispatched" in line and "room=late " in line
    ]
    assert len(tries) > 1


async def test_a_killed_agent_is_followed_by_another(house, worker):
    await house.open("kill")
    await house.enter("kill", "ann")
    first = await house.taken("kill", 1)
    os.kill(first["pid"], signal.SIGKILL)
    await house.report(first)
    second = await house.taken("kill", 2)
    assert second["session_id"] == first["session_id"]
    assert second["crashes"] == 1
    assert 0 < second["gap_us"] < 5_000_000
    assert second["pid"] != first["pid"]


@pytest.mark.parametrize("text", ['{"customer": "c-17"}', "customer 17", ""])
async def test_successors_are_told_what_the_application_told_the_first(house, worker, text):
    name = f"told {text}"
    told = {"agent_name": "concierge", "metadata": text, "attributes": {"tier": "gold"}}
    room = api.CreateRoomRequest(name=name, agents=[api.RoomAgentDispatch(**told)])
    await house.livekit.room.create_room(room)
    await house.enter(name, "ann")
    for term in (1, 2):
        take = await house.taken(name, term)
        os.kill(take["pid"], signal.SIGKILL)
        await house.report(take)
    third = await house.taken(name, 3)
    assert of_application(Said(third["metadata"], third["attributes"])) == Said(
        text, {"tier": "gold"}
    )
    assert third["metadata"].startswith(text.rstrip("}"))


async def test_who_comes_back_after_a_hang_up_meets_an_agent_again(house, worker):
    await house.open("back")
    first = await house.taken("back", 1)
    await house.report(first, "empty")
    await asyncio.sleep(1.2)
    assert len(house.takes("back")) == 1
    await house.enter("back", "ann")
    assert (await house.taken("back", 2))["session_id"] == first["session_id"]


async def test_a_livekit_that_crashes_costs_no_agent_its_call(tmp_path):
    livekit = LiveKit(tmp_path)
    with service_process(tmp_path, livekit.url) as (_, url):
        async with House(tmp_path, livekit.url, url) as house:
            with livekit.running():
                opened = await house.open("restart")
                holder = await house.hold(opened, agent_identity="agent")
                person = await house.enter("restart", "ann")
                agent = await house.enter("restart", "agent")
            beats = asyncio.create_task(beat(holder))
            with livekit.running():
                room = await eventually(lambda: named(house, "restart"))
                beats.cancel()
                await told(house, opened, holder, room)
                assert person.isconnected()
                assert agent.isconnected()
                await house.leave()


async def beat(holder):
    while True:
        await holder.append(1)
        await asyncio.sleep(0.3)


async def named(house, name):
    """The room when it says again which conversation it is about."""
    rooms = await house.rooms(name)
    return rooms[0] if rooms and rooms[0].metadata else None


async def told(house, opened, holder, room):
    assert room.sid != opened["sid"]
    assert json.loads(room.metadata)["conversation_id"] == opened["conversation_id"]
    session = await house.session(holder.taken.session_id)
    assert (session["phase"], session["term"]) == ("live", 1)
    asked = await house.livekit.agent_dispatch.list_dispatch("restart")
    assert [d.agent_name for d in asked if d.agent_name] == []
    with pytest.raises(CallTaken):
        await Holder(house.archive).take("elsewhere", room_sid=room.sid)
