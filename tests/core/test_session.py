"""The fold: each entry changes what it says, and nothing else."""

from hypothesis import strategies as st

from unbroken.log.changes import Change
from unbroken.log.entries import (
    AgentEntered,
    ContextChanged,
    Ended,
    ItemPut,
    ItemsRemoved,
    Lost,
    Noted,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    ToolEnded,
    ToolStarted,
    Unknown,
    UserdataChanged,
)
from unbroken.log.session import Session

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)


def said(item_id: str, role: str = "user", text: str = "x") -> dict:
    return {"id": item_id, "type": "message", "role": role, "content": [text]}


def session(*payloads) -> Session:
    made = Session()
    for payload in payloads:
        made.apply(payload)
    return made


def test_after_gives_the_place_in_history():
    made = session(
        ItemPut(said("u1")),
        ItemPut(said("a1", "assistant"), after="u1"),
        ItemPut(said("a2", "assistant"), after="a1"),
        ItemPut(said("u2"), after="a1"),
        ItemPut(said("first")),
        ItemPut(said("lost"), after="nobody knows"),
    )
    assert made.order == ["first", "u1", "a1", "u2", "a2", "lost"]
    assert made.message_count == 6
    assert made.turn == "lost"


def test_an_upsert_keeps_its_place():
    made = session(
        ItemPut(said("a")), ItemPut(said("b"), after="a"), ItemPut(said("a", text="new"))
    )
    assert made.order == ["a", "b"]
    assert made.items["a"]["content"] == ["new"]
    assert made.message_count == 2


def test_what_a_context_still_has_outlives_its_removal_from_history():
    made = session(ItemPut(said("a"), agent="First"), ItemsRemoved(("a", "never was")))
    assert made.history == []
    assert made.context("First") == [said("a")]
    made.apply(ContextChanged("First", 0, ()))
    made.apply(ItemPut(said("a"), agent="First"))
    assert made.order == ["a"]
    assert made.context("First") == [said("a")]


def test_a_context_may_have_items_of_its_own():
    made = session(
        ItemPut(said("a"), agent="First"),
        ContextChanged("First", 0, (said("system", "system"), "a", "unknown id")),
    )
    assert [item["id"] for item in made.context("First")] == ["system", "a"]
    assert made.order == ["a"]


def test_people_come_change_and_go():
    made = session(
        ParticipantJoined("anna", "standard", name="Anna"),
        ParticipantChanged("anna", metadata="m"),
        ParticipantChanged("nobody", name="x"),
        ParticipantLeft("anna"),
        ParticipantLeft("nobody"),
    )
    anna = made.participants["anna"]
    assert (anna.name, anna.metadata, anna.is_here) == ("Anna", "m", False)
    assert list(made.participants) == ["anna"]


def test_a_tool_without_an_outcome_is_unknown():
    made = session(
        ToolStarted("c1", "book", "{}"),
        ToolStarted("c1", "book", "{}", key="k"),
        ToolStarted("c2", "note", "{}"),
        ToolEnded("c2", "done", "ok"),
        ToolEnded("c3", "done"),
    )
    assert (made.tools["c1"].status, made.tools["c1"].key) == (None, "k")
    assert made.tools["c2"].status == "done"


def test_the_rest():
    made = session(
        AgentEntered("First"),
        Noted("a", 1),
        UserdataChanged("T", value={"a": 1}),
        UserdataChanged("T", changes=(Change(("b",), 2),)),
        Lost("unreadable"),
        Unknown("of_the_future", b"{}"),
        Ended("done"),
    )
    assert made.agent == "First"
    assert made.notes == {"a": 1}
    assert made.userdata == {"a": 1, "b": 2}
    assert made.skipped == ["lost", "of_the_future"]
    assert made.ended == "done"
