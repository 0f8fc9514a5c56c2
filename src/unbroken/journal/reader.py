"""One file of a journal as its keeper reads it: from the front, as it grows, past what is damaged.

Theory of operation
-------------------
`_at` is the offset of the next frame. Sound frames are read from there, READ_BYTES at once. Where
none stands, everything up to the next sound frame is damaged: it is searched a slice at a time, and
no slice twice, so a look takes milliseconds however much is damaged. The CRC of a body is computed
only where the first bytes may begin a frame.

The end of a living journal is special: what is short or unsound there may be a frame that is still
being written. So it is not passed, and looked at again from the first place where a frame may
begin, when the file has grown or its holder has died. A file that was rewritten from memory after a
failed fsync is another file, read beside this one (see `parts_reader`).

What the disk does not read is an error until the keeper gives it up (`skips_bad_blocks`); then it
reads as zeros, which are no frame. No descriptor is kept after `rest`.
"""

import logging

from unbroken.env import Env, File
from unbroken.errors import JournalUnreadable
from unbroken.journal.frames import (
    HEADER_BYTES_MAX,
    START_BYTES,
    Frame,
    Header,
    decode_frame,
    decode_header,
    extent,
    starts,
)

log = logging.getLogger(__name__)

READ_BYTES = 64 << 10  # of frames at once; a larger frame is read alone
SEARCH_BYTES = 2 << 20  # searched at once
CHECK_BYTES = 4 << 20  # of bodies, whose CRC is computed at once...
CHECK_COST = 1 << 10  # ...each of which costs as much as so many bytes more
BLOCK_BYTES = 4 << 10  # what a disk cannot read counts as damaged in such pieces


class JournalReader:
    """Reads one file of a living or dead holder."""

    def __init__(self, env: Env, path: str, *, skips_bad_blocks: bool = False) -> None:
        """Raises OSError, and JournalUnreadable for what is no journal of this version (yet)."""
        self.header: Header | None = None
        self.damaged_bytes = 0  # so far
        self.is_at_end = False  # there was no more at the last `read`
        self.skips_bad_blocks = skips_bad_blocks  # else what the disk does not read is an error
        self._env, self._path = env, path
        self._file: File | None = None
        self._start = self._at = 0  # the first frame; the next one
        self._searched: int | None = None  # up to here, in something damaged that begins at `_at`
        self._open: int | None = None  # there a frame may begin that is not yet whole
        self._seen: tuple[int, bool] | None = None  # size and life, as of the last `read`
        self._told = 0  # damage in front of here is in the log
        try:
            self._begin()
        except JournalUnreadable:
            self.rest()
            raise

    def is_journal(self) -> bool:
        """Whether a sound header or frame was found; else the search for one goes on.

        Raises JournalUnreadable if there is none.
        """
        if self.header or self._at:
            return True
        file = self._opened()
        if self._search(file, file.size(), is_living=True):
            return True
        if self.is_at_end:
            raise JournalUnreadable(f"{self._path}: no sound header, and no sound frame behind it")
        return False

    def read(self, *, is_living: bool) -> list[Frame]:
        """The next sound frames, READ_BYTES of them and what is damaged only in front of the
        first; [] when there are no more now, or, if not `is_at_end`, when none was found yet.

        The last frame of a living journal that is short or unsound is *not yet*.
        """
        file = self._opened()
        size = file.size()
        if self.is_at_end and self._seen == (size, is_living):
            return []
        self._seen, self.is_at_end = (size, is_living), False
        if self._at >= size:
            self.is_at_end = True
        elif frames := self._sound(file, size):
            return frames
        elif self._search(file, size, is_living=is_living):
            return self._sound(file, size)
        return []

    def rewind(self) -> None:
        """Read from the first frame again."""
        self._at = self._start
        self._searched = self._open = self._seen = None
        self.damaged_bytes, self.is_at_end = 0, False

    def rest(self) -> None:
        """Hold no descriptor until the next `read`."""
        if self._file:
            self._file.close()
            self._file = None

    close = rest

    def _begin(self) -> None:
        file = self._opened()
        size = file.size()
        whole = decode_header(self._get(file, 0, min(BLOCK_BYTES, size)))
        if not whole and size > BLOCK_BYTES:
            whole = decode_header(self._get(file, 0, min(HEADER_BYTES_MAX, size)))
        if whole:
            self.header, self._start = whole
            self._at = self._start
        else:
            self.is_journal()

    def _opened(self) -> File:
        if self._file is None:
            self._file = self._env.open(self._path)
        return self._file

    def _sound(self, file: File, size: int) -> list[Frame]:
        """The frames from `_at` on, up to one that is not whole and sound."""
        data = self._get(file, self._at, min(READ_BYTES, size - self._at))
        frames, at = _decoded(data)
        if not frames and (whole := extent(data, 0)) and len(data) < whole <= size - self._at:
            frames, at = _decoded(self._get(file, self._at, whole))
        if frames:
            self._at += at
            self._searched = None
        return frames

    def _search(self, file: File, size: int, *, is_living: bool) -> bool:
        """Go on in what is damaged, to the next sound frame; whether it was found."""
        begin = self._at if self._searched is None else self._searched
        data = self._get(file, begin, min(SEARCH_BYTES, size - begin))
        checked = 0
        for offset, length in starts(data, 0):
            at = begin + offset
            if at + length > size:
                self._open = self._open or at
                continue
            if checked >= CHECK_BYTES:
                self._searched = at
                return False
            checked += length + CHECK_COST
            whole = data[offset : offset + length]
            if decode_frame(whole if len(whole) == length else self._get(file, at, length), 0):
                self._skip(at)
                return True
        self._searched = max(begin, begin + len(data) - START_BYTES + 1)
        if begin + len(data) >= size:
            self._end(size, is_living=is_living)
        return False

    def _end(self, size: int, *, is_living: bool) -> None:
        """All was searched: of a living journal it may be the beginning of a frame."""
        self.is_at_end = True
        if is_living:
            self._searched, self._open = self._open or self._searched, None
        else:
            self._skip(size)

    def _skip(self, upto: int) -> None:
        """What is between here and `upto` is damaged."""
        self.damaged_bytes += upto - self._at
        if upto > self._told:
            self._told = upto
            log.warning("%s: %d bytes at %d are damaged", self._path, upto - self._at, self._at)
        self._at, self._searched, self._open = upto, None, None

    def _get(self, file: File, offset: int, size: int) -> bytes:
        try:
            return file.read(offset, size)
        except OSError:
            if not self.skips_bad_blocks:
                raise
        blocks = range(offset, offset + size, BLOCK_BYTES)
        return b"".join(_block(file, at, min(BLOCK_BYTES, offset + size - at)) for at in blocks)


def _block(file: File, at: int, size: int) -> bytes:
    """Zeros, which are no frame, where the disk does not read."""
    try:
        return file.read(at, size)
    except OSError:
        return bytes(size)


def _decoded(data: bytes) -> tuple[list[Frame], int]:
    """The sound frames that `data` begins with, and how long they are."""
    frames, at = [], 0
    while found := decode_frame(data, at):
        frame, at = found
        frames.append(frame)
    return frames, at
