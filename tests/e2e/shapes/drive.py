"""Drives the shapes: a caller who types and reads, a kill, and what stands there afterwards."""

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from livekit import api, rtc

from tests.e2e.house import House
from tests.e2e.shapes.shape import Shape, State

WAIT_S = 40
SAY_S = 20
HEAR_S, TRIES = 10, 3
QUIET_S = 0.5  # so long nothing may change until an agent is taken for done
BUSY_S = 4.0  # the same for one that does not listen
ALONE_S = 8.0  # so long nobody may come to a call that is over


class Guest:
    """In the room with a keyboard; reads what the agents say, as it is played."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.lines: dict[str, str] = {}  # by segment, in the order of their beginnings
        self._reading: set[asyncio.Task[None]] = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def join(cls, house: House, name: str) -> AsyncIterator["Guest"]:
        guest = cls()
        grants = api.VideoGrants(room_join=True, room=name)
        token = api.AccessToken(house.key, house.secret).with_identity("ann").with_grants(grants)
        guest.room.register_text_stream_handler("lk.transcription", guest._transcribed)
        await guest.room.connect(house.livekit_url, token.to_jwt())
        try:
            yield guest
        finally:
            for task in guest._reading:
                task.cancel()
            await asyncio.gather(*guest._reading, return_exceptions=True)
            await guest.room.disconnect()

    async def type(self, text: str) -> None:
        await self.room.local_participant.send_text(text, topic="lk.chat")

    def said(self, since: int) -> str:
        return " | ".join([*self.lines.values()][since:])

    def _transcribed(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity != "ann":
            task = asyncio.create_task(self._read(reader))
            self._reading.add(task)

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        key = (reader.info.attributes or {}).get("lk.segment_id", reader.info.stream_id)
        self.lines.setdefault(key, "")
        with contextlib.suppress(rtc.StreamError):  # its sender died
            async for piece in reader:
                self.lines[key] += piece


@dataclass
class Outcome:
    """What the test looks at."""

    before: State = field(default_factory=dict)  # of the old agent, the last that it showed
    after: State = field(default_factory=dict)  # of the new one when `start` had returned
    report: dict[str, str] = field(default_factory=dict)
    said: str = ""  # by the new one before anybody spoke to it
    answers: list[str] = field(default_factory=list)
    successors: int = 0


class Drive:
    """One shape in its room."""

    def __init__(self, house: House, shape: Shape) -> None:
        self._house, self._shape = house, shape
        self._states = house.folder / "state"
        self._room: dict[str, Any] = {}
        self._guest: Guest

    async def run(self) -> Outcome:
        self._room = await asyncio.to_thread(self._house.create_room, self._shape.name)
        async with Guest.join(self._house, self._shape.name) as self._guest:
            pid = await self._until(lambda: self._started(0))
            await self._quiet(pid)
            for line in self._shape.talk:
                await self._say(pid, line)
            outcome = await self._kill(pid)
            if self._shape.goes_on:
                await self._go_on(pid, outcome)
            else:
                await asyncio.sleep(ALONE_S)
                outcome.successors = len(self._pids()) - 1
        return outcome

    async def _kill(self, pid: int) -> Outcome:
        begun = len(self._guest.lines)
        if self._shape.last:
            await self._type(pid, self._shape.last)
        await self._until(
            lambda: self._shape.at(self._state(pid) | {"spoken": self._guest.said(begun)})
        )
        await asyncio.sleep(0.05)  # the state that it shows is a look behind
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.05)
        return Outcome(before=self._state(pid))

    async def _go_on(self, dead: int, outcome: Outcome) -> None:
        begun = len(self._guest.lines)
        pid = await self._until(lambda: self._started(dead))
        outcome.after = self._state(pid, "started.json")
        await self._hear(pid, begun, self._shape.said)
        outcome.said, outcome.successors = self._guest.said(begun), len(self._pids()) - 1
        async with asyncio.timeout(WAIT_S):
            while not (found := await asyncio.to_thread(self._report)):
                await asyncio.sleep(0.1)  # the keeper is a moment behind
        outcome.report = found
        for line, wanted in self._shape.then:
            outcome.answers.append(await self._say(pid, line, wanted))

    async def _say(self, pid: int, line: str, wanted: str = "") -> str:
        """The answer, when the agent is done with it."""
        begun = len(self._guest.lines)
        await self._type(pid, line)
        await self._hear(pid, begun, wanted)
        return self._guest.said(begun)

    async def _hear(self, pid: int, begun: int, wanted: str) -> None:
        """Until `wanted` was said since `begun`, and nothing more comes. If it is not, what was
        said instead is looked at later."""
        pattern = re.compile(wanted, re.IGNORECASE)
        with contextlib.suppress(TimeoutError):
            await self._until(lambda: pattern.search(self._guest.said(begun)), SAY_S)
        await self._quiet(pid)

    async def _type(self, pid: int, line: str) -> None:
        """Until it is heard: what is sent before the agent's data channel is open gets lost."""
        turns = self._turns(pid)
        for _ in range(TRIES):
            await self._guest.type(line)
            with contextlib.suppress(TimeoutError):
                await self._until(lambda: self._turns(pid) > turns, HEAR_S)
                return
        raise AssertionError(f"{self._shape.name} does not hear {line!r}")

    def _turns(self, pid: int) -> int:
        return sum(item[2:3] == ["user"] for item in self._state(pid)["history"])

    async def _quiet(self, pid: int) -> None:
        """Until it listens and nothing changes. A tool that waits for a task looks busy."""
        known, since = None, time.monotonic()
        async with asyncio.timeout(WAIT_S):
            while True:
                await asyncio.sleep(0.02)
                now = (self._state(pid), self._guest.said(0))
                if now != known:
                    known, since = now, time.monotonic()
                still_s = time.monotonic() - since
                if still_s > (QUIET_S if now[0]["state"] == "listening" else BUSY_S):
                    return

    def _pids(self) -> list[int]:
        """Of those whose `start` has returned, in their order."""
        found = self._states.glob(f"{self._shape.name}.*.started.json")
        ordered = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        return [int(path.name.split(".")[1]) for path in ordered]

    def _started(self, not_this: int) -> int | None:
        return next((pid for pid in reversed(self._pids()) if pid != not_this), None)

    def _state(self, pid: int, suffix: str = "json") -> State:
        path = self._states / f"{self._shape.name}.{pid}.{suffix}"
        return json.loads(path.read_text()) if path.exists() else {"state": "", "history": []}

    def _report(self) -> dict[str, str]:
        """Of the newest successor; {} while the service has none."""
        (session,) = self._house.sessions(self._room["conversation_id"])
        found = [e for e in self._house.entries(session["id"]) if e["kind"] == "recovered"]
        return dict(found[-1]["payload"]["report"]) if found else {}

    async def _until(self, condition: Callable[[], Any], within_s: float = WAIT_S) -> Any:
        async with asyncio.timeout(within_s):
            while not (found := condition()):
                await asyncio.sleep(0.02)
            return found
