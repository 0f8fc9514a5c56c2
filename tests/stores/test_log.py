"""The log of a session is the same whatever arrives twice, late, or in another order."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Holder, entry, numbered

COMMON = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WINDOWS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 6)), max_size=25)


async def ship(holder: Holder, windows, last: int) -> int:
    """Send windows as they come, then all that is missing; the head that was acked."""
    sent = dict(enumerate(numbered(1, last), 1))
    head = 0
    for first, count in [*windows, (1, last)]:
        window = [sent[n] for n in range(first, min(first + count, last + 1))]
        answer = await holder.append(first, *window)
        if window and answer.outcome == "gap":
            assert first > answer.seq + 1
        else:
            assert answer.outcome == "acked"
            head = max(head, answer.seq)
    return head


@COMMON
@given(WINDOWS)
async def test_entries_are_stored_once(store: SqliteStore, windows):
    holder = Holder(store.archive)
    taken = await holder.take(f"room {holder.id}")
    assert await ship(holder, windows, 12) == 12
    log = await store.archive.entries(taken.session_id)
    assert [e.seq for e in log] == list(range(1, 13))
    assert [e.payload for e in log] == [e.payload for e in numbered(1, 12)]
    assert (await store.conversations.get_session(taken.session_id)).last_seq == 12


@COMMON
@given(st.integers(0, 12), WINDOWS, st.data())
async def test_what_a_term_wrote_after_its_end_is_beside_the_log(store, end, windows, data):
    old, new = Holder(store.archive), Holder(store.archive)
    room = f"room {old.id}"
    taken = await old.take(room)
    sent = numbered(1, 12)
    assert (await old.append(1, *sent[:end], final="killed")).seq == end
    assert (await new.take(room)).base == end
    await new.append(end + 1, entry(b"new"))
    for first, count in [*windows, (1, 12)]:
        answer = await old.append(first, *sent[first - 1 : first - 1 + count])
        assert (answer.outcome, answer.seq) == ("fenced", end)
    log = await store.archive.entries(taken.session_id)
    side = await store.archive.side_entries(taken.session_id, limit=100)
    assert [e.payload for e in log] == [e.payload for e in sent[:end]] + [b"new"]
    assert [s.entry.payload for s in side] == [e.payload for e in sent[end:]]
    assert {s.reason for s in side} <= {"late"}
