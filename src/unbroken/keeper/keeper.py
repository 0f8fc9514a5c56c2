"""The keeper: ships a spool to its archive, in order, each entry until it is stored.

Theory of operation
-------------------
One keeper a spool, by lock. It has no durable state: where it goes on is what the store answers
and the ack files say, so its death costs nothing but the moment until an agent starts the next
one. Looking (which holders live and beat, what is new) is a loop of its own that waits for
nothing. Beside it one request is in flight; the next one leaves when the answer is in and
something is new. A holder that waits rings, and its journal is read between two looks. Sessions
are taken, blobs given away and the host's lease renewed beside that, too. Every journal answers
for itself: one bad session never blocks another. A journal whose holder's lock is free is a dead
holder's: its tail is shipped with the cause of its end.
"""

import asyncio
import logging

import msgspec

from unbroken.archive.port import Archive
from unbroken.archive.taking import TTL_MS
from unbroken.journal.bell import Waking
from unbroken.journal.spool import Spool
from unbroken.keeper.beat import KeeperBeat, KeeperSettings
from unbroken.keeper.blobs import BlobLane
from unbroken.keeper.journals import Journals
from unbroken.keeper.shipping import Shipping
from unbroken.keeper.taking import Taking

log = logging.getLogger(__name__)

LOOK_S = 0.02
RENEW_S = 1.0
IDLE_US = 60_000_000


class Options(msgspec.Struct, frozen=True):
    """`ttl_ms`: how long this host counts as alive after its last word.
    `idle_us`: without any journal for this long, the keeper ends; None: it stays. `settings`: what
    agents compare with theirs. `reship_us`: how long a journal is kept behind its end, for a store
    that was put back; None: RESHIP_US."""

    ttl_ms: int = TTL_MS
    idle_us: int | None = IDLE_US
    settings: KeeperSettings = KeeperSettings()
    reship_us: int | None = None


class Keeper:
    """Ships all journals of one spool. What the archive has acknowledged is in its log, or is named
    there as lost; what it has not stays in the spool, however this process ends."""

    def __init__(self, spool: Spool, archive: Archive, options: Options | None = None) -> None:
        self._spool, self._env = spool, spool.env
        self._options = options or Options()
        ttl_ms = self._options.ttl_ms
        self._lane = BlobLane(spool, archive)
        self._journals = Journals(spool, self._lane, reship_us=self._options.reship_us)
        self._tails, self._unreadable = self._journals.tails, self._journals.unreadable
        self._taking = Taking(self._env, archive, ttl_ms=ttl_ms)
        self._shipping = Shipping(
            self._env, archive, self._lane, host_id=spool.host_id(), ttl_ms=ttl_ms
        )
        self._beat: KeeperBeat | None = None
        self._rung, self._news = Waking(), Waking()
        self._busy_us = self._env.boot_us()

    async def run(self) -> bool:
        """Ship until idle. False at once if another keeper has the spool."""
        if not self._env.lock(self._spool.keeper_lock):
            return False
        log.info("keeper started", extra={"spool": self._spool.folder})
        self._rung.listen(self._env, self._spool.keeper_bell)
        loops = (self._look_on, self._ship_on, self._renew_on)
        tasks = [asyncio.create_task(loop(), name=f"unbroken keeper {loop}") for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # only idleness ends them, or what they raised ends us
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._rung.close()
            await self._taking.aclose()
            await self._lane.aclose()
            self._env.unlock(self._spool.keeper_lock)
        log.info("keeper idle")
        return True

    async def step(self) -> None:
        """Look at all journals once and ship what is due."""
        self.look()
        self._begin()
        await self._taking.settle()
        await self._ship()

    async def _look_on(self) -> None:
        """A loop of its own: an archive that is slow must not hide a frozen holder."""
        while not self._is_idle():
            self._show()
            self.look()
            self._begin()
            await self._heed()

    async def _heed(self) -> None:
        """Between two looks: read on where somebody waits, at once."""
        until_us = self._env.boot_us() + int(LOOK_S * 1e6)
        heard = self._rung.count
        while (left_us := until_us - self._env.boot_us()) > 0:
            if await self._rung.wait(heard, left_us / 1e6):
                heard = self._rung.count
                self._journals.read_waited()
                self._news.wake()

    async def _ship_on(self) -> None:
        while True:
            known = self._news.count
            await self._ship()
            await self._news.wait(known, LOOK_S)

    async def _renew_on(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._shipping.renew(self._tails.values())

    def _begin(self) -> None:
        """Takes and blobs that are due, beside the shipping."""
        if self._shipping.is_well:
            self._taking.work(self._tails.values())
            self._lane.work()

    async def _ship(self) -> None:
        self._journals.forget()
        await self._shipping.ship(self._tails.values())

    def _show(self) -> None:
        """Beat, so that an agent replaces this keeper if it stands still."""
        try:
            if self._beat is None:
                self._beat = KeeperBeat.open(self._spool)
                self._beat.begin(self._env, self._options.settings)
        except OSError:
            return  # a full disk: once more at the next look
        self._beat.beat(self._env.boot_us())

    def look(self) -> None:
        """See which holders live, read on, and kill those that are frozen."""
        self._journals.look()
        for tail in self._tails.values():
            if tail.holder.kill_if_frozen(self._env.boot_us()):
                log.warning("frozen holder killed", extra={"holder": str(tail.header.holder)})

    def _is_idle(self) -> bool:
        now_us = self._env.boot_us()
        if self._tails or self._unreadable:
            self._busy_us = now_us
        idle_us = self._options.idle_us
        return idle_us is not None and now_us - self._busy_us > idle_us
