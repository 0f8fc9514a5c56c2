"""Exact is what was compared: the live objects with the log, and the log with the new objects."""

from unbroken.log import digest
from unbroken.log.entries import AgentEntered, Digested, ItemPut, UserdataChanged
from unbroken.log.session import Session, is_instructions
from unbroken.recovery.report import (
    EXACT,
    NOT_AS_IT_WAS,
    NOT_COMPARED,
    NOT_RECORDED,
    expected,
    report,
)

SAID = {"id": "a", "type": "message", "role": "user", "content": ["hello"]}


def listed(*items: dict) -> str:
    return digest.Chain().of(items, leaving_out=is_instructions)


def recorded(**digests: str) -> Session:
    session = Session()
    for entry in (ItemPut(SAID), AgentEntered("A"), UserdataChanged("D", value={"a": 1})):
        session.apply(entry)
    said = {
        "history": listed(SAID),
        "agent": "A",
        "userdata": {"a": 1},
        "options": {},
        "context of A": listed(),
        "instructions of A": None,
        "tools of A": [],
    }
    of_live = {field: digest.of(value) for field, value in said.items()}
    session.apply(Digested(of_live | digests))
    return session


def compared(session: Session, reasons=(), **live: object) -> dict[str, str]:
    wanted = expected(session, {"A"})
    there = wanted.folded | {field: digest.of(value) for field, value in live.items()}
    return report(wanted, there, dict(reasons))


def test_what_is_equal_all_the_way_is_exact():
    assert set(compared(recorded()).values()) == {EXACT}


def test_a_log_that_is_not_what_the_last_holder_had_is_not_exact():
    found = compared(recorded(history=digest.of(listed())))
    assert found["history"] == f"degraded: {NOT_RECORDED}"
    assert found["userdata"] == EXACT


def test_what_was_put_back_otherwise_is_not_exact():
    assert compared(recorded(), userdata={"a": 2})["userdata"] == f"degraded: {NOT_AS_IT_WAS}"


def test_a_reason_is_named_only_where_something_differs():
    reasons = {"userdata": "no field a", "history": "of an unknown form"}
    found = compared(recorded(), reasons, userdata={})
    assert found["userdata"] == "degraded: no field a"
    assert found["history"] == EXACT


def test_what_is_not_there_is_missing():
    wanted = expected(recorded(), {"A"})
    found = report(wanted, {"history": wanted.folded["history"]}, {"userdata": "there is none"})
    assert found["userdata"] == "missing: there is none"


def test_a_log_without_digests_is_not_called_exact():
    session = Session()
    session.apply(ItemPut(SAID))
    assert set(compared(session).values()) == {f"degraded: {NOT_COMPARED}"}


def test_a_digest_that_the_log_catches_up_with_is_told_again():
    session = recorded(agent=digest.of("B"))
    assert not session.is_news("agent", digest.of("B"))
    session.apply(AgentEntered("B"))
    assert session.is_news("agent", digest.of("B"))
    session.apply(Digested({"agent": digest.of("B")}))
    assert compared(session)["agent"] == EXACT
