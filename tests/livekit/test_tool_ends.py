"""What a tool came to is recorded with what LiveKit tells the model of it: the two are compared."""

from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, StopResponse, ToolError, function_tool, llm

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from tests.livekit.speaking import go_on, said
from unbroken.recovery.plan import Silent, facts_of, repairs

RULES = [("try", {"tool": "attempt", "arguments": {}}), ("", "Yes.")]


class Desk(Agent):
    def __init__(self, end: Any = None) -> None:
        super().__init__(instructions="desk")
        self.end = end

    not_durable = True

    @function_tool
    async def attempt(self) -> Any:
        """Attempt."""
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


ENDS = [
    "ten", "", None, 7, {"a": 1}, ["x"], object(), ToolError("No such day."), ValueError("boom"),
    KeyError("x"), StopResponse(),
]  # fmt: skip
if hasattr(llm, "ToolResult"):  # newer than the oldest version that we promise
    ENDS.append(llm.ToolResult(output="kept", reply_required=False))


async def ended(env, spool, end):
    """A holder in which the tool has ended so."""
    session = AgentSession[Any](llm=ScriptedLLM(RULES))
    holder = await Holder.first(env, spool, Desk(end), RULES, session=session)
    await holder.say("try")
    return holder


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
async def test_a_repaired_outcome_is_livekits_own(env, spool, end):
    holder = await ended(env, spool, end)
    own = next(i for i in holder.session.history.items if i.type == "function_call_output")
    session = holder.logged()
    for item_id, item in list(session.items.items()):  # as if it had been killed just before
        if item["type"].startswith("function_call"):
            session.order.remove(item_id)
            del session.items[item_id]
    facts = facts_of(session, None, cause="crashed", gap_s=1, crashes=1)
    for put in repairs(session, None, facts, new_id=lambda: "new", now_s=1):
        session.apply(put)
    made = session.history[-1]
    assert (made["output"], made["is_error"]) == (own.output, own.is_error)
    is_answered = bool(own.output) and own.reply_required
    assert (bool(made["output"]) and made["reply_required"]) == is_answered
    await holder.close()


@pytest.mark.parametrize("among_others", [False, True])
async def test_a_tool_that_hands_over_is_known_as_one(env, spool, among_others):
    other = Desk()
    holder = await ended(env, spool, (other, "Please hold.") if among_others else other)
    (tool,) = holder.logged().tools.values()
    assert (tool.status, tool.end.hands_over) == ("done", True)
    await holder.close()


@pytest.mark.parametrize("end", [None, StopResponse()], ids=["nothing", "stop"])
async def test_nobody_answers_words_that_came_to_a_tool_without_an_answer(env, spool, end):
    holder = await ended(env, spool, end)
    session = AgentSession[Any](llm=ScriptedLLM(RULES))
    after = await go_on(holder, Desk(end), session)
    assert (after.plan, said(session)) == (Silent(), said(holder.session))
    await after.close()
    await holder.close()
