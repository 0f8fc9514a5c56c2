"""Large parts of a log that is read: fetched at once, and named where they are gone."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence

from unbroken.archive.port import Archive, StoredEntry
from unbroken.errors import ArchiveUnavailable, UnbrokenError
from unbroken.log import large
from unbroken.log.entries import BLOBS, ItemPut, Payload, Unknown, UserdataChanged
from unbroken.log.session import Session

log = logging.getLogger(__name__)

PARTS_S = 5.0  # people wait in silence: what has not come until then is missing for this holder
RETRY_S = 0.2
AT_ONCE = 8

Parts = Mapping[str, bytes | None]


class Fetching:
    """The large parts of a log that is read piece by piece: PARTS_S for those of all pieces."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._left_s = PARTS_S

    async def fetch(self, entries: Sequence[StoredEntry]) -> Parts:
        """All that `entries` refer to, by name; None: gone, or not to be had in time."""
        names = {name for e in entries if e.flags & BLOBS for name in large.references(e.payload)}
        if not names:
            return {}
        clock = asyncio.get_running_loop().time
        began = clock()
        found = await _read_all(self._archive, names, within_s=max(self._left_s, 0))
        self._left_s -= clock() - began
        return found


async def _read_all(archive: Archive, names: Iterable[str], *, within_s: float) -> Parts:
    turns = asyncio.Semaphore(AT_ONCE)
    tasks = {name: asyncio.create_task(_read(archive, name, turns)) for name in names}
    try:
        await asyncio.wait(tasks.values(), timeout=within_s)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    found = {name: None if task.cancelled() else task.result() for name, task in tasks.items()}
    if gone := sum(content is None for content in found.values()):
        log.error("%s of %s large parts of the log are missing", gone, len(found))
    return found


async def _read(archive: Archive, name: str, turns: asyncio.Semaphore) -> bytes | None:
    async with turns:
        while True:
            try:
                return await archive.get_blob(bytes.fromhex(name))
            except ArchiveUnavailable:
                await asyncio.sleep(RETRY_S)
            except UnbrokenError:
                return None


def put_together(entry: StoredEntry, content: Parts) -> tuple[bytes, bool]:
    """The entry's payload as it was written, and whether all of it is there."""
    names = large.references(entry.payload) if entry.flags & BLOBS else []
    if not names:
        return entry.payload, True
    whole = large.put_together(json.loads(entry.payload), content.get)
    return json.dumps(whole).encode(), all(content.get(name) is not None for name in names)


class Holes:
    """Which fields of the restored state have holes, as the log is read in order."""

    def __init__(self) -> None:
        self._items: set[str] = set()
        self._has_userdata = False
        self._kinds: set[str] = set()

    def see(self, kind: str, payload: Payload | Unknown, *, is_whole: bool) -> None:
        """What is written anew later has no hole any more."""
        match payload:
            case ItemPut(item=item):
                (self._items.discard if is_whole else self._items.add)(item["id"])
            case UserdataChanged(changes=None):
                self._has_userdata = not is_whole
            case UserdataChanged():
                self._has_userdata |= not is_whole
            case _ if not is_whole:
                self._kinds.add(kind)

    def by_field(self, session: Session) -> dict[str, str]:
        """In the words of the restore report."""
        found = {}
        if count := len(self._items & session.items.keys()):
            found["history"] = f"a part of {count} items is missing"
        if self._has_userdata:
            found["userdata"] = "a part is missing"
        if self._kinds:
            found["entries"] = f"a part is missing in {', '.join(sorted(self._kinds))}"
        return found
