"""What a store promises of the order in which hosts get their turn."""

import asyncio
from uuid import UUID

from unbroken.archive.port import Archive
from unbroken.store.port import Store
from unbroken.testing.holders import Holder, numbered

BATCHES, ENTRIES = 24, 250  # of a backlog: more than a dozen short transactions


async def _has_some(store: Store, session_id: UUID) -> bool:
    return (await store.conversations.get_session(session_id)).last_seq > 0


class TurnsContract:
    """Needs `store` and its `archive`."""

    async def test_a_backlog_of_one_host_lets_others_between(
        self, store: Store, archive: Archive
    ) -> None:
        owner, other = Holder(archive), Holder(archive)
        taken = await owner.take()
        said = numbered(1, BATCHES * ENTRIES)
        firsts = range(1, len(said) + 1, ENTRIES)
        backlog = [owner.batch(n, *said[n - 1 : n - 1 + ENTRIES]) for n in firsts]
        sending = asyncio.create_task(owner.send(*backlog))
        while not await _has_some(store, taken.session_id):
            pass
        await other.take("other room")
        assert not sending.done()
        answers = await sending
        assert [a.outcome for a in answers] == ["acked"] * BATCHES
        assert [a.seq for a in answers] == [n + ENTRIES - 1 for n in firsts]
