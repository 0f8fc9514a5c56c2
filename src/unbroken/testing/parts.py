"""What an archive promises of a long log: it comes in parts, to its holder only."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from unbroken.archive.port import PART_BYTES_MAX, Archive, LogPart, LogPlace, Taken
from unbroken.errors import CallTaken, InvalidInput, NotFound
from unbroken.log.entries import PAYLOAD_BYTES_MAX
from unbroken.testing.holders import ENV, Holder, entry

LARGE = b'{"data":"%s","name":"n"}' % (b"x" * (PAYLOAD_BYTES_MAX - 100))
ENTRIES = PART_BYTES_MAX // len(LARGE) + 4
AT_ONCE = 3


class PartsContract:
    async def test_a_long_log_comes_in_parts(self, archive: Archive) -> None:
        taken = await long_log(archive, Holder(archive))
        parts = [part async for part in parts_of(archive, taken)]
        assert len(parts) == 2
        for part in parts:
            size = sum(len(e.payload) for e in part.entries)
            assert size < PART_BYTES_MAX + PAYLOAD_BYTES_MAX
        entries = [e for part in parts for e in part.entries]
        assert [e.seq for e in entries] == list(range(1, ENTRIES + 1))
        assert {e.payload for e in entries} == {LARGE}

    async def test_a_part_is_the_same_however_often_it_is_asked_for(self, archive: Archive) -> None:
        place = place_of(await long_log(archive, Holder(archive)))
        assert await archive.read_log(place) == await archive.read_log(place)

    async def test_only_who_took_a_session_reads_its_log(self, archive: Archive) -> None:
        place = place_of(await long_log(archive, Holder(archive)))
        with pytest.raises(NotFound):
            await archive.read_log(msgspec.structs.replace(place, holder=ENV.new_id()))
        with pytest.raises(NotFound):
            await archive.read_log(msgspec.structs.replace(place, session_id=ENV.new_id()))

    async def test_who_has_it_no_longer_reads_no_more(self, archive: Archive) -> None:
        second, third = Holder(archive), Holder(archive)
        place = place_of(await long_log(archive, second))
        await second.append(ENTRIES + 1, final="killed")
        assert (await archive.read_log(place)).entries  # nobody else has it
        mine = place_of(await third.take())
        with pytest.raises(CallTaken) as refused:
            await archive.read_log(place)
        assert (refused.value.session_id, refused.value.is_over) == (place.session_id, False)
        await third.append(ENTRIES + 1, entry(b'{"reason":"done"}', kind="ended"))
        with pytest.raises(CallTaken) as refused:
            await archive.read_log(mine)
        assert refused.value.is_over

    @pytest.mark.parametrize("changed", [{"seq": 0}, {"seq": -1}, {"chain": b"x"}])
    async def test_a_place_where_no_part_ends_is_refused(
        self, archive: Archive, changed: dict[str, object]
    ) -> None:
        place = place_of(await long_log(archive, Holder(archive)))
        with pytest.raises(InvalidInput):
            await archive.read_log(msgspec.structs.replace(place, **changed))

    async def test_behind_its_end_a_log_has_nothing(self, archive: Archive) -> None:
        place = place_of(await long_log(archive, Holder(archive)))
        behind = await archive.read_log(msgspec.structs.replace(place, seq=ENTRIES + 5))
        assert (behind.entries, behind.next) == ((), None)


async def long_log(archive: Archive, holder: Holder) -> Taken:
    """What `holder` gets of a log that is longer than a part."""
    first = Holder(archive)
    await first.take()
    for at in range(0, ENTRIES, AT_ONCE):
        said = [entry(LARGE)] * min(AT_ONCE, ENTRIES - at)
        assert (await first.append(at + 1, *said)).outcome == "acked"
    await first.append(ENTRIES + 1, final="killed")
    return await holder.take()


def place_of(taken: Taken) -> LogPlace:
    assert taken.next is not None
    return taken.next


async def parts_of(archive: Archive, taken: Taken) -> AsyncIterator[LogPart]:
    part = LogPart(entries=taken.entries, next=taken.next)
    yield part
    while part.next:
        part = await archive.read_log(part.next)
        yield part
