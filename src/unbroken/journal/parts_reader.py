"""The files of one holder, read as one.

After a failed fsync its journal goes on in another file, which begins with what was not yet
synced: an entry may stand in two of them, and be damaged in one. So they are read side by side,
and n decides what comes next.
"""

from collections import deque
from contextlib import suppress
from uuid import UUID

from unbroken.errors import JournalUnreadable
from unbroken.journal.frames import ENTRY, Frame, Header
from unbroken.journal.reader import JournalReader
from unbroken.journal.spool import PARTS_MAX, Spool

MEET_US = 100_000


class PartsReader:
    def __init__(self, spool: Spool, holder: UUID, *, skips_bad_blocks: bool = False) -> None:
        """Raises OSError, and JournalUnreadable for what is no journal of this version (yet)."""
        self.holder = holder
        self._spool = spool
        self._readers: list[JournalReader] = []
        self._met: set[int] = set()  # the parts that they read
        self._frames: list[deque[Frame]] = []  # of each file, read and not yet given out
        self._skips_bad_blocks = skips_bad_blocks
        self._met_us = 0
        self._open(0)
        self._meet(is_living=False)

    @property
    def header(self) -> Header | None:
        """A sound one; better, one that names the session, as that of a later file does."""
        sound = [reader.header for reader in self._readers if reader.header]
        return next((header for header in sound if header.session_id), sound[0] if sound else None)

    @property
    def damaged_bytes(self) -> int:
        return sum(reader.damaged_bytes for reader in self._readers)

    @property
    def is_at_end(self) -> bool:
        """There was no more at the last `read`."""
        return all(reader.is_at_end for reader in self._readers) and not any(self._frames)

    def is_journal(self) -> bool:
        """Whether a sound header or frame was found; else the search for one goes on.

        Raises OSError, and JournalUnreadable if there is none.
        """
        return self.header is not None or self._readers[0].is_journal()

    def read(self, *, is_living: bool) -> list[Frame]:
        """The next sound frames; [] when there are no more now, or, if not `is_at_end`, when
        none was found yet."""
        self._meet(is_living=is_living)
        if len(self._readers) == 1:
            return self._readers[0].read(is_living=is_living)
        for reader, frames in zip(self._readers, self._frames, strict=True):
            if not frames:  # any part may still be written to: a later one may have failed
                frames.extend(reader.read(is_living=is_living))
        return self._merged()

    def skip_bad_blocks(self) -> None:
        """What the disk does not read is damaged, from now on, instead of an error."""
        self._skips_bad_blocks = True
        for reader in self._readers:
            reader.skips_bad_blocks = True

    def rewind(self) -> None:
        for reader, frames in zip(self._readers, self._frames, strict=True):
            reader.rewind()
            frames.clear()

    def rest(self) -> None:
        """Hold no descriptor until the next `read`."""
        for reader in self._readers:
            reader.rest()

    def _meet(self, *, is_living: bool) -> None:
        """Open further parts, once they are there: while their holder lives, now and then. A disk
        that failed in the middle of one may have passed its number."""
        now_us = self._spool.env.boot_us()
        if is_living and now_us - self._met_us < MEET_US:
            return
        self._met_us = now_us
        for part in range(1, PARTS_MAX):
            path = self._spool.journal(self.holder, part)
            if part not in self._met and self._spool.env.exists(path):
                with suppress(JournalUnreadable):  # not yet whole, or nothing in it is
                    self._open(part)

    def _open(self, part: int) -> None:
        reader = JournalReader(
            self._spool.env,
            self._spool.journal(self.holder, part),
            skips_bad_blocks=self._skips_bad_blocks,
        )
        self._met.add(part)
        self._readers.append(reader)
        self._frames.append(deque())

    def _merged(self) -> list[Frame]:
        """By n, as long as each file that may have more shows its next frame."""
        merged: list[Frame] = []
        readers = list(zip(self._readers, self._frames, strict=True))
        while any(self._frames) and all(frames or reader.is_at_end for reader, frames in readers):
            next_of = min((frames for frames in self._frames if frames), key=_place)
            merged.append(next_of.popleft())
        return merged


def _place(frames: deque[Frame]) -> int:
    """Words that are no entries go with those in front of them."""
    return frames[0].n if frames[0].type == ENTRY else -1
