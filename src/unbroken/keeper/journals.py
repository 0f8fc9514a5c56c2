"""The journals of a spool, as its keeper meets, follows and forgets them."""

import logging
from uuid import UUID

from unbroken.errors import JournalUnreadable
from unbroken.keeper.blobs import BlobLane
from unbroken.keeper.tail import Tail
from unbroken.spool import Spool

log = logging.getLogger(__name__)

SCAN_US = 100_000


class Journals:
    """One tail for each journal that can be read."""

    def __init__(self, spool: Spool, blobs: BlobLane) -> None:
        self.tails: dict[UUID, Tail] = {}
        self.unreadable: set[UUID] = set()
        self._spool, self._env, self._blobs = spool, spool.env, blobs
        self._scanned_us: int | None = None

    def look(self) -> None:
        """Meet new journals, and read on in all."""
        self._scan()
        for tail in self.tails.values():
            was_living = tail.is_living
            tail.look()
            if was_living and not tail.is_living:
                log.info("holder gone: %s", tail.header.holder)

    def _scan(self) -> None:
        now_us = self._env.boot_us()
        if self._scanned_us is not None and now_us - self._scanned_us < SCAN_US:
            return
        self._scanned_us = now_us
        for holder in self._spool.holders():
            if holder not in self.tails and holder not in self.unreadable:
                self._meet(holder)

    def forget(self) -> None:
        """Journals that nobody can need any more: not while a request about them is on its way."""
        now_us = self._env.boot_us()
        for holder in [h for h, tail in self.tails.items() if tail.is_done(now_us)]:
            self.tails.pop(holder).close()
            self._spool.remove(holder)

    def _meet(self, holder: UUID) -> None:
        try:
            self.tails[holder] = Tail(self._spool, holder, self._blobs)
        except FileNotFoundError:
            return  # deleted while we looked
        except JournalUnreadable as error:
            # Kept for a newer keeper, or for a person: never thrown away.
            self.unreadable.add(holder)
            log.warning("journal unreadable", extra={"holder": str(holder), "error": str(error)})
