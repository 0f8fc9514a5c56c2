"""An agent that hung up is not gone back to; who takes its room has a call of his own."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from livekit import api, rtc

from tests.e2e.house import House, standing_house
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

ROLE = "agent"
SECRET = "my pin is 4711"  # noqa: S105 - Ann's, of a story


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("hanging-up")
    (folder / "state").mkdir()
    told = {"UNBROKEN_TEST_STATE": str(folder / "state"), "UNBROKEN_AGENT_NAME": ""}
    with standing_house(folder, "tests.e2e.hangup_worker", [], **told) as house:
        yield house


class Caller:
    """Writes to the agent, and reads what it writes."""

    def __init__(self, house: House, room: str, identity: str) -> None:
        self.house, self.name, self.identity = house, room, identity
        self.room = rtc.Room()
        self.lines: list[str] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def join(self) -> "Caller":
        self.room.register_text_stream_handler("lk.transcription", self._transcribed)
        grants = api.VideoGrants(room_join=True, room=self.name)
        token = api.AccessToken(self.house.key, self.house.secret).with_identity(self.identity)
        await self.room.connect(self.house.livekit_url, token.with_grants(grants).to_jwt())
        return self

    async def say(self, text: str) -> None:
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def told(self, text: str) -> None:
        await until(lambda: any(text in line for line in self.lines))

    def _transcribed(self, reader: rtc.TextStreamReader, _who: str) -> None:
        task = asyncio.create_task(self._read(reader))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        with contextlib.suppress(rtc.StreamError):  # its sender died
            self.lines.append(await reader.read_all())


@contextlib.asynccontextmanager
async def calling(house: House, room: str, identity: str) -> AsyncIterator[Caller]:
    """Somebody in a room of that name, who was greeted."""
    caller = await Caller(house, room, identity).join()
    await caller.told("You said hello.")
    yield caller
    await caller.room.disconnect()


def calls(house: House, room: str) -> list[tuple[str, dict[str, Any]]]:
    """Conversation and call of the rooms of that name, the newest conversation first."""
    names = [found["id"] for found in house.get("/conversations")["conversations"]]
    all_ = [(name, c) for name in names for c in house.get(f"/conversations/{name}")["call_list"]]
    return [(name, call) for name, call in all_ if call["room_name"] == room]


def sessions(house: House, room: str) -> list[dict[str, Any]]:
    """Of those rooms, likewise."""
    return [session for _, call in calls(house, room) for session in call["sessions"]]


def is_over(house: House, room: str) -> bool:
    """False, too, while a start without the service's answer has no session yet."""
    return [session["phase"] for session in sessions(house, room)][:1] == ["ended"]


def read(house: House, room: str) -> list[str]:
    """What the model of each job in rooms of that name was shown."""
    paths = (house.folder / "state").glob(f"{room}.*.json")
    return sorted(str(json.loads(path.read_text())) for path in paths)


async def is_closed(house: House, room: str) -> None:
    async with api.LiveKitAPI(house.livekit_url, house.key, house.secret) as livekit:
        with contextlib.suppress(api.TwirpError):  # the agent has done so
            await livekit.room.delete_room(api.DeleteRoomRequest(room=room))


async def assert_bob_has_his_own(house: House, room: str) -> None:
    async with calling(house, room, "bob") as bob:
        await bob.say("what did I say before")
        await bob.told("You said what did I say before.")
    jobs = read(house, room)
    assert len(jobs) == 2  # hers and his: nobody came back for her
    assert [SECRET in job for job in jobs].count(True) == 1
    his, hers = sessions(house, room)
    assert (his["term"], hers["term"]) == (1, 1)


@pytest.mark.parametrize("how", ["tool", "keep", "job", "session", "room"])
@pytest.mark.parametrize("end", ["", "-killed"])
async def test_nobody_comes_back_and_the_next_one_is_told_nothing(house, how, end):
    room = f"{how}{end}"
    async with calling(house, room, "ann") as ann:
        await ann.say(SECRET)
        await ann.told(f"You said {SECRET}.")
        await ann.say("bye")
        await until(lambda: is_over(house, room))
        await asyncio.sleep(1.5)
        assert len(read(house, room)) == 1
    if not end:
        (session,) = sessions(house, room)
        kinds = [e["kind"] for e in house.entries(session["id"])]
        assert kinds[-1] == "ended"
        notes = [e["payload"] for e in house.entries(session["id"]) if e["kind"] == "note"]
        assert ("summary" in str(notes)) is (how != "session")  # its job goes on
    await is_closed(house, room)
    await assert_bob_has_his_own(house, room)


async def test_what_comes_behind_the_end_of_a_call_is_in_log_and_transcript(house):
    """Of an entrypoint that is still open, and of a shutdown callback; in their order."""
    async with calling(house, "end", "ann") as ann:
        await ann.say("bye")
        await ann.told("Thank you, and goodbye.")
        await until(lambda: is_over(house, "end"))
    (session,) = sessions(house, "end")
    assert (session["term"], session["end_reason"]) == (1, "said goodbye")
    entries = house.entries(session["id"])
    notes = [e["payload"] for e in entries if e["kind"] == "note"]
    assert [note["name"] for note in notes][-3:] == ["unbroken.ending", "survey", "summary"]
    assert entries[-1]["kind"] == "ended"
    assert house.get(f"/sessions/{session['id']}/side")["entries"] == []
    ((conversation, _),) = calls(house, "end")
    said = [m["content"] for m in await house.messages(conversation)]
    assert said[-4:] == [
        "bye",
        "Thank you, and goodbye.",
        "A message was sent to your phone.",
        "This call was 1 minute long.",
    ]


async def test_the_room_of_somebody_who_left_is_the_next_ones(house):
    async with calling(house, "desk", "ann") as ann:
        await ann.say(SECRET)
        await ann.told(f"You said {SECRET}.")
    await asyncio.sleep(1)  # her agent is there, and waits for her
    await assert_bob_has_his_own(house, "desk")


async def test_who_is_back_under_the_same_name_goes_on(house):
    async with calling(house, "home", "ann") as ann:
        await ann.say(SECRET)
        await ann.told(f"You said {SECRET}.")
    ann = await Caller(house, "home", "ann").join()
    await ann.say("and again")
    await ann.told("You said and again.")
    (session,) = sessions(house, "home")
    assert session["term"] == 1
    await ann.room.disconnect()
