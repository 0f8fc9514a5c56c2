"""What a store promises about the log, and about what may not enter it."""

from unbroken.store.port import Store
from unbroken.testing.holders import Holder, entry, numbered, payloads


class BesideContract:
    """Needs `store`."""

    async def test_what_was_never_granted_is_beside_the_log_once(self, store: Store) -> None:
        owner, refused = Holder(store.archive), Holder(store.archive)
        taken = await owner.take()
        refused.taken = taken
        sent = numbered(1, 4)
        for first, last in ((1, 2), (1, 4), (3, 4)):
            answer = await refused.append(first, *sent[first - 1 : last], term=0)
            assert (answer.outcome, answer.seq) == ("fenced", 0)
        side = await store.archive.side_entries(taken.session_id, limit=100)
        assert [(s.reason, s.entry.term, s.entry.seq, s.entry.payload) for s in side] == [
            ("unowned", 0, n, e.payload) for n, e in enumerate(sent, 1)
        ]
        session = await store.conversations.get_session(taken.session_id)
        assert (session.phase, session.term, session.last_seq) == ("live", 1, 0)

    async def test_what_came_after_the_end_of_a_session_is_beside_the_log(
        self, store: Store
    ) -> None:
        holder = Holder(store.archive)
        taken = await holder.take()
        await holder.append(1, entry(b'{"reason":"done"}', kind="ended"))
        await holder.append(2, entry(b"late"))
        (side,) = await store.archive.side_entries(taken.session_id, limit=100)
        assert (side.reason, side.entry.seq, side.entry.payload) == ("ended", 2, b"late")

    async def test_a_predecessors_end_does_not_move(self, store: Store) -> None:
        holders = [Holder(store.archive) for _ in range(4)]
        for n, holder in enumerate(holders):
            taken = await holder.take()
            assert (taken.term, taken.base) == (n + 1, n)
            await holder.append(n + 1, entry(b"%d" % n), final="killed")
        for n, holder in enumerate(holders[:-1]):
            answer = await holder.append(n + 1, entry(b"again"), entry(b"late"))
            assert (answer.outcome, answer.seq) == ("fenced", n + 1)
        assert payloads(await Holder(store.archive).take()) == [b"0", b"1", b"2", b"3"]
