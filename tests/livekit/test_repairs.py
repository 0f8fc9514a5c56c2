"""What was under way stands where LiveKit would have put it: behind all that was there."""

from unbroken.log.entries import AgentEntered, ContextChanged, ItemPut
from unbroken.log.mark import Mark, Speech
from unbroken.log.session import Session
from unbroken.recovery.plan import facts_of, repairs

FLYING = Mark(Speech("Reservation", "For how many shall it be?", "For how many", 800))


def message(item_id, role, text):
    return {"id": item_id, "type": "message", "role": role, "content": [text], "created_at": 1.0}


def handed_over():
    """The new agent's context has its own update first, and behind it what it has copied."""
    session = Session()
    update = {"id": "update", "type": "agent_config_update", "created_at": 2.0}
    note = message("note", "system", "You reserve.")
    for payload in (
        ItemPut(message("asked", "user", "A table, please."), agent="Greeter"),
        AgentEntered("Reservation", "Reserve.", ran=True),
        ItemPut(update, after="asked", agent="Reservation"),
        ContextChanged("Reservation", keep=1, then=("asked", note)),
    ):
        session.apply(payload)
    return session


def repaired(session):
    """What was recorded."""
    facts = facts_of(session, FLYING, cause="crashed", gap_s=1.0, crashes=1)
    recorded = []
    for payload in repairs(session, FLYING, facts, new_id=lambda: "cut", now_s=3.0):
        session.apply(payload)
        recorded.append(type(payload))
    return recorded


def test_a_cut_sentence_is_the_newest_of_a_context_with_copied_messages():
    session = handed_over()
    repaired(session)
    context = session.context("Reservation")
    assert [item["id"] for item in context] == ["update", "asked", "note", "cut"]
    assert context[2]["content"] == ["You reserve."]
    assert session.order == ["asked", "update", "cut"]


def test_one_entry_puts_a_cut_sentence_into_history_and_context():
    assert repaired(handed_over()) == [ItemPut]
