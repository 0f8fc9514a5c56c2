"""The same call again in the same turn is the same wish: done once, its outcome given each time."""

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, RunContext, function_tool

from tests.agents.scripted import ScriptedLLM
from tests.livekit import awaiting
from tests.livekit.holders import Holder
from tests.livekit.speaking import flying
from unbroken import current_effect, effect
from unbroken.errors import EffectUnknown

CALL = {"tool": "book", "arguments": {"day": "monday"}}
RULES = [("book", CALL), ("", "Yes.")]


class Looping(ScriptedLLM):
    """Calls the tool `times` times in a turn, one after the other or all at once."""

    def __init__(self, times: int = 3, *, at_once: bool = False) -> None:
        super().__init__(RULES)
        self.times, self.at_once, self.left = times, at_once, times

    def chat(self, **given: Any) -> Any:
        stream = super().chat(**given)

        async def run() -> None:
            for _ in range(self.left if self.at_once else min(1, self.left)):
                self.left -= 1
                stream._call(CALL, "")
            if not self.left:
                stream._say("Booked.")

        stream._run = run
        return stream


class Desk(Agent):
    not_durable = True

    def __init__(self, *, fails: int = 0, waits: bool = False) -> None:
        super().__init__(instructions="desk")
        self.fails, self.waits, self.released = fails, waits, asyncio.Event()
        self.keys: list[str] = []

    @function_tool
    @effect(retry="query", level="process")
    async def book(self, context: RunContext, day: str) -> str:
        """Book.

        Args:
            day: which
        """
        self.keys.append(current_effect().key)
        await (self.released.wait() if self.waits else asyncio.sleep(0.02))
        if len(self.keys) <= self.fails:
            raise ValueError("not yet")
        return f"booked {day}"


class NamedDesk(Desk):
    """Gives its wishes names of its own: two holders have one session only with a service."""

    @function_tool
    @effect(retry="query", level="process", key=lambda day: f"book {day}")
    async def book(self, context: RunContext, day: str) -> str:
        """Book.

        Args:
            day: which
        """
        self.keys.append(current_effect().key)
        return f"booked {day}"


async def holder_of(env, spool, desk, model) -> Holder:
    session = AgentSession[Any](llm=model)
    return await Holder.first(env, spool, desk, RULES, session=session)


def outcomes(holder: Any) -> list[str]:
    items = holder.session.history.items
    return [item.output for item in items if item.type == "function_call_output"]


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_model_that_loops_has_it_done_once(env, spool, at_once):
    desk = Desk()
    holder = await holder_of(env, spool, desk, Looping(at_once=at_once))
    await holder.say("book monday")
    assert len(desk.keys) == 1
    assert outcomes(holder) == ["booked monday"] * 3
    await holder.close()


async def test_behind_the_persons_next_words_it_is_another_wish(env, spool):
    desk = Desk()
    holder = await holder_of(env, spool, desk, Looping(2))
    await holder.say("book monday")
    holder.session.llm.left = 2
    await holder.say("book monday once more")
    assert len(set(desk.keys)) == len(desk.keys) == 2
    await holder.close()


async def test_one_that_failed_may_be_tried_again(env, spool):
    desk = Desk(fails=1)
    holder = await holder_of(env, spool, desk, Looping(2))
    await holder.say("book monday")
    assert len(desk.keys) == 2
    assert len(set(desk.keys)) == 1
    assert outcomes(holder)[-1] == "booked monday"
    await holder.close()


async def test_one_that_was_done_before_a_kill_is_not_done_again_in_its_turn(env, spool):
    holder = await holder_of(env, spool, NamedDesk(), Looping(1))
    await holder.say("book monday")
    desk = NamedDesk()
    after = await holder.successor(desk, session=AgentSession[Any](llm=Looping(1)))
    await after.session.generate_reply()
    assert desk.keys == []
    assert outcomes(after) == ["booked monday"] * 2
    await after.close()
    await holder.session.aclose()


async def test_one_that_a_kill_cut_and_a_model_loops_over_is_one_booking_of_one_key(env, spool):
    dying, desk = Desk(waits=True), Desk()
    first = await awaiting.Holder(env, spool, RULES).begin(dying)
    await first.hear("book monday")
    (key,) = dying.keys
    assert first.log().tools.popitem()[1].status is None
    after = awaiting.Holder(env, spool, RULES, first.entries(), session_id=first.session_id)
    after.session._llm = model = Looping(3)
    await after.take(desk, (), flying(first))
    await after.session.generate_reply()
    assert model.left == 0
    assert desk.keys == [key]  # the system knows by it whether that was booked
    assert outcomes(after)[-3:] == ["booked monday"] * 3
    dying.released.set()
    for holder in (after, first):
        await holder.close()


async def test_one_that_is_done_meanwhile_shares_its_failure(env, spool):
    desk = Desk(fails=9)
    holder = await holder_of(env, spool, desk, Looping(2, at_once=True))
    await holder.say("book monday")
    assert len(desk.keys) == 1
    assert outcomes(holder) == ["An internal error occurred"] * 2
    await holder.close()


async def test_one_that_waits_for_a_call_that_is_called_off_is_told(env, spool):
    desk = Desk(waits=True)
    holder = await holder_of(env, spool, desk, ScriptedLLM(RULES))
    context = [RunContext.__new__(RunContext) for _ in range(2)]
    for number, one in enumerate(context):
        one._session = holder.session
        one._function_call = type("Call", (), {"call_id": f"c{number}"})
    first = asyncio.ensure_future(desk.book(context[0], "monday"))
    await asyncio.sleep(0.01)
    second = asyncio.ensure_future(desk.book(context[1], "monday"))
    await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(EffectUnknown):
        await second
    assert len(desk.keys) == 1
    await holder.close()
