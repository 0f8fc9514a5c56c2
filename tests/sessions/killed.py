"""A generated session of tasks, killed up to three times, beside the same one that is not."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.livekit.awaiting import Holder, words
from tests.sessions.asking import (
    ASKING,
    RULES,
    SIGN_UP,
    WELCOME,
    Desk,
    Drawn,
    drawn,
    heard,
    userdata,
)
from tests.sessions.round_trip import undisturbed
from unbroken.log.entries import decode
from unbroken.log.session import Session

AT_ONCE = 12
FAILURES_MAX = 3
END_S = 60.0  # of what takes less than one
PASSING = ("give", "confirm", "refuse")  # calls that a kill takes along with their task's end
IN_A_MOMENT = (  # what is recorded together with what is in front of it
    "context", "digest", "agent_made", "task_started", "task_ended", "tool_ended", "awaiting_ended"
)  # fmt: skip
STATE = {"userdata_changed", "attributes_changed"}


class End(NamedTuple):
    """What a session has come to."""

    current: str
    lines: list[tuple[str, str]]
    userdata: Any
    attributes: dict[str, Any]
    lost: dict[str, str]
    is_stuck: bool = False

    def differences(self, other: "End") -> list[str]:
        pairs = zip(self._fields, self, other, strict=True)
        return [f"{name}: {now!r}\n  not {was!r}" for name, was, now in pairs if was != now]


class Failure(NamedTuple):
    """A session that came to another end, and its smallest part that does."""

    number: int
    said: list[str]
    session: Drawn

    def __str__(self) -> str:
        return "\n".join([f"session {self.number}: {self.session}", *self.said])


def lines(holder: Holder) -> list[tuple[str, str]]:
    return [line for line in words(holder.session.history.items) if not {*line} & {*PASSING}]


def end_of(holder: Holder, *, is_stuck: bool) -> End:
    agent: Any = holder.session.current_agent
    own = {n: getattr(agent, n, None) for n in ("found", "count", "notes", "newest")}
    given = holder.session.userdata
    return End(holder.current, lines(holder), given, own, holder.hooks.tasks.lost, is_stuck)


def is_over(holder: Holder, rounds: int) -> bool:
    last = f"Round {rounds} is done"
    return any(who == "assistant" and said.startswith(last) for who, said in lines(holder))


def answer(holder: Holder) -> str | None:
    """What a person says now, if it is their turn."""
    said = lines(holder)
    if not said or said[-1][0] != "assistant":
        return None
    agent: Any = holder.session.current_agent
    if hasattr(agent, "steps"):
        return SIGN_UP if said[-1][1] == WELCOME or " is done: " in said[-1][1] else None
    is_asked = said[-1][1] == getattr(agent, "question", None)
    return agent.answer if is_asked else None


async def converse(holder: Holder, rounds: int) -> End:
    is_stuck = False
    try:
        async with asyncio.timeout(END_S):
            while not is_over(holder, rounds):
                if said := answer(holder):
                    with contextlib.suppress(RuntimeError):  # just between two agents: once more
                        heard_it = holder.session.generate_reply(user_input=said)
                        while answer(holder) == said and not heard_it.done():
                            await asyncio.sleep(0.01)
                await asyncio.sleep(0.01)
    except TimeoutError:
        is_stuck = True
    await holder.quiet(0.02)
    end = end_of(holder, is_stuck=is_stuck)
    await holder.close()
    return end


def kill_points(holder: Holder) -> list[int]:
    """Behind each look of this holder, once somebody has said something."""
    entries, first = holder.entries(), len(holder.before)
    kinds = [kind for kind, _ in entries]
    known, found = Session(), []
    for upto, (kind, payload) in enumerate(entries[:-1], 1):
        known.apply(decode(kind, payload))
        is_in_a_look = kinds[upto] in IN_A_MOMENT or {*kinds[upto - 1 : upto + 1]} <= STATE
        if upto > first and known.message_count and not is_in_a_look:
            found.append(upto)
    return found


async def differences(places: Any, session: Drawn) -> list[str]:
    """How a session that is killed ends otherwise than one that is not."""

    def agent() -> Desk:
        return session.kind(heard(session.steps))

    holder = await Holder(*places, RULES, userdata=userdata).begin(agent())
    expected = await converse(holder, session.rounds)
    for part in session.kills:
        if points := kill_points(holder):
            upto = points[int(part * len(points))]
            holder = await holder.next(agent(), upto=upto)
            end = await converse(holder, session.rounds)
            if found := expected.differences(end):
                return [*found, f"killed behind {upto}: {[k for k, _ in holder.before[-5:]]}"]
    return ["it is stuck"] if expected.is_stuck else []


async def failures(places: Any, numbers: Iterable[int]) -> list[Failure]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> tuple[int, list[str]]:
        async with turns:
            return number, await differences(places, drawn(number))

    with undisturbed():
        ends = await asyncio.gather(*map(one, numbers))
        failed = [(number, said) for number, said in ends if said]
        return [await _smallest(places, number, said) for number, said in failed[:FAILURES_MAX]]


async def _smallest(places: Any, number: int, said: list[str]) -> Failure:
    """Without those steps and kills without which it ends otherwise, too."""
    session = drawn(number)
    parts = [("kills", kill) for kill in session.kills] + [("steps", s) for s in session.steps]
    for name, part in parts:
        fewer = session._replace(**{name: [p for p in getattr(session, name) if p != part]})
        is_one = any(step.kind in ASKING for step in fewer.steps)
        if is_one and (found := await differences(places, fewer)):
            session, said = fewer, found
    return Failure(number, said, session)
