"""The keeper: ships a spool to its archive, in order, each entry until it is stored.

Theory of operation
-------------------
One keeper a spool, by lock. It has no durable state: where it goes on is what the store answers,
so its death costs nothing but the moment until an agent starts the next one. One request is in
flight; the next one leaves when the answer is in and something is new, at once when somebody
waits. Every journal answers for itself: one bad session never blocks another. A journal whose
holder's lock is free is a dead holder's: its tail is shipped with the cause of its end.
"""

import asyncio
import logging

import msgspec

from unbroken.archive import HOST_BYTES_MAX, Archive, Batch, HostAnswer, HostBatch
from unbroken.cause import CRASHED
from unbroken.errors import CallTaken, InvalidInput, TooLarge, UnbrokenError
from unbroken.keeper.beat import KeeperBeat, Settings
from unbroken.keeper.journals import Journals
from unbroken.keeper.tail import Tail
from unbroken.ownership import TTL_MS, request_of
from unbroken.spool import Spool

log = logging.getLogger(__name__)

LOOK_S = 0.02
BACKOFF_S = (0.05, 2.0)  # first pause after a failure; doubled up to the second
HOST_BATCHES_MAX = 200  # sessions in one request
IDLE_US = 60_000_000


class Options(msgspec.Struct, frozen=True):
    """`ttl_ms`: how long this host counts as alive after its last word (3 s; 6 s on small hosts).
    `idle_us`: without any journal for this long, the keeper ends. `settings`: what agents compare
    with theirs."""

    ttl_ms: int = TTL_MS
    idle_us: int = IDLE_US
    settings: Settings = Settings()


class Keeper:
    def __init__(self, spool: Spool, archive: Archive, options: Options | None = None) -> None:
        self._spool, self._env = spool, spool.env
        self._archive = archive
        self._options = options or Options()
        self._host_id = spool.host_id()
        self._journals = Journals(spool)
        self._tails, self._unreadable = self._journals.tails, self._journals.unreadable
        self._beat: KeeperBeat | None = None
        self._blobs: set[str] = set()  # given away by this keeper
        self._busy_us = self._env.boot_us()
        self._pause_s = 0.0
        self._bytes_max = HOST_BYTES_MAX
        self._turn = 0

    async def run(self) -> bool:
        """Ship until idle. False at once if another keeper has the spool."""
        if not self._env.lock(self._spool.keeper_lock):
            return False
        log.info("keeper started", extra={"spool": self._spool.folder})
        looking = asyncio.create_task(self._look_on(), name="unbroken looking")
        try:
            while not (self._is_idle() or looking.done()):
                await self._ship_due()
                await asyncio.sleep(self._pause_s or LOOK_S)
            if looking.done():
                looking.result()  # it never ends by itself: what it raised ends us
        finally:
            looking.cancel()
            self._env.unlock(self._spool.keeper_lock)
        log.info("keeper idle")
        return True

    async def step(self) -> None:
        """Look at all journals once and ship what is due."""
        self.look()
        await self._ship_due()

    async def _look_on(self) -> None:
        """A loop of its own: an archive that is slow must not hide a frozen holder."""
        while True:
            self._show()
            self.look()
            await asyncio.sleep(LOOK_S)

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

    async def _ship_due(self) -> None:
        self._journals.forget()
        due = [t for t in self._tails.values() if t.is_due(self._env.boot_us())]
        if not due:
            return
        try:
            await self._ship(await self._bound(self._fair(due)))
            self._pause_s = 0.0
        except UnbrokenError as error:  # away, another key, another version: all may pass
            for tail in due:
                tail.fail()
            if not self._pause_s:
                log.warning("archive unavailable", extra={"error": str(error)})
            first, most = BACKOFF_S
            self._pause_s = min(max(first, self._pause_s * 2), most)

    def _fair(self, due: list[Tail]) -> list[Tail]:
        """Those that somebody waits for first, then the others in turn."""
        self._turn += 1
        at = self._turn % len(due)
        turned = due[at:] + due[:at]
        turned.sort(key=lambda tail: tail.ack.wanted <= tail.stored)
        return turned[:HOST_BATCHES_MAX]

    async def _bound(self, tails: list[Tail]) -> list[Tail]:
        """Take the sessions that their holders could not take."""
        for tail in tails:
            if not tail.is_bound:
                await self._bind(tail)
        return [tail for tail in tails if tail.is_bound]

    async def _bind(self, tail: Tail) -> None:
        try:
            tail.bind(
                await self._archive.take(request_of(tail.header, ttl_ms=self._options.ttl_ms))
            )
        except CallTaken:
            tail.refuse(self._env.boot_us())
            log.warning("session taken by another", extra={"holder": str(tail.header.holder)})

    async def _ship(self, tails: list[Tail]) -> None:
        batches: list[Batch] = []
        size = 0
        for tail in tails:
            if size < self._bytes_max:
                batches.append(await self._batch(tail))
                size += sum(len(entry.payload) for entry in batches[-1].entries)
        if not batches:
            return
        answer = await self._append(
            HostBatch(
                host_id=self._host_id,
                host_name=self._env.host_name(),
                ttl_ms=self._options.ttl_ms,
                batches=tuple(batches),
            )
        )
        for tail, batch, said in zip(tails, batches, answer.batches, strict=False):
            tail.hear(batch, said, self._env.boot_us())
            if any(order.kind == "kill" for order in said.orders):
                tail.holder.kill(CRASHED)

    async def _append(self, batch: HostBatch) -> HostAnswer:
        try:
            return await self._archive.append(batch)
        except TooLarge:
            # The service, or what stands before it, takes less than we know of.
            self._bytes_max = max(1, self._bytes_max // 2)
            raise

    async def _batch(self, tail: Tail) -> Batch:
        """The tail's next batch, the blobs it refers to stored before it."""
        batch = tail.batch(self._env.boot_us(), bytes_max=self._bytes_max)
        try:
            for name in tail.blobs(batch):
                if name not in self._blobs:
                    await self._archive.put_blob(
                        bytes.fromhex(name), self._spool.get_blob(tail.header.holder, name)
                    )
                    self._blobs.add(name)
        except (FileNotFoundError, InvalidInput) as error:
            tail.lose(batch, f"blob: {type(error).__name__}")
            return tail.batch(self._env.boot_us(), bytes_max=self._bytes_max)
        return batch

    def _is_idle(self) -> bool:
        now_us = self._env.boot_us()
        if self._tails or self._unreadable:
            self._busy_us = now_us
        return now_us - self._busy_us > self._options.idle_us
