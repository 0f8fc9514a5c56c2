"""What an archive promises of entries that nobody has: a backup without them was put back."""

import pytest

from unbroken.archive.port import NUMBER_MAX, Archive
from unbroken.errors import InvalidInput
from unbroken.log.cause import STORE_RESTORED
from unbroken.log.entries import Lost, decode
from unbroken.store.missing import NAMED_MAX
from unbroken.testing.holders import Holder, entry, numbered, payloads


class MissingContract:
    async def test_what_a_store_that_went_back_lacks_is_named_in_its_place(
        self, archive: Archive
    ) -> None:
        before, newer = Holder(archive), Holder(archive)
        await before.take()
        await before.append(1, *numbered(1, 3))
        again = await newer.take(granted_term=2, granted_base=5)
        assert (again.base, [e.seq for e in again.entries]) == (5, [1, 2, 3, 4, 5])
        for gone in again.entries[3:]:
            assert decode(gone.kind, gone.payload) == Lost(STORE_RESTORED)
            assert gone.term == 2
        assert (await newer.append(6, entry(b"new"))).outcome == "acked"
        assert await newer.take(granted_term=2, granted_base=5) == again
        answer = await before.append(1, *numbered(1, 5))  # of the others nobody is told again
        assert (answer.outcome, answer.seq) == ("fenced", 3)
        third = Holder(archive)
        await newer.append(7, final="crashed")
        assert payloads(await third.take()) == [*payloads(again), b"new"]

    async def test_nothing_is_missing_where_all_is_there(self, archive: Archive) -> None:
        before, newer = Holder(archive), Holder(archive)
        await before.take()
        await before.append(1, *numbered(1, 3))
        assert (await newer.take(granted_term=2, granted_base=3)).base == 3
        other = Holder(archive)
        assert (await other.take("another", granted_base=9)).base == 0  # it did not go back

    async def test_a_gap_without_end_takes_no_more_room_than_a_long_log(
        self, archive: Archive
    ) -> None:
        taken = await Holder(archive).take(granted_term=2, granted_base=NUMBER_MAX)
        assert (taken.base, taken.next) == (NAMED_MAX, None)
        last = taken.entries[-1]
        assert decode(last.kind, last.payload) == Lost(
            STORE_RESTORED, count=NUMBER_MAX - NAMED_MAX + 1
        )

    @pytest.mark.parametrize("base", [-1, NUMBER_MAX + 1])
    async def test_a_base_that_cannot_be_is_refused(self, archive: Archive, base: int) -> None:
        with pytest.raises(InvalidInput):
            await Holder(archive).take(granted_term=2, granted_base=base)
