"""What is wrong with the shipping of one journal: its own pauses, and the words for it."""

import logging
from uuid import UUID

from unbroken.archive.port import BATCH_ENTRIES_MAX, Batch
from unbroken.env import Env
from unbroken.errors import TooLarge, UnbrokenError
from unbroken.journal import trouble
from unbroken.journal.ack import DEGRADED, Ack
from unbroken.pause import Pause

log = logging.getLogger(__name__)

REFUSALS_MAX = 3  # an entry alone, 413 so often: it will not be taken
SMALL_BYTES = 4 << 10  # an entry below is never too large: something else is wrong
FAILING = 3  # failures in a row, and nobody waits for this journal any more


class Health:
    """When one journal may be shipped again, how many entries at once, and what is wrong."""

    def __init__(self, env: Env, holder: UUID, ack: Ack) -> None:
        self.pause = Pause(env, first_s=0.05, most_s=60.0)
        self.entries_max = BATCH_ENTRIES_MAX  # of one batch: narrowed to find a bad entry
        self._holder, self._ack = holder, ack
        self._refusals = 0  # 413 for one entry alone, in a row
        self._failure: str | None = None
        self._are_entries_bad = False  # without any, a batch is well: our term can be confirmed
        self._said: str | None = None

    @property
    def is_failing(self) -> bool:
        return self.pause.failures > FAILING

    @property
    def flag(self) -> int:
        return DEGRADED if self._failure else 0

    def may_send(self, now_us: int) -> bool:
        return self.pause.is_over(now_us)

    def may_ask(self, now_us: int) -> bool:
        """Whether a batch without entries may be sent."""
        return self._are_entries_bad or self.may_send(now_us)

    def recover(self, batch: Batch, *, is_all: bool) -> None:
        """An answer came. All is well again when nothing is left behind what was sent, or when
        batches are as long as ever."""
        if self._are_entries_bad and not batch.entries:
            return
        self.pause.clear()
        self._refusals = 0
        self.entries_max = min(BATCH_ENTRIES_MAX, self.entries_max * 2)
        if is_all or self.entries_max == BATCH_ENTRIES_MAX:
            self._failure, self._are_entries_bad = None, False

    def narrow(self, entries: int) -> bool:
        """Send less, to get at what is bad; False if it is alone."""
        if entries > 1:
            self.entries_max = max(1, entries // 2)
        return entries > 1

    def fail(self, batch: Batch, error: UnbrokenError) -> bool:
        """The archive answers others, but not this. True: its one entry is given up."""
        self._ack.flag(self._ack.flags | DEGRADED)
        self._failure = f"its requests fail: {error}"
        self._are_entries_bad = bool(batch.entries)
        if self.narrow(len(batch.entries)):
            return False
        self.pause.fail()
        if not isinstance(error, TooLarge) or not batch.entries:
            return False
        self._refusals += 1
        is_large = len(batch.entries[0].payload) >= SMALL_BYTES
        return is_large and self._refusals >= REFUSALS_MAX

    def words(self, reasons: tuple[str | None, ...]) -> str | None:
        """All that is wrong; None when all is well."""
        count = self._ack.lost_count
        lost = f"{count} entries are lost" if count else None
        told = trouble.describe(self._ack.trouble)
        return "; ".join(filter(None, (told, *reasons, self._failure, lost))) or None

    def say(self, words: str | None) -> None:
        """Tell the log at each change, once."""
        if words != self._said:
            self._said = words
            log.warning("%s: %s", self._holder, words or "all is well again")
