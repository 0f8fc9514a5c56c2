"""A generated session, captured, killed, and restored by the real code; and what is not as it was.

No media and no room: LiveKit's session takes agents, items and options without being started. What
came back is compared object with object, not by the digests that the report is made of.
"""

import gc
import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

from livekit.agents import (
    Agent,
    AgentSession,
    AgentTask,
    ToolCallEnded,
    ToolCallStarted,
    ToolExecutionUpdatedEvent,
)
from livekit.agents.llm import ChatItem, FunctionCall

from tests.core.conftest import new_header
from tests.core.shapes import Everything, Line, is_same
from tests.livekit.holders import GAP
from tests.sessions.generated import MADE_AGAIN, STEPS, USERDATA, Greeter, Step, Thinker
from tests.sessions.stacks import Stack
from unbroken.archive.port import StoredEntry, StoreIdentity, Taken, WireMark
from unbroken.env import Env, Host
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY
from unbroken.journal.spool import Spool
from unbroken.live.live import Live, by_room
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.restore import recover, restore
from unbroken.livekit.restore.start import Start, known_items
from unbroken.livekit.state import factories
from unbroken.livekit.state.whole import WRITTEN_WHOLE
from unbroken.log import mark
from unbroken.log.entries import JSON, text_of
from unbroken.log.mark import Mark, Speech

STEPS_MAX = 6
KILL = "kill"
KILL_IN_SPEECH = "kill in speech"
LIKELY = {"user_speaks": 4, "agent_speaks": 3, "tool_is_called": 3, "hands_over": 2}
LIKELY |= {"asks_questions": 2, "question_is_answered": 4}
NAMES = (*STEPS, KILL, KILL_IN_SPEECH)
WEIGHTS = [LIKELY.get(name, 1) for name in NAMES]
NOBODY = UUID(int=0)
KNOWN = factories.factories_of(MADE_AGAIN)
ITEMS_OF = "history", "context of "
FAILURES_MAX = 3
MEMORY = "/dev/shm"
COLLECT_EVERY = 500
INSTRUCTIONS_ID = "lk.agent_task.instructions"


def drawn(number: int) -> list[Step]:
    """The session of that number; its last act is to be killed."""
    draw = Random(number)
    names = draw.choices(NAMES, WEIGHTS, k=draw.randrange(2, STEPS_MAX))
    return [Step(name, draw.getrandbits(32)) for name in (*names, KILL)]


def is_kill(name: str) -> bool:
    return name in (KILL, KILL_IN_SPEECH)


class Failure(NamedTuple):
    """What was wrong with a session, and its smallest part that has such a problem."""

    number: int
    said: list[str]
    steps: list[Step]

    def __str__(self) -> str:
        return "\n".join([f"session {self.number}:", *self.said, *map(str, self.steps)])


class Places(NamedTuple):
    """Where the parts of sessions write, and what a new part's userdata is."""

    env: Env
    spool: Spool
    userdata: Callable[[], Any]


class Part:
    """One process's part of a session."""

    def __init__(self, places: Places, log: Sequence[StoredEntry] = (), saved: Any = None) -> None:
        self.places = places
        self.log = tuple(log)
        env, spool = places.env, places.spool
        self.live = Live.open(spool, new_header(env, spool), saved)
        self.session: AgentSession[Any] = AgentSession(
            llm=Thinker(), userdata=places.userdata(), turn_handling={"turn_detection": None}
        )
        self.hooks = Hooks(env, self.live, self.session, KNOWN)
        self.stack, self.is_over = Stack(self), False
        self.agents: list[Agent] = []
        self.running: set[str] = set()
        self.reported: list[str] = []  # lines that are only in the log
        self.excused: set[str] = set()
        self.repaired: set[str] = set()  # ids of what was in flight, and is an item now
        self.judged: dict[str, str] = {}  # the restore report

    async def begin(self, agent: Agent) -> None:
        self.agents.append(agent)
        self.hooks.attach(agent)
        self.session.update_agent(agent)
        await self.enters(agent)
        self.scan()

    async def enters(self, agent: Agent) -> None:
        await self.stack.begin(agent)

    def scan(self) -> None:
        self.hooks.scan()

    def meet(self, agent: Agent) -> None:
        if all(known is not agent for known in self.agents):
            self.agents.append(agent)
        self.hooks.scan()

    def tell(self, update: str, call: FunctionCall) -> None:
        if update == "started":
            self.running.add(call.name)
            told: Any = ToolCallStarted(function_call=call)
        else:
            self.running.discard(call.name)
            told = ToolCallEnded(id=call.call_id, call_id=call.call_id, status="done")
        self.session.emit("tool_execution_updated", ToolExecutionUpdatedEvent(update=told))

    def report(self, text: str) -> None:
        self.live.say("history", "assistant", text, extra={})
        self.reported.append(text)

    def entries(self) -> tuple[StoredEntry, ...]:
        """The log, with what this part wrote as it stands in its file."""
        path = self.places.spool.journal(self.live.journal.header.holder)
        reader, found = JournalReader(self.places.env, path), list(self.log)
        while more := reader.read(is_living=True):
            for frame in more:
                if frame.type == ENTRY:
                    seq = len(found) + 1
                    found.append(StoredEntry(seq, 1, frame.kind, 0, frame.flags, frame.payload))
        reader.close()
        return tuple(found)

    async def killed(self) -> None:
        self.is_over = True
        self.hooks._is_over = True  # a dead process looks at nothing any more
        self.live._watching.cancel()
        by_room.discard(self.live)
        self.live.journal.close("left")
        await self.stack.end()

    async def successor(self, flying: Mark | None) -> "Part":
        """What a new process makes of the log, without a room."""
        log = self.entries()
        saved, last = await restore.read(None, _taken(log, flying))  # type: ignore[arg-type]
        after = Part(self.places, log, saved)
        known = set(saved.items)
        start = Start(self.places.env, after.live, after.session, after.hooks)
        current = await start.restore(last, GAP, first=Greeter(), factories=KNOWN)
        if start.problems or not (restored := start.restored):
            raise RuntimeError(start.problems)
        after.repaired = saved.items.keys() - known
        after.excused, begun = self.excused, known_items(after.live.session)
        await after.begin(current)
        await recover.forget_the_start(after.session, begun)
        after.scan()
        after.agents = [agent for agent in restored._made.values() if not _is_over(agent)]
        after.judged, after.reported = restored.report, self.reported
        return after


def _is_over(agent: Agent) -> bool:
    return isinstance(agent, AgentTask) and agent.done()


def _taken(log: tuple[StoredEntry, ...], flying: Mark | None) -> Taken:
    payload = mark.encode(flying) if flying else None
    return Taken(
        session_id=NOBODY,
        call_id=NOBODY,
        conversation_id=NOBODY,
        term=2,
        base=len(log),
        is_new=False,
        cause="crashed",
        entries=log,
        mark=WireMark(len(log), 0, payload) if payload else None,
        store=StoreIdentity("s", 1),
    )


async def problems(places: Places, steps: Sequence[Step]) -> list[str]:
    """Of one session, over all its kills: what is not as it was though the report does not say so,
    and what the report says without need."""
    part = Part(places)
    await part.begin(Greeter())
    try:
        for step in steps:
            if step.name in STEPS:
                await step.act(part)
                continue
            part.scan()
            before, part = part, await _killed(part, step)
            if found := list(_differing(before, part)):
                return found
    except Exception:  # noqa: BLE001 - a step that fails is a finding, too
        return [traceback.format_exc()]
    else:
        return []
    finally:
        await part.killed()


async def _killed(part: Part, step: Step) -> Part:
    flying = None
    if step.name == KILL_IN_SPEECH:
        said = "One that was heard. Two that was cut."
        heard = said[: Random(step.number).randrange(len(said))]
        key = part.hooks.key_of(part.session.current_agent)
        flying = Mark(Speech(key, said, heard, 900), is_owed=True)
    await part.killed()
    return await part.successor(flying)


def _differing(before: Part, after: Part) -> Iterator[str]:
    """Each field: equal, or named; and `exact` wherever nothing hindered it."""
    for field, equal in _compared(before, after).items():
        said = after.judged.get(field, "nothing")
        if not equal and said in ("exact", "nothing"):
            yield f"{field} is not as it was, and the report says {said}"
        if equal and said != "exact" and not _is_excused(field, before.excused):
            yield f"{field} is as it was, and the report says {said}"
        if not equal and not _is_excused(field, before.excused):
            yield f"{field} did not come back: {said}"
    yield from _parted(before, after)
    if whole := before.live.session.notes.get(WRITTEN_WHOLE):
        yield f"{whole['field']} is to be recorded as it changes, and was written whole"
    lines = {text_of(item) for item in after.live.session.history}
    if lost := [text for text in before.reported if text not in lines]:
        yield f"{lost} were reported, and are not in the log"
    tools = after.judged.get("tools", "exact")
    if any(name not in tools for name in before.running):
        yield f"{before.running} were running, and the report says {tools}"


def _parted(before: Part, after: Part) -> Iterator[str]:
    """What was one object in several places, and is not any more."""
    was, now = one_in_several(before), one_in_several(after)
    there = {field for field, _ in held(after)}
    for group in was:
        known = {place for place in group if place[0] in there}
        if len(known) > 1 and not any(known <= places for places in now):
            said = {field: after.judged.get(field) for field, *_ in known}
            if not any(_is_excused(field, before.excused) for field in said):
                yield f"{known} were one object, and the report says {said}"


def held(part: Part) -> Iterator[tuple[str, Any]]:
    yield "userdata", part.session.userdata
    yield from ((f"attributes of {key}", _own(agent)) for key, agent in _agents(part).items())


def one_in_several(part: Part) -> list[set[tuple[str, ...]]]:
    """The places of each object that can be changed and stands in more than one."""
    found: dict[int, set[tuple[str, ...]]] = {}

    def walk(value: Any, at: tuple[str, ...]) -> None:
        if not isinstance(value, list | dict | deque | tuple | Line | Everything):
            return
        if not isinstance(value, tuple):
            found.setdefault(id(value), set()).add(at)
        parts = value.items() if isinstance(value, dict) else enumerate(_parts_of(value))
        for key, inner in parts:
            walk(inner, (*at, repr(key)))

    living = list(held(part))
    for field, value in living:
        walk(value, (field,))
    return [places for places in found.values() if len(places) > 1]


def _parts_of(value: Any) -> Iterable[Any]:
    return vars(value).values() if isinstance(value, Line | Everything) else value


def _is_excused(field: str, excused: set[str]) -> bool:
    return field in excused or any(f" of {name}" in field for name in excused)


def _compared(before: Part, after: Part) -> dict[str, bool]:
    """By field of the report, whether what stands there now is equal to what stood there."""
    was, now = _agents(before), _agents(after)
    current, goes_on = before.session.current_agent, after.session.current_agent
    found = {
        "agent": type(current) is type(goes_on) and _key(before, current) == _key(after, goes_on),
        "history": _are_same(
            before.session.history.items, after.session.history.items, after.repaired
        ),
        "userdata": _is_same(before, after, before.session.userdata, after.session.userdata),
        "options": _options(before.session) == _options(after.session),
    }
    for key in was.keys() & now.keys():
        found |= _compared_agent(before, after, key, was[key], now[key])
    return found


def _compared_agent(before: Part, after: Part, key: str, was: Any, now: Any) -> dict[str, bool]:
    own = [_own(was), _own(now)]
    return {
        f"context of {key}": _are_same(was.chat_ctx.items, now.chat_ctx.items, after.repaired),
        f"instructions of {key}": _told(was) == _told(now),
        f"tools of {key}": {t.id for t in was.tools} == {t.id for t in now.tools},
        f"attributes of {key}": _is_same(before, after, *own),
    }


def _agents(part: Part) -> dict[str, Agent]:
    return {part.hooks.key_of(agent): agent for agent in part.agents}


def _key(part: Part, agent: Agent) -> str:
    return part.hooks.key_of(agent)


def _own(agent: Agent) -> dict[str, Any]:
    names = ("desk", "number", "light_on", "slots", "more")
    return {name: getattr(agent, name) for name in names if hasattr(agent, name)}


def _told(agent: Agent) -> list[str]:
    """What a model is told, by voice and in writing."""
    told: Any = agent.instructions
    if isinstance(told, str):
        return [told, told]
    return [told.render(modality="audio"), told.render(modality="text")]


def _are_same(was: Sequence[ChatItem], now: Sequence[ChatItem], repaired: set[str]) -> bool:
    left = [item for item in was if item.id != INSTRUCTIONS_ID]
    right = [item for item in now if item.id != INSTRUCTIONS_ID and item.id not in repaired]
    return left == right and [type(i) for i in left] == [type(i) for i in right]


def _is_same(before: Part, after: Part, was: Any, now: Any, depth: int = 0) -> bool:
    """An agent is the same under its key, and what holds the userdata holds that."""
    if depth and was is before.session.userdata:
        return now is after.session.userdata
    if isinstance(was, Agent) and isinstance(now, Agent):
        return type(was) is type(now) and _key(before, was) == _key(after, now)
    if type(was) is dict and type(now) is dict:
        pairs = [(was[k], now[k]) for k in was if k in now]
        return len(pairs) == len(was) == len(now) and all(
            _is_same(before, after, *pair, depth + 1) for pair in pairs
        )
    if isinstance(was, Everything | Line) and type(was) is type(now):
        return _is_same(before, after, vars(was), vars(now), depth)
    return is_same(was, now)


def _options(session: AgentSession[Any]) -> JSON:
    mode = session.turn_detection
    return [
        session.options.endpointing["min_delay"],
        mode if isinstance(mode, str | None) else type(mode).__name__,
        session.output.transcription_enabled,
        session.input.audio_enabled,
        session.options.max_tool_steps,
        session.llm._temperature,  # type: ignore[union-attr]
    ]


class Even(Host):
    """All takes equally long: how busy the machine is changes nothing."""

    _now_us = 0

    def boot_us(self) -> int:
        self._now_us += 1
        return self._now_us


async def failures(numbers: Iterable[int]) -> list[Failure]:
    """Of the sessions of these numbers; the first few."""
    env = Even()
    found: list[Failure] = []
    in_memory = MEMORY if Path(MEMORY).is_dir() else None  # no disk has to be waited for
    with TemporaryDirectory(dir=in_memory) as folder, undisturbed():
        spool = Spool.open(env, folder)
        for number in numbers:
            places = Places(env, spool, USERDATA[number % len(USERDATA)])
            if said := await problems(places, drawn(number)):
                found.append(Failure(number, said, await _smallest(places, drawn(number), said)))
            if len(found) == FAILURES_MAX:
                break
            if number % COLLECT_EVERY == 0:
                gc.collect(1)
    return found


async def _smallest(places: Places, steps: list[Step], said: list[str]) -> list[Step]:
    """Without those steps without which the same field still has a problem."""
    at, field = 0, said[0].partition(" is ")[0]
    while at < len(steps):
        fewer = steps[:at] + steps[at + 1 :]
        if any(found.startswith(field) for found in await problems(places, fewer)):
            steps, at = fewer, 0
        else:
            at += 1
    return steps


@contextmanager
def undisturbed() -> Iterator[None]:
    """No log, and no search for garbage in all that is loaded: sessions are many and small."""
    gc.collect()
    gc.freeze()
    gc.disable()
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        gc.enable()
        gc.unfreeze()
