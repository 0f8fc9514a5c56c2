"""What the set-up tells people: sentences, and one line that moves while something is built."""

import shutil
import sys
import time
from types import TracebackType
from typing import Self

LINE_EVERY_S = 10.0  # where nothing can be overwritten (a file, CI), a line this often is enough


def line(text: str) -> None:
    print(text, flush=True)


class Progress:
    """A line that counts seconds: rewritten in place on a terminal, repeated seldom elsewhere."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._moves = sys.stdout.isatty()
        self._began = time.monotonic()
        self._shown_at = self._began

    def __enter__(self) -> Self:
        line(f"{self._title} ...") if not self._moves else self._draw("")
        return self

    def at(self, detail: str) -> None:
        """Show `detail` (what is being worked on right now)."""
        now = time.monotonic()
        if self._moves:
            self._draw(detail)
        elif now - self._shown_at >= LINE_EVERY_S:
            self._shown_at = now
            line(f"  {self.seconds:.0f} s  {detail}")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def _draw(self, detail: str) -> None:
        columns = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be rewritten
        text = f"{self._title}  {self.seconds:.0f} s  {detail}"[:columns]
        sys.stdout.write(f"\r\033[K{text}")
        sys.stdout.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._moves:
            sys.stdout.write("\r\033[K")
        if error is None:
            line(f"{self._title}: done in {self.seconds:.1f} s")
