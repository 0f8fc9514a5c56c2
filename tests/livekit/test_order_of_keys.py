"""Userdata that is a dict: its keys come back in their order."""

import pytest
from livekit.agents import Agent, AgentSession

from tests.agents.scripted import ScriptedLLM
from tests.livekit.holders import Holder
from unbroken.livekit.state import objects
from unbroken.log.attributes import Attributes

RULES = [("", "Yes.")]


def holding(data):
    return AgentSession(llm=ScriptedLLM(RULES), userdata=data)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({}, ["town", 7, "name", True]),
        ({"name": "", "town": ""}, ["town", 7, "name", True]),
        ({"age": 0, "town": ""}, ["town", 7, "name", True, "age"]),
    ],
)
async def test_a_dict_that_is_the_userdata_keeps_its_order(env, spool, now, then):
    session = holding({"town": "Ulm", "name": "Ann"})
    first = await Holder.first(env, spool, Agent(instructions=""), RULES, session=session)
    await first.say("hi")
    name = session.userdata.pop("name")
    session.userdata |= {7: "seven", "name": name, True: "yes"}
    after = await first.successor(Agent(instructions=""), session=holding(now))
    assert list(after.session.userdata) == then
    assert after.session.userdata is now
    assert after.report["userdata"] == "exact"
    await first.close()
    await after.close()


def test_an_order_that_no_longer_is_as_it_was_is_named():
    saved = Attributes()
    saved.value = {"b": 1, "a": 2, objects.ORDER: ["b", "a"]}
    assert objects.said([], saved, {"a": 2, "b": 1}) == "the order: not as it was"
    assert objects.said([], saved, saved.value) is None
