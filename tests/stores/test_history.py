"""The messages are those of the fold over the same log, in the same order."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unbroken.archive.port import WireEntry
from unbroken.log import entries
from unbroken.log.session import fold
from unbroken.store import messages
from unbroken.testing.holders import Holder, item

IDS = st.sampled_from([f"i{n}" for n in range(8)])
PUTS = st.builds(
    lambda name, text, after, role: item(name, text, after=after, role=role),
    IDS,
    st.text(max_size=5),
    st.none() | IDS,
    st.sampled_from(["user", "assistant", "system"]),
)
REMOVALS = st.builds(
    lambda ids: WireEntry("items_removed", 1, 0, entries.encode(entries.ItemsRemoved(ids))[0]),
    st.lists(IDS, max_size=2).map(tuple),
)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(PUTS | PUTS | PUTS | REMOVALS, max_size=30), st.integers(1, 30))
async def test_the_transcript_is_the_fold(archive, conversations, log, size):
    holder = Holder(archive)
    taken = await holder.take(f"room {holder.id}")
    for first in range(0, len(log), size):
        await holder.append(first + 1, *log[first : first + size])
    session = fold((e.kind, e.payload) for e in log)
    items = await conversations.list_items(taken.conversation_id, limit=100)
    found = [message for message, _ in items]
    assert [m.id for m in found] == session.order
    assert [m.role for m in found] == [session.items[i]["role"] for i in session.order]
    user = None
    for message in found:
        user = message.id if message.role == "user" else user
        assert message.turn_id == user


async def test_places_are_numbered_afresh_when_they_grow_long(archive, conversations, monkeypatch):
    monkeypatch.setattr(messages, "PLACE_BYTES_MAX", 6)
    holder = Holder(archive)
    taken = await holder.take()
    log = [item("a", "", after=None), item("z", "", after="a")]
    log += [item(f"m{n}", "", after="a") for n in range(60)]
    await holder.append(1, *log)
    found = await conversations.list_messages(taken.conversation_id, limit=100)
    assert [m.id for m in found] == ["a", *(f"m{n}" for n in reversed(range(60))), "z"]
    assert max(len(m.place) for m in found) <= 7


async def test_what_is_known_of_a_message_is_shown(archive, conversations):
    holder = Holder(archive)
    taken = await holder.take()
    chat = {
        "id": "a",
        "type": "message",
        "role": "assistant",
        "content": ["one", {"type": "image_content"}, "two"],
        "interrupted": True,
        "created_at": 1_700_000_000.25,
        "metrics": {"llm_node_ttft": 0.2},
    }
    put = entries.ItemPut(item=chat, from_="agent-1", heard_ms=640)
    await holder.append(1, WireEntry("item", 5, 0, entries.encode(put)[0]))
    (found,) = await conversations.list_messages(taken.conversation_id, limit=1)
    assert (found.content, found.interrupted, found.heard_ms) == ("one\ntwo", True, 640)
    assert (found.speaker, found.at_us) == ("agent-1", 1_700_000_000_250_000)
    assert found.metrics == {"llm_node_ttft": 0.2}


async def test_the_first_thing_a_user_says_is_the_title(archive, conversations):
    holder = Holder(archive)
    taken = await holder.take()
    await holder.append(
        1,
        item("a", "Welcome!", after=None, role="assistant"),
        item("b", "  ", after="a"),
        item("c", "word " * 40, after="b"),
        item("d", "other", after="c"),
    )
    found = await conversations.get_conversation(taken.conversation_id)
    assert found.title is not None
    assert (len(found.title), found.title[:9], found.title[-1]) == (80, "word word", "…")


async def test_participants_follow_the_log(store, archive):
    holder = Holder(archive)
    taken = await holder.take()
    log = (
        entries.ParticipantJoined("ann", "STANDARD", name="Ann", metadata='{"a":1}'),
        entries.ParticipantChanged("ann", name="Ann B."),
        entries.ParticipantJoined("bob", "SIP"),
        entries.ParticipantLeft("ann"),
    )
    sent = [
        WireEntry(entries.KIND_OF[type(p)], at, 0, entries.encode(p)[0])
        for at, p in enumerate(log, 1)
    ]
    await holder.append(1, *sent)
    rows = await store._database.read(lambda tx: tx.all("list_participants", call_id=taken.call_id))
    ann, bob = [dict(row) for row in rows]
    assert ann == {
        "identity": "ann",
        "kind": "STANDARD",
        "name": "Ann B.",
        "metadata": b'{"a":1}',
        "joined_at": 1,
        "left_at": 4,
    }
    assert (bob["kind"], bob["joined_at"], bob["left_at"]) == ("SIP", 3, None)
