"""What of one journal stands in the log, and so what its holder may trust: the ack file's words."""

from uuid import UUID

from unbroken.journal.ack import Ack
from unbroken.keeper.backlog import Backlog
from unbroken.keeper.blobs import BlobLane, Owed

LOST_KNOWN = 14  # as many lost entries the ack file names


class Standing:
    """`end_n`: the holder's part of the log ends here; None: it does not end yet.

    What is behind it was shipped too, but to the side lane, and is never acknowledged.
    """

    def __init__(self, ack: Ack, backlog: Backlog, lane: BlobLane, holder: UUID) -> None:
        self.end_n: int | None = None
        self.owed = Owed(lane, holder)
        self._ack, self._backlog = ack, backlog
        self._lost_upto = 0  # losses up to here were told

    @property
    def in_log(self) -> int:
        """All up to this n stands in the log, with its blobs, or is named lost there."""
        shipped = self._backlog.stored
        return self.owed.upto(shipped if self.end_n is None else min(shipped, self.end_n))

    def confirm(self, *, term: int, boot_us: int) -> None:
        """The archive named our term just now."""
        self.settle()
        self._ack.confirm(acked=self.in_log, term=term, boot_us=boot_us)

    def tell(self, *, term: int) -> None:
        """Not that our term was confirmed."""
        self.confirm(term=term, boot_us=self._ack.confirmed_us)

    def settle(self) -> None:
        """Blobs that will never arrive, of entries that went ahead of them."""
        for n in self.owed.lost(self._backlog.stored):
            self._lose(n)

    def name(self, n: int) -> None:
        """Entry `n` leaves as a lost one."""
        if n > self._lost_upto:
            self._lost_upto = n
            self._lose(n)

    def _lose(self, n: int) -> None:
        """Tell the agent before anything behind it is confirmed; once, whichever keeper does."""
        known = self._ack.lost_since(max(0, self._ack.lost_count - LOST_KNOWN))
        if n not in (known or ()):
            self._ack.lose(n)
