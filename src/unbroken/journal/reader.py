"""The journal as its keeper reads it: from the front, as it grows, past what is damaged."""

from unbroken.env import Env
from unbroken.errors import JournalUnreadable
from unbroken.frames import FRAME_BYTES_MAX, Frame, decode_frame, decode_header, resync

READ_BYTES = 2 * FRAME_BYTES_MAX  # so that a whole frame always fits


class JournalReader:
    """Reads the journal of a living or dead holder, from the front, as it grows."""

    def __init__(self, env: Env, path: str) -> None:
        """Raises FileNotFoundError, and JournalUnreadable if it is no journal of this version."""
        self._file = env.open(path)
        self.damaged_bytes = 0
        whole = decode_header(self._file.read(0, READ_BYTES))
        if whole is None:
            self._file.close()
            raise JournalUnreadable(f"{path}: the header is cut off")
        self.header, self._start = whole
        self._at = self._start

    def read(self, *, is_living: bool) -> list[Frame]:
        """The next whole frames, at most READ_BYTES of them; [] when there is no more now.

        Behind a damaged frame it goes on with the next sound one. The last frame of a living
        journal that is short or unsound is *not yet*.
        """
        data = self._file.read(self._at, READ_BYTES)
        frames, at = [], 0
        while at < len(data):
            if found := decode_frame(data, at):
                frame, at = found
                frames.append(frame)
                continue
            behind = resync(data, at + 1)
            is_full = len(data) == READ_BYTES
            if behind == len(data) and (at > 0 if is_full else is_living):
                break  # not yet, or cut by the size of this read
            self.damaged_bytes += behind - at
            at = behind
        self._at += at
        return frames

    def rewind(self) -> None:
        """Read from the first frame again."""
        self._at = self._start
        self.damaged_bytes = 0

    def close(self) -> None:
        self._file.close()
