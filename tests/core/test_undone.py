"""To which moment the state goes back where an answer does tools again."""

from unbroken.log.changes import Change
from unbroken.log.entries import Noted, Payload, ToolEnded, ToolStarted, UserdataChanged
from unbroken.log.session import Session
from unbroken.log.tool import note_of
from unbroken.recovery.again import undone_to

FIRST = UserdataChanged("dict", value={"n": 0})


def changed(to: int) -> UserdataChanged:
    return UserdataChanged("dict", changes=(Change(("n",), to=to),))


def began(call_id: str, **more: str) -> ToolStarted:
    return ToolStarted(call_id, "add", "{}", **more)


def undone(*payloads: Payload) -> tuple[int | None, Session]:
    session = Session()
    for payload in (FIRST, *payloads):
        session.apply(payload)
    unknown = [tool for tool in session.tools.values() if tool.status is None]
    return undone_to(session, unknown), session


def test_what_a_tool_changed_is_undone():
    at, session = undone(changed(1), began("a"), changed(2), changed(3))
    assert session.earlier.at(at, "userdata", session.userdata_log).value == {"n": 1}


def test_nothing_is_where_another_tool_ended_meanwhile():
    ended = ToolEnded("b", "done", "x")
    assert undone(began("a"), began("b"), changed(1), ended)[0] is None
    assert undone(began("b"), changed(1), ended, began("a"), changed(2))[0] is not None


def test_nothing_is_where_an_effect_in_it_had_ended():
    effect = began("a", key="k", retry="query")
    assert undone(began("a"), effect, changed(1))[0] is not None
    assert undone(began("a"), effect, changed(1), Noted(note_of("k", None), "done"))[0] is None


def test_nothing_is_where_no_tool_was_running():
    assert undone(changed(1))[0] is None
