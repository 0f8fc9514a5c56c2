"""What a part prints, in a file that cannot grow without end."""

from pathlib import Path

LOG_BYTES_MAX = 5_000_000  # one file; the one before it is kept beside it as NAME.log.1
TAIL_BYTES = 4_000


class LogFile:
    """The output of one part since it was first started; older output is NAME.log.1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rotate()

    def write(self, chunk: bytes) -> None:
        """Add `chunk`. On a full disk it is dropped: a log must never stop what it tells of."""
        try:
            if self._file.tell() + len(chunk) > LOG_BYTES_MAX:
                self._file.close()
                self._rotate()
            self._file.write(chunk)
        except OSError:
            return

    def _rotate(self) -> None:
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self._file = self.path.open("ab", buffering=0)

    def tail(self, lines: int) -> str:
        """The last lines, for a person who asks why."""
        try:
            text = self.path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        self._file.close()
