"""kill -9 in mid call: a new agent is in the room with exactly the state, and goes on."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from livekit import api

from agents.speech.hibari import HibariTTS
from tests.agents.sound import words_told
from tests.e2e.caller import Caller
from tests.e2e.house import AGENT, House, standing_house
from tests.e2e.waiting import until
from unbroken.archive.http import RemoteArchive
from unbroken.testing.holders import Holder, entry

pytestmark = pytest.mark.e2e

GREETING = "how can i help"
STORY = (
    "Once there was a lighthouse on a rock. The light went round and round all night. "
    "One evening a small boat came out of the fog. The keeper saw it and lit every lamp. "
    "The people on the boat found the harbour and were very glad."
)
RULES = [
    ["story", STORY],
    ["book|table", {"tool": "book_table", "arguments": {"request": "{heard}"}}],
    ["yes|please", {"tool": "confirm_booking"}],
    ["", "I heard you say {heard}"],
]
INSTRUCTIONS = "lk.agent_task.instructions"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("failover")
    (folder / "state").mkdir()
    variables = {
        "UNBROKEN_TEST_STATE": str(folder / "state"),
        "UNBROKEN_DEMO": "1",
        "UNBROKEN_DEPARTURE_S": "5",
    }
    with standing_house(folder, "tests.e2e.failover_worker", RULES, **variables) as house:
        yield house


class Victim:
    """The agent of one room, as the test sees it from outside."""

    def __init__(self, house: House, room: dict[str, Any], pid: int) -> None:
        self.house, self.room, self.pid = house, room, pid
        self.states = house.folder / "state"

    def state(self, name: str | None = None) -> dict[str, Any]:
        return json.loads((self.states / f"{name or self.pid}.json").read_text())

    def kill(self) -> float:
        """When it was; from then on it shows nothing any more."""
        os.kill(self.pid, signal.SIGKILL)
        killed = time.monotonic()
        while not is_dead(self.pid):
            time.sleep(0.001)
        return killed

    async def successor(self) -> "Victim":
        """The next agent, once it has the session and has put everything back."""
        return Victim(self.house, self.room, await until(self._next))

    def _next(self) -> int | None:
        pid = self.house.holder_pid(self.room)
        is_new = pid != self.pid and (self.states / f"{pid}.restored.json").exists()
        return pid if is_new else None

    def terms(self) -> list[dict[str, Any]]:
        return self.house.get(f"/sessions/{self.session()['id']}")["terms"]

    def session(self) -> dict[str, Any]:
        (session,) = self.house.sessions(self.room["conversation_id"])
        return session

    def seen(self) -> str:
        """For who reads why a test failed."""
        shown = sorted(path.name for path in self.states.iterdir())
        said = lines(self.state()) if f"{self.pid}.json" in shown else []
        parts = (self.pid, is_dead(self.pid), self.house.seen(self.room), said, shown)
        return "\n".join(map(str, parts))


def lines(state: dict[str, Any]) -> list[tuple[str, str]]:
    messages = (i for i in state["history"] if i["type"] == "message")
    return [(i["role"], " ".join(c for c in i["content"] if isinstance(c, str))) for i in messages]


def plain(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """When LiveKit made its instructions item is its own business."""
    return [
        {k: v for k, v in item.items() if item["id"] != INSTRUCTIONS or k != "created_at"}
        for item in items
    ]


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What the old agent had is all there; returns what stands behind it in the history."""
    count = len(before["history"])
    assert after["history"][:count] == before["history"]
    for part in ("agent", "userdata", "options", "people"):
        assert after[part] == before[part]
    assert plain(after["context"])[: len(before["context"])] == plain(before["context"])
    return after["history"][count:]


async def begin(house: House, caller: Caller, room: dict[str, Any]) -> Victim:
    await caller.hear(after=0.0)
    victim = Victim(house, room, await until(lambda: house.holder_pid(room)))
    await until(lambda: victim.states.joinpath(f"{victim.pid}.json").exists())
    return victim


@contextlib.asynccontextmanager
async def in_call(
    house: House, name: str, voice: HibariTTS, *, stale_s: float = 0.0
) -> AsyncIterator[tuple[Caller, Victim]]:
    """A person in a room of that name, greeted. At the end: once, and one voice at a time was
    heard, but for `stale_s` of what an agent that thaws had handed over before."""
    room = house.create_room(name)
    async with Caller.join(room["url"], room["token"], voice) as caller:
        yield caller, await begin(house, caller, room)
        assert_one_voice(caller.voices, stale_s=stale_s)
    said = await house.messages(room["conversation_id"])
    assert sum(GREETING in line["content"].lower() for line in said) == 1


def assert_one_voice(voices: list[tuple[float, str]], *, stale_s: float = 0.0) -> None:
    """Who has spoken is silent for good once the next one has begun."""
    last = {who: at for at, who in voices}
    first = {who: at for at, who in reversed(voices)}
    in_turn = sorted(first, key=lambda who: first[who])
    for before, after in itertools.pairwise(in_turn):
        assert last[before] < first[after] + stale_s, f"{before} and {after} spoke together"


async def say_late(victim: Victim) -> str:
    """What the service answers to one more entry of the first holder."""
    house, name = victim.house, victim.room["name"]
    async with RemoteArchive(house.service_url) as archive:
        old = Holder(archive)
        old.id = UUID(house.journals(name)[0].stem)
        session_id = UUID(victim.session()["id"])
        (answer,) = await old.send(old.batch_of(session_id, 1, entries=[entry(b'{"name":"late"}')]))
    return answer.outcome


async def check(victim: Victim, before: dict[str, Any]) -> tuple[Victim, list[dict[str, Any]]]:
    """The successor has the state, one term more, and does not greet; the old holder is fenced."""
    successor = await victim.successor()
    new = assert_same(before, successor.state(f"{successor.pid}.restored"))
    await until(lambda: victim.terms()[-1]["report"])
    assert [term["term"] for term in victim.terms()] == [1, 2]
    report = victim.terms()[-1]["report"]
    assert {report[k] for k in ("history", "agent", "userdata", "entries")} == {"exact"}
    assert await say_late(victim) == "fenced"
    return successor, new


@pytest.fixture
def silence(request) -> Iterator[list[float]]:
    """Seconds of silence, printed at the end."""
    found: list[float] = []
    yield found
    print(f"{request.node.name}: {', '.join(f'{s:.2f}' for s in found)} s of silence")


async def test_while_listening(house, voice, ears, silence):
    async with in_call(house, "listening", voice) as (caller, victim):
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        killed = victim.kill()
        before = victim.state()
        _, new = await check(victim, before)
        assert new == []
        asked = await caller.say("Are you still there?")
        silence.append(await caller.hear(after=asked) - asked)
        heard = await caller.transcript(ears, after=killed)
        assert GREETING not in heard.lower()
        assert "still there" in heard.lower()
        found = await house.messages(victim.room["conversation_id"], count=5)
        assert [m["role"] for m in found] == ["assistant", *["user", "assistant"] * 2]


async def test_while_the_person_speaks(house, voice, ears):
    async with in_call(house, "speaking", voice) as (caller, victim):
        saying = asyncio.create_task(
            caller.say("I would like to tell you. That I have a very long question for you today.")
        )
        await asyncio.sleep(2.0)
        killed = victim.kill()
        before = victim.state()
        await saying
        successor, _ = await check(victim, before)
        await caller.hear(after=killed)
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)
        said = [text for role, text in lines(successor.state()) if role == "assistant"]
        assert sum(GREETING in text.lower() for text in said) == 1


async def test_while_thinking(house, voice, ears, silence):
    async with in_call(house, "thinking", voice) as (caller, victim):
        await caller.say("Please think about the weather.")
        await until(lambda: lines(victim.state())[-1][0] == "user")
        killed = victim.kill()
        before = victim.state()
        successor, new = await check(victim, before)
        assert new == []
        silence.append(await caller.hear(after=killed) - killed)
        await until(lambda: lines(successor.state())[-1][0] == "assistant")
        said = lines(successor.state())
        assert [role for role, _ in said] == ["assistant", "user", "assistant"]
        assert "weather" in said[-1][1].lower()


async def test_in_mid_sentence(house, voice, ears, silence):
    async with in_call(house, "sentence", voice) as (caller, victim):
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        began = caller.sounded(after=asked)
        await asyncio.sleep(4.5)
        killed = victim.kill()
        before = victim.state()
        _, (cut,) = await check(victim, before)
        resumed = await caller.hear(after=killed + 0.3)
        silence.append(resumed - killed)
        heard = await caller.transcript(ears, after=began - 0.01, before=killed + 0.1)
        rest = await caller.transcript(ears, after=killed + 0.3)
    heard_words, recorded_words = words_told(STORY, heard), len(cut["content"][0].split())
    print(f"heard {heard_words} words, recorded {recorded_words}")
    assert cut["interrupted"]
    assert STORY.startswith(cut["content"][0])
    assert abs(recorded_words - heard_words) <= 4
    assert GREETING not in rest.lower()
    assert "glad" in rest.lower()  # it came to the end of its story


async def test_at_the_end_of_a_sentence(house, voice, ears, silence):
    async with in_call(house, "full-stop", voice) as (caller, victim):
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        began = caller.sounded(after=asked)
        await caller.sentence_end(2, after=began - 0.01)
        killed = victim.kill()
        before = victim.state()
        _, (cut,) = await check(victim, before)
        silence.append(await caller.hear(after=killed + 0.3) - killed)
        heard = await caller.transcript(ears, after=began - 0.01, before=killed)
    heard_words, recorded_words = words_told(STORY, heard), len(cut["content"][0].split())
    print(f"heard {heard_words} words, recorded {recorded_words}")
    assert abs(recorded_words - heard_words) <= 2


async def test_inside_the_booking(house, voice, ears):
    async with in_call(house, "booking", voice) as (caller, victim):
        asked = await caller.say("Please book a table for two on Friday.")
        await caller.hear(after=asked)
        await caller.say("Yes, please.")
        await until((victim.states / "booked").exists)
        killed = victim.kill()
        before = victim.state()
        successor, _ = await check(victim, before)
        assert successor.state(f"{successor.pid}.restored")["agent"] == "Bookings"
        await caller.hear(after=killed + 0.3)
        await until(lambda: "is booked" in str(lines(successor.state())))
    assert bookings(house, "Friday") == 1


async def test_just_behind_the_hand_over(house, voice, ears):
    async with in_call(house, "handover", voice) as (caller, victim):
        asked = await caller.say("Please book a table for three on Monday.")
        await until(lambda: victim.state()["agent"] == "Bookings")
        killed = victim.kill()
        before = victim.state()
        successor, _ = await check(victim, before)
        await caller.hear(after=max(killed + 0.3, asked))
        said = " ".join(text for _, text in lines(successor.state()))
        assert said.lower().count("shall i book it") == 1
        asked = await caller.say("Yes, please.")
        await caller.hear(after=asked)
        await until(lambda: "is booked" in str(lines(successor.state())))
    assert bookings(house, "Monday") == 1


def bookings(house: House, day: str) -> int:
    with contextlib.closing(sqlite3.connect(house.folder / "bookings.sqlite")) as connection:
        (count,) = connection.execute(
            "select count(*) from booking where day = ?", (day,)
        ).fetchone()
    return int(count)


async def test_two_crashes_in_a_row(house, voice, ears):
    async with in_call(house, "twice", voice) as (caller, victim):
        await caller.say("Please think about the boat.")
        await until(lambda: lines(victim.state())[-1][0] == "user")
        victim.kill()
        before = victim.state()
        second = await victim.successor()
        second.kill()
        third = await second.successor()
        noted = assert_same(before, third.state(f"{third.pid}.restored"))
        # LiveKit's notes of the second one's start, if that died before it had taken them out
        assert {item["type"] for item in noted} <= {"agent_handoff", "agent_config_update"}
        await caller.hear(after=time.monotonic())
        await until(lambda: lines(third.state())[-1][0] == "assistant")
        said = lines(third.state())
        assert [role for role, _ in said] == ["assistant", "user", "assistant"]
        assert "boat" in said[-1][1].lower()
        gone = {item["id"] for item in noted}
        assert not [item for item in third.state()["history"] if item["id"] in gone]
        assert victim.session()["term"] == 3


async def test_a_successor_dies_before_it_knows_anything(house, voice):
    """It has taken the session and written nothing: nobody may be silent for ever."""
    async with in_call(house, "reading", voice) as (caller, victim):
        (hold := victim.states / "reading.hold").touch()
        victim.kill()
        before = victim.state()
        await until(lambda: victim.session()["term"] == 2)
        os.kill(house.job_pid("reading"), signal.SIGKILL)
        hold.unlink()
        third = await victim.successor()
        assert assert_same(before, third.state(f"{third.pid}.restored")) == []
        assert victim.terms()[2]["cause"] == "crashed"
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)


async def test_a_successor_that_cannot_read_leaves_it_to_the_next(house, voice):
    async with in_call(house, "unread", voice) as (caller, victim):
        (victim.states / "unread.fail").touch()
        victim.kill()
        before = victim.state()
        third = await victim.successor()
        assert assert_same(before, third.state(f"{third.pid}.restored")) == []
        assert victim.terms()[2]["cause"] == "unreadable"
        asked = await caller.say("Are you still there?")
        await caller.hear(after=asked)


async def test_others_who_are_sent_for_leave_without_a_word(house, voice):
    async with in_call(house, "crowd", voice) as (caller, victim):
        async with api.LiveKitAPI(house.livekit_url, house.key, house.secret) as livekit:
            for _ in range(3):
                request = api.CreateAgentDispatchRequest(agent_name=AGENT, room="crowd")
                await livekit.agent_dispatch.create_dispatch(request)
        asked = await caller.say("Good morning.")
        await caller.hear(after=asked)
        await until(lambda: len(house.journals("crowd")) == 4)
        await until(lambda: len(caller.room.remote_participants) == 1)
        assert {who for _, who in caller.voices} == {victim.session()["agent_identity"]}
        assert (victim.session()["term"], is_dead(victim.pid)) == (1, False)
    await house.shipped(victim.room)


async def test_a_frozen_agent_is_killed_first_and_never_speaks_again(house, voice, ears):
    async with in_call(house, "frozen-agent", voice) as (caller, victim):
        asked = await caller.say("Please tell me a story.")
        await until(lambda: caller.sounded(after=asked))
        await asyncio.sleep(2)
        os.kill(victim.pid, signal.SIGSTOP)
        await check(victim, victim.state())
        assert is_dead(victim.pid)
        await caller.hear(after=time.monotonic())
        assert victim.terms()[-1]["cause"] == "frozen"


def is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
