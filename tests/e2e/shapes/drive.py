"""Drives the shapes: a caller who types and reads, a kill, and what stands there afterwards."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.e2e.house import House
from tests.e2e.shapes.guest import IDENTITY, Guest
from tests.e2e.shapes.shape import Shape, State
from unbroken.log.cause import RELEASED

WAIT_S = 90  # many times what anything here takes; a loaded machine takes 20
QUIET_S = 0.5  # so long nothing may change until an agent that has answered is done
BUSY_S = 4.0  # the same for one that does not listen
ALONE_S = 8.0  # so long nobody may come to a call that is over
LOOK_S = 0.02
ASK_S = 0.2  # the service, while a holder is awaited
FOLLOW_S = 5.0  # the service, while a line is not heard


class Holder(NamedTuple):
    """The agent that has the session; others may be in the room for a moment, and go."""

    pid: int
    identity: str
    term: int


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
    """One shape in its room. A wait that ends in vain says what was there instead."""

    def __init__(self, house: House, shape: Shape) -> None:
        self._house, self._shape = house, shape
        self._states = house.folder / "state"
        self._room: dict[str, Any] = {}
        self._guest: Guest
        self._holder = self._first = Holder(0, "", 0)
        self._begun = 0  # so many lines were said when the caller last said something
        self._followed = 0.0  # when the service was last asked who has the session instead

    async def run(self) -> Outcome:
        self._room = await asyncio.to_thread(self._house.create_room, self._shape.name)
        async with Guest.join(self._house, self._shape.name) as self._guest:
            await self._meet()
            await self._hear(self._shape.greets)
            for line, wanted in self._shape.talk:
                await self._say(line, wanted)
            outcome = await self._kill()
            if self._shape.goes_on:
                await self._go_on(outcome)
            else:
                await asyncio.sleep(ALONE_S)
            outcome.successors = await self._successors()
        return outcome

    async def _meet(self) -> None:
        """Until there is a holder that is not the one before, has started, and hears."""
        before = self._holder.term

        async def is_met() -> bool:
            await self._find()
            return self._holder.term > before

        await self._until(is_met, "the next holder", every_s=ASK_S)

    async def _follow(self) -> None:
        """Of two first agents on a slow machine one goes, and the other has the session."""
        if time.monotonic() - self._followed > FOLLOW_S:
            await self._find()
            self._followed = time.monotonic()

    async def _find(self) -> None:
        session = await self._session()
        if not session or session["term"] <= self._holder.term:
            return
        pid = self._pid(session["agent_identity"])
        if pid is None or IDENTITY not in self._shown(pid)["people"]:
            return  # what is typed by who is not known there is not heard
        if await self._guest.reaches(session["agent_identity"]):
            self._holder = Holder(pid, session["agent_identity"], session["term"])

    async def _kill(self) -> Outcome:
        """At the shape's moment, in what was said since the caller's last words."""
        if self._shape.last:
            await self._type(self._shape.last)
        await self._until(self._is_moment, f"the moment: {self._shape.killed}")
        await asyncio.sleep(0.05)  # the state that it shows is a look behind
        os.kill(self._holder.pid, signal.SIGKILL)
        await asyncio.sleep(0.05)
        self._first, self._begun = self._holder, len(self._guest.lines)
        return Outcome(before=self._state())

    async def _is_moment(self) -> bool:
        return self._shape.at(self._state() | {"spoken": self._guest.said(self._begun)})

    async def _go_on(self, outcome: Outcome) -> None:
        await self._meet()
        outcome.after = self._state("started.json")
        await self._hear(self._shape.said)
        outcome.said = self._guest.said(self._begun)
        outcome.report = await self._until(self._report, "the report", every_s=ASK_S)
        for line, wanted in self._shape.then:
            outcome.answers.append(await self._say(line, wanted))

    async def _say(self, line: str, wanted: str) -> str:
        """The answer, when the agent is done with it."""
        await self._type(line)
        await self._hear(wanted)
        return self._guest.said(self._begun)

    async def _hear(self, wanted: str) -> None:
        """Until `wanted` was said since the caller's last words, and nothing more comes."""
        pattern = re.compile(wanted, re.IGNORECASE)

        async def is_said() -> bool:
            return bool(pattern.search(self._guest.said(self._begun)))

        await self._until(is_said, f"{wanted!r} to be said")
        await self._quiet()

    async def _type(self, line: str) -> None:
        """Until it is heard."""
        turns, self._begun = self._turns(), len(self._guest.lines)
        self._followed = time.monotonic()
        await self._guest.type(line)

        async def is_heard() -> bool:
            await self._follow()
            return self._turns() > turns

        await self._until(is_heard, f"{line!r} to be heard")

    def _turns(self) -> int:
        return sum(item[2:3] == ["user"] for item in self._state()["history"])

    async def _quiet(self) -> None:
        """Until it listens and nothing changes. A tool that waits for a task looks busy."""
        known, since = None, time.monotonic()

        async def is_quiet() -> bool:
            nonlocal known, since
            now = (self._state(), self._guest.said(0))
            if now != known:
                known, since = now, time.monotonic()
            still_s = time.monotonic() - since
            return still_s > (QUIET_S if now[0]["state"] == "listening" else BUSY_S)

        await self._until(is_quiet, "quiet")

    def _pid(self, identity: str | None) -> int | None:
        """Of the job whose `start` has returned under this name."""
        for path in self._states.glob(f"{self._shape.name}.*.started.json"):
            if json.loads(path.read_text())["identity"] == identity:
                return int(path.name.split(".")[1])
        return None

    def _state(self, suffix: str = "json") -> State:
        return self._shown(self._holder.pid, suffix)

    def _shown(self, pid: int, suffix: str = "json") -> State:
        path = self._states / f"{self._shape.name}.{pid}.{suffix}"
        nothing = {"state": "", "history": [], "people": []}
        return json.loads(path.read_text()) if path.exists() else nothing

    async def _session(self) -> dict[str, Any]:
        """{} before anybody has taken it."""
        found = await asyncio.to_thread(self._house.sessions, self._room["conversation_id"])
        return found[0] if found else {}

    async def _successors(self) -> int:
        """Who came behind the kill; one that began without the state, and gave it back, aside."""
        terms = await self._terms(await self._session())
        had = [term for term in terms if term["term"] > self._first.term]
        return len(had) - sum(term["cause"] == RELEASED for term in had)

    async def _terms(self, session: dict[str, Any]) -> list[dict[str, Any]]:
        if not session:
            return []
        return (await asyncio.to_thread(self._house.get, f"/sessions/{session['id']}"))["terms"]

    async def _report(self) -> dict[str, str]:
        """Of the newest successor; {} while the service has none: the keeper is a moment behind."""
        session = await self._session()
        entries = await asyncio.to_thread(self._house.entries, session["id"])
        found = [entry for entry in entries if entry["kind"] == "recovered"]
        return dict(found[-1]["payload"]["report"]) if found else {}

    async def _until(
        self, condition: Callable[[], Any], what: str, *, every_s: float = LOOK_S
    ) -> Any:
        try:
            async with asyncio.timeout(WAIT_S):
                while not (found := await condition()):
                    await asyncio.sleep(every_s)
                return found
        except TimeoutError:
            raise AssertionError(f"waited {WAIT_S} s for {what}\n{await self._seen()}") from None

    async def _seen(self) -> str:
        """What is there instead, for who reads why it failed."""
        state = self._state()
        parts = {
            "holder": self._holder,
            "session": (session := await self._session()),
            "terms": await self._terms(session),
            "agent": (state.get("agent"), state["state"], f"since {state.get('at')}"),
            "history": state["history"],
            "said": [*self._guest.lines.values()],
            "said since the caller's last words": self._guest.said(self._begun),
            "started": sorted(path.name for path in self._states.glob(f"{self._shape.name}.*")),
            "now": time.time(),
        }
        lines = [f"{name}: {value}" for name, value in parts.items()]
        return "\n".join([*lines, self._house.log("worker")[-4_000:]])
