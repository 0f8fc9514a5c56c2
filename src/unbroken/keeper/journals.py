"""The journals of a spool, as its keeper meets, reads and forgets them.

Each is a matter of its own: what cannot be read is named in the log, tried again with growing
pauses, and costs the others nothing. All share the time of a look, and the memory for what is read
ahead.
"""

import errno
import logging
from uuid import UUID

import msgspec

from unbroken.errors import JournalUnreadable
from unbroken.journal import PartsReader
from unbroken.journal.spool import Spool
from unbroken.keeper.backlog import QUEUE_BYTES_MAX
from unbroken.keeper.blobs import BlobLane
from unbroken.keeper.cleaning import Cleaning
from unbroken.keeper.tail import Tail
from unbroken.pause import Pause

log = logging.getLogger(__name__)

SCAN_US = 100_000
READ_US = 10_000  # for reading, in one look: the others are read in the next ones
READ_AHEAD_BYTES = 64 << 20  # of all journals together
SHARE_BYTES_MIN = 64 << 10
BAD_BLOCKS_AFTER = 8  # failures in a row, some 20 s: what the disk does not read by then is lost


class _Unread(msgspec.Struct):
    """Why a journal is not read now, and when it is looked at again."""

    pause: Pause
    why: str = ""
    size: int | None = None  # of a file that is no journal yet: it may become one as it grows


class Journals:
    """One tail for each journal that can be read."""

    def __init__(self, spool: Spool, blobs: BlobLane, *, reship_us: int | None = None) -> None:
        self._reship_us = reship_us
        self.tails: dict[UUID, Tail] = {}
        self.unreadable: dict[UUID, _Unread] = {}
        self._spool, self._env, self._blobs = spool, spool.env, blobs
        self._host_id = spool.host_id()
        self._searched: dict[UUID, PartsReader] = {}  # not yet known to be a journal
        self._failing: dict[UUID, Pause] = {}  # tails that cannot be read on
        self._cleaning = Cleaning(spool)
        self._scanned_us: int | None = None
        self._is_blind = False
        self._turn = 0

    def look(self) -> None:
        """Meet new journals, and read on in all."""
        self._scan()
        for tail in self.tails.values():
            was_living = tail.is_living
            tail.look()
            if was_living and not tail.is_living:
                log.info("holder gone: %s", tail.header.holder)
        self._read_on()

    def read_waited(self) -> None:
        """Read on in those whose holder waits until something is stored."""
        waited, share = self._waited(), self._share()
        for tail in waited:
            self._read(tail, share)

    def forget(self) -> None:
        """Journals that nobody can need any more: not while a request about them is on its way."""
        now_us = self._env.boot_us()
        for holder in [h for h, tail in self.tails.items() if tail.is_done(now_us)]:
            self._let_go(holder)
            try:
                self._spool.remove(holder)
            except OSError as error:
                self._refuse(holder, error)

    # Meeting.

    def _scan(self) -> None:
        now_us = self._env.boot_us()
        if self._scanned_us is not None and now_us - self._scanned_us < SCAN_US:
            return
        self._scanned_us = now_us
        try:
            holders = self._spool.holders()
        except OSError as error:
            if not self._is_blind:
                log.warning("the spool cannot be listed: %s", error)
            self._is_blind = True
            return
        self._is_blind = False
        for holder in holders:
            if holder not in self.tails and self._may_look(holder, now_us):
                self._meet(holder)
        for gone in self.unreadable.keys() - set(holders):
            del self.unreadable[gone]
        self._cleaning.work(set(holders))

    def _may_look(self, holder: UUID, now_us: int) -> bool:
        unread = self.unreadable.get(holder)
        if unread is None or unread.pause.is_over(now_us):
            return True
        return unread.size is not None and self._size(holder) != unread.size

    def _meet(self, holder: UUID) -> None:
        try:
            parts = self._searched.pop(holder, None) or self._open(holder)
            if parts.is_journal():
                self.tails[holder] = self._tail(parts)
                self.unreadable.pop(holder, None)
            else:
                self._searched[holder] = parts  # a slice of it at each scan
        except FileNotFoundError:
            return  # deleted while we looked
        except (OSError, JournalUnreadable) as error:
            self._refuse(holder, error)

    def _tail(self, parts: PartsReader) -> Tail:
        kept_us = self._reship_us
        return Tail(self._spool, parts, self._blobs, host_id=self._host_id, reship_us=kept_us)

    def _open(self, holder: UUID) -> PartsReader:
        unread = self.unreadable.get(holder)
        is_bad = unread is not None and unread.pause.failures >= BAD_BLOCKS_AFTER
        return PartsReader(self._spool, holder, skips_bad_blocks=is_bad)

    def _refuse(self, holder: UUID, error: OSError | JournalUnreadable) -> None:
        """Kept for a newer keeper, or for a person: never thrown away."""
        pause = Pause(self._env, first_s=0.1, most_s=60.0)
        unread = self.unreadable.setdefault(holder, _Unread(pause))
        unread.size = self._size(holder) if isinstance(error, JournalUnreadable) else None
        if unread.why != str(error):
            unread.why = str(error)
            log.warning("journal of %s cannot be read: %s", holder, error)
        unread.pause.fail()

    def _size(self, holder: UUID) -> int | None:
        try:
            file = self._env.open(self._spool.journal(holder))
        except OSError:
            return None
        try:
            return file.size()
        finally:
            file.close()

    # Reading.

    def _read_on(self) -> None:
        """In turn, for READ_US; those first that somebody waits for."""
        began_us = self._env.boot_us()
        reading, share = self._reading(), self._share()
        at = self._turn % max(1, len(reading))
        for tail in [*self._waited(), *reading[at:], *reading[:at]]:
            self._read(tail, share)
            self._turn += 1
            if self._env.boot_us() - began_us > READ_US:
                return

    def _reading(self) -> list[Tail]:
        return [tail for tail in self.tails.values() if not tail.is_over]

    def _waited(self) -> list[Tail]:
        return [tail for tail in self._reading() if tail.ack.wanted > tail.stored]

    def _share(self) -> int:
        """Of the memory for what is read ahead."""
        share = READ_AHEAD_BYTES // max(1, len(self._reading()))
        return min(max(share, SHARE_BYTES_MIN), QUEUE_BYTES_MAX)

    def _read(self, tail: Tail, room: int) -> None:
        holder = tail.header.holder
        failing = self._failing.get(holder)
        if failing and not failing.is_over(self._env.boot_us()):
            return
        try:
            tail.read_on(room)
        except FileNotFoundError:
            log.warning("the journal of %s is gone", holder)
            self._let_go(holder)
        except OSError as error:
            self._fail(tail, error)
        else:
            self._failing.pop(holder, None)

    def _fail(self, tail: Tail, error: OSError) -> None:
        holder = tail.header.holder
        new = Pause(self._env, first_s=0.1, most_s=60.0)
        failing = self._failing.setdefault(holder, new)
        if not failing.failures:
            log.warning("the journal of %s cannot be read on: %s", holder, error)
        failing.fail()
        if failing.failures == BAD_BLOCKS_AFTER and error.errno == errno.EIO:
            log.warning("the journal of %s: what the disk does not read is lost", holder)
            tail.skip_bad_blocks()

    def _let_go(self, holder: UUID) -> None:
        self.tails.pop(holder).close()
        self._failing.pop(holder, None)
