"""Reading the log of a session that goes on, however long it is.

Theory of operation
-------------------
The log comes in parts. While one is folded the next is on its way, so two of them are in memory at
most. A part is folded in slices of some milliseconds, between which the event loop goes on: it
connects to the room meanwhile, and other calls of the process are heard.
"""

import asyncio
from collections.abc import Iterable, Iterator

from unbroken.archive.port import Archive, LogPart, LogPlace, StoredEntry, Taken
from unbroken.errors import ArchiveUnavailable, StateRefused
from unbroken.livekit.restore import large
from unbroken.livekit.restore.large import Fetching, Holes, Parts
from unbroken.log import digest, entries, mark
from unbroken.log.entries import Payload, Unknown
from unbroken.log.session import Session
from unbroken.recovery import plan

SLICE_BYTES = 256 << 10  # of payloads, folded at once: some milliseconds
ENTRY_BYTES = 512  # as which an entry without any counts
GIVE_UP_S = 30.0  # without an answer: people wait in silence, and another may have a better way
RETRY_S = 0.2


async def read(archive: Archive, taken: Taken) -> tuple[Session, mark.Mark | None]:
    """The fold of the log, and what of the mark is still in flight.

    A part of an entry that the store has lost, or does not give within some seconds, is named in
    `session.holes` and costs nothing else. Raises StateRefused for an entry that this version
    must understand and does not, CallTaken if somebody else takes the session meanwhile, and
    ArchiveUnavailable if the archive does not give the rest of the log for GIVE_UP_S.
    """
    folding, large_parts = _Folding(taken), Fetching(archive)
    part = LogPart(entries=taken.entries, next=taken.next)
    while part.next:
        following = asyncio.create_task(_patiently(archive, part.next), name="unbroken log")
        try:
            await folding.add(part.entries, await large_parts.fetch(part.entries))
            part = await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    await folding.add(part.entries, await large_parts.fetch(part.entries))
    return folding.done()


async def _patiently(archive: Archive, place: LogPlace) -> LogPart:
    try:
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                try:
                    return await archive.read_log(place)
                except ArchiveUnavailable:
                    await asyncio.sleep(RETRY_S)
    except TimeoutError:
        raise ArchiveUnavailable(f"the log is not given behind entry {place.seq}") from None


class _Folding:
    """The session that the entries so far describe."""

    def __init__(self, taken: Taken) -> None:
        self._session, self._holes = Session(), Holes()
        self._mark = taken.mark
        self._newer: list[str] = []  # items behind the mark

    async def add(self, new: Iterable[StoredEntry], content: Parts) -> None:
        for some in _slices(new):
            for payload in digest.only_newest([self._read(entry, content) for entry in some]):
                self._session.apply(payload)
            await asyncio.sleep(0)

    def done(self) -> tuple[Session, mark.Mark | None]:
        self._session.holes = self._holes.by_field(self._session)
        last = mark.decode(self._mark.payload) if self._mark else None
        return self._session, plan.in_flight(self._session, last, self._newer)

    def _read(self, entry: StoredEntry, content: Parts) -> Payload | Unknown:
        data, is_whole = large.put_together(entry, content)
        payload = entries.decode(entry.kind, data)
        if isinstance(payload, Unknown) and entry.flags & entries.MUST_UNDERSTAND:
            raise StateRefused(f"entry {entry.seq} is of a newer version: {entry.kind}")
        self._holes.see(entry.kind, payload, is_whole=is_whole)
        after_seq = self._mark.after_seq if self._mark else 0
        if isinstance(payload, entries.ItemPut) and entry.seq > after_seq:
            self._newer.append(payload.item["id"])
        return payload


def _slices(new: Iterable[StoredEntry]) -> Iterator[list[StoredEntry]]:
    """At least one entry each."""
    some: list[StoredEntry] = []
    size = 0
    for entry in new:
        some.append(entry)
        size += ENTRY_BYTES + len(entry.payload)
        if size >= SLICE_BYTES:
            yield some
            some, size = [], 0
    yield some
