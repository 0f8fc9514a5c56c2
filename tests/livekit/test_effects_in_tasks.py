"""An effect within a tool that awaits tasks is done once, and its outcome is given again when the
tool is run again."""

import asyncio

import pytest
from livekit.agents import RunContext, function_tool

from tests.livekit.awaiting import Holder
from tests.livekit.test_tasks import RULES, AskAddress, AskName, Desk, Name
from unbroken import current_effect, effect
from unbroken.live.effect import KEPT_BYTES_MAX
from unbroken.recovery.plan import Bridge


class Till(Desk):
    """Charges between two questions; `charged` are the keys."""

    not_durable = ("charged", "waits")

    def __init__(self, *, waits: bool = False) -> None:
        super().__init__()
        self.charged: list[str] = []
        self.waits = waits

    @effect(retry="ask", level="process")
    async def charge(self, context: RunContext, amount: int) -> Name:
        self.charged.append(current_effect().key)
        if self.waits:
            await asyncio.Event().wait()
        return Name(f"receipt of {amount}")

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        name = await AskName()
        receipt = await self.charge(context, 5)
        address = await AskAddress()
        return f"Done: {name.whole}, {receipt.whole}, {address}"


class Query(Till):
    """Its system knows by key what was done."""

    @effect(retry="query", level="process")
    async def charge(self, context: RunContext, amount: int) -> Name:
        self.charged.append(current_effect().key)
        if self.waits:
            await asyncio.Event().wait()
        return Name(f"receipt of {amount}")


async def at_the_address(env, spool, agent):
    holder = await Holder(env, spool, RULES).begin(agent)
    for heard in ("sign me up", "i am Ann"):
        await holder.hear(heard)
    return holder


async def test_it_is_done_once(env, spool):
    holder = await at_the_address(env, spool, Till())
    after = await holder.next(Till())
    after = await after.next(again := Till())
    assert (after.current, after.said, again.charged) == ("AskAddress", [], [])
    await after.hear("ann at example")
    assert after.said == ["Done: i am Ann, receipt of 5, ann at example"]
    assert again.charged == []


async def test_one_that_may_have_been_done_is_asked_about(env, spool):
    holder = await at_the_address(env, spool, Till(waits=True))
    after = await holder.next(again := Till())
    assert again.charged == []
    assert isinstance(after.plan, Bridge)
    assert "sign_up may have done something already" in after.report["tasks"]


async def test_one_that_is_done_again_has_its_key_in_whatever_turn(env, spool):
    holder = await at_the_address(env, spool, first := Query(waits=True))
    after = await holder.next(again := Query())
    assert after.current == "AskAddress"
    assert again.charged == first.charged


class Effectful(Till):
    """Does something itself, too."""

    @function_tool
    @effect(retry="ask", level="process")
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        name = await AskName()
        await self.charge(context, 5)
        await AskAddress()
        return f"Done: {name.whole}"


async def test_a_tool_that_has_an_effect_itself_is_not_run_again_for_one_within_it(env, spool):
    holder = await at_the_address(env, spool, Effectful())
    after = await holder.next(again := Effectful())
    assert (after.current, again.charged) == ("Effectful", [])
    assert "sign_up may have done something already" in after.report["tasks"]


async def test_behind_the_next_words_it_is_another_wish(env, spool):
    holder = await at_the_address(env, spool, first := Till())
    for heard in ("ann at example", "sign me up", "i am Bob"):
        await holder.hear(heard)
    assert holder.current == "AskAddress"
    assert len({*first.charged}) == 2


@pytest.mark.parametrize(
    "result", [asyncio.Lock(), Name("x" * KEPT_BYTES_MAX), [0] * 100_000], ids=type
)
async def test_an_outcome_that_nothing_can_keep_is_not_given_again(env, spool, result):
    class Lasting(Till):
        @effect(retry="safe", level="process")
        async def charge(self, context: RunContext, amount: int) -> object:
            self.charged.append(current_effect().key)
            return result

        @function_tool
        async def sign_up(self, context: RunContext, plan: str) -> str:
            """Sign somebody up."""
            is_it = await self.charge(context, 5) is result
            name = await AskName()
            await AskAddress()
            return f"Done: {name.whole}, {is_it}"

    holder = await at_the_address(env, spool, first := Lasting())
    after = await holder.next(again := Lasting())
    await after.hear("ann at example")
    assert after.said == ["Done: i am Ann, True"]
    assert again.charged == first.charged


async def test_one_whose_outcome_nothing_can_keep_is_asked_about(env, spool):
    class Locking(Till):
        @effect(retry="ask", level="process")
        async def charge(self, context: RunContext, amount: int) -> Name:
            self.charged.append(current_effect().key)
            lock = Name("")
            lock.whole = asyncio.Lock()
            return lock

    holder = await at_the_address(env, spool, Locking())
    after = await holder.next(again := Locking())
    assert (after.current, again.charged) == ("Locking", [])
    assert "sign_up may have done something already" in after.report["tasks"]
