"""What of one journal is sent next: entries in their order, whole groups, and what is in flight."""

from unbroken.archive.port import BATCH_BYTES_MAX, Batch, WireEntry, WireMark
from unbroken.keeper.backlog import Backlog
from unbroken.keeper.health import Health
from unbroken.keeper.standing import Standing
from unbroken.log.entries import BLOBS

MARK_US = 1_000_000  # a mark goes to the store at most this often, and once at the end


class Batching:
    """Chooses from the backlog; what was chosen stays there until it is known to be stored."""

    def __init__(self, backlog: Backlog, health: Health, standing: Standing) -> None:
        self._backlog = backlog
        self._health = health
        self._standing = standing
        self._last: tuple[int, WireEntry] | None = None  # the newest that was chosen
        self._mark_sent_us = 0

    def has_next(self, now_us: int) -> bool:
        first = next(self._backlog.groups(), None)
        behind = self._backlog.stored + 1
        return first is not None and (first[0][0] != behind or self._may_go(first, now_us))

    def entries(self, now_us: int, bytes_max: int) -> list[WireEntry]:
        """The next ones, as many as fit but at least one, and none whose blobs are awaited."""
        self._give_up(now_us)
        taken = self._chosen(now_us, min(bytes_max, BATCH_BYTES_MAX))
        if taken:
            self._last = self._backlog.stored + len(taken), taken[-1]
        return taken

    def last(self, n: int) -> WireEntry | None:
        """Entry `n`, if it is the newest that was chosen."""
        return self._last[1] if self._last and self._last[0] == n else None

    def mark(self, now_us: int, upto: int, *, base: int, is_final: bool) -> WireMark | None:
        """What is in flight, unless it is ahead of `upto`: the store would not take it yet."""
        mark = self._backlog.mark
        is_due = is_final or now_us - self._mark_sent_us >= MARK_US
        if mark is None or mark.n > upto or not is_due:
            return None
        self._mark_sent_us = now_us
        return WireMark(base + mark.n, mark.at_us, mark.payload)

    def forget_mark(self, batch: Batch) -> None:
        """That of `batch` is stored, or never will be."""
        mark = self._backlog.mark
        if batch.mark and mark and batch.mark.at_us == mark.at_us:
            self._backlog.mark = None

    def _chosen(self, now_us: int, bytes_max: int) -> list[WireEntry]:
        taken: list[WireEntry] = []
        size, room = 0, self._health.entries_max
        for group in self._backlog.groups():
            size += sum(len(entry.payload) for _, entry in group)
            if taken and (len(group) > room or size > bytes_max):
                break
            is_next = group[0][0] == self._backlog.stored + 1 + len(taken)
            if not is_next or not self._may_go(group, now_us):
                break
            for n, entry in group[:room]:  # one that is bad is looked for within a group, too
                taken.append(entry)
                if entry.kind == "lost":
                    self._standing.name(n)
            room -= len(group)
            if room <= 0:
                break
        return taken

    def _may_go(self, group: list[tuple[int, WireEntry]], now_us: int) -> bool:
        has = [self._has_blobs(*each, now_us) for each in group]  # each is asked for
        return all(has)

    def _has_blobs(self, n: int, entry: WireEntry, now_us: int) -> bool:
        if not entry.flags & BLOBS:
            return True
        self._standing.owed.see(n, entry.payload, now_us)
        return self._standing.owed.gone(n) is not None or self._standing.owed.may_go(n, now_us)

    def _give_up(self, now_us: int) -> None:
        """Name entries lost whose blobs will never be stored: each alone."""
        for at, (n, entry) in enumerate(self._backlog):
            if at >= self._health.entries_max:
                return
            if entry.flags & BLOBS:
                self._standing.owed.see(n, entry.payload, now_us)
                if reason := self._standing.owed.gone(n):
                    self._backlog.name_lost(at, f"blob: {reason}")
