"""What a store promises about blobs that nothing refers to."""

import hashlib
from typing import Any

import msgspec
import pytest

from unbroken.archive.port import Archive, WireEntry
from unbroken.errors import ArchiveUnavailable
from unbroken.log.entries import BLOBS
from unbroken.store.port import Store
from unbroken.store.records import Upload
from unbroken.testing.holders import ENV, Clock, Holder

DAY_S = 86_400.0
ONE, TWO = (hashlib.sha256(content).digest() for content in (b"one", b"two"))


def with_parts(*sha256s: bytes) -> WireEntry:
    data = [{"$blob": one.hex(), "bytes": 3} for one in sha256s]
    return WireEntry("note", 1, BLOBS, msgspec.json.encode({"name": "n", "data": data}))


async def doomed(store: Store, *sha256s: bytes) -> list[bytes]:
    return await store.uses.doom(sha256s, idle_s=DAY_S)


class UsesContract:
    """Needs `store`, its `archive` and its `clock`."""

    async def test_what_nobody_wants_is_doomed_a_day_after_it_was_put(
        self, store: Store, clock: Clock
    ) -> None:
        await store.uses.begin(ONE)
        clock.advance(DAY_S - 1)
        assert await doomed(store, ONE) == []
        await store.uses.begin(ONE)
        clock.advance(DAY_S - 1)
        assert await doomed(store, ONE) == []
        clock.advance(2)
        assert await doomed(store, ONE) == [ONE]

    async def test_what_nobody_knows_is_doomed(self, store: Store) -> None:
        assert await doomed(store, ONE, TWO) == [ONE, TWO]

    async def test_what_is_doomed_is_not_put_until_it_is_gone(
        self, store: Store, clock: Clock
    ) -> None:
        await doomed(store, ONE, TWO)
        with pytest.raises(ArchiveUnavailable):
            await store.blobs.put(ONE, b"one")
        await store.uses.forget([ONE], idle_s=DAY_S)
        await store.blobs.put(ONE, b"one")
        assert await doomed(store, ONE) == []
        with pytest.raises(ArchiveUnavailable):
            await store.uses.begin(TWO)
        assert await store.uses.doomed(for_s=600) == []
        clock.advance(601)
        assert await store.uses.doomed(for_s=600) == [TWO]

    async def test_what_a_file_is_stays(self, store: Store, clock: Clock) -> None:
        where: dict[str, Any] = dict.fromkeys(("conversation_id", "call_id", "identity"))
        about: dict[str, Any] = {"name": "a", "content_type": "a/b", "size_bytes": 3}
        await store.files.put(Upload(id=ENV.new_id(), sha256=ONE, **where, **about))
        clock.advance(3 * DAY_S)
        assert await doomed(store, ONE, TWO) == [TWO]

    async def test_what_an_entry_refers_to_stays_in_the_log_and_beside_it(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        late, new = Holder(archive), Holder(archive)
        await late.take()
        assert (await late.append(1, with_parts(ONE))).outcome == "acked"
        clock.advance(3 * DAY_S)
        assert await doomed(store, ONE) == []
        await new.take()
        assert (await late.append(2, with_parts(TWO))).outcome == "fenced"
        assert await doomed(store, ONE, TWO) == []

    async def test_what_an_entry_without_parts_says_refers_to_nothing(
        self, store: Store, archive: Archive, clock: Clock
    ) -> None:
        holder = Holder(archive)
        await holder.take()
        said = with_parts(ONE)
        await holder.append(1, WireEntry(said.kind, 1, 0, said.payload))
        clock.advance(3 * DAY_S)
        assert await doomed(store, ONE) == [ONE]
