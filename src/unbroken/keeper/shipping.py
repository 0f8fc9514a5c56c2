"""Shipping: one request in flight for all sessions of the host, and what to do when it fails.

A request that fails says nothing yet of whose fault it is. So an empty one follows: if that fails
too, the archive is away and all pause together, with growing, jittered pauses. If it does not, the
request is halved until the sessions are found that cannot be shipped; each pauses alone.
"""

import contextlib
import logging
from collections.abc import Collection
from uuid import UUID

from unbroken.archive.port import (
    HOST_BYTES_MAX,
    Archive,
    Batch,
    HostAnswer,
    HostBatch,
    StoreIdentity,
)
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, TooLarge, UnbrokenError
from unbroken.keeper.blobs import BlobLane
from unbroken.keeper.tail import Tail
from unbroken.log.cause import CRASHED
from unbroken.pause import Pause

log = logging.getLogger(__name__)

HOST_BATCHES_MAX = 200  # sessions in one request
BYTES_MIN = 16 << 10  # of a request: nobody refuses less for its size
GROW_US = 10_000_000  # without a 413: then requests may grow again
RENEW_US = 1_000_000  # the host's lease is renewed so often, whatever else is shipped

Part = tuple[Tail, Batch]


class Shipping:
    """One request at a time for all sessions of the host. A session that cannot be shipped pauses
    alone; an archive that is away pauses all."""

    def __init__(
        self, env: Env, archive: Archive, blobs: BlobLane, *, host_id: UUID, ttl_ms: int
    ) -> None:
        self._env, self._archive, self._blobs = env, archive, blobs
        self._host_id, self._ttl_ms = host_id, ttl_ms
        self._store: StoreIdentity | None = None
        self._pause = Pause(env, first_s=0.05, most_s=2.0)
        self._bytes_max = HOST_BYTES_MAX
        self._refused_us = 0  # the last 413
        self._heard_us = 0  # the last answer
        self._turn = 0

    @property
    def is_well(self) -> bool:
        """Whether the archive may be asked now."""
        return self._pause.is_over(self._env.boot_us())

    async def ship(self, tails: Collection[Tail]) -> None:
        """Ship what is due, if the archive may be asked."""
        if not self.is_well:
            return
        now_us = self._env.boot_us()
        due = [t for t in tails if t.is_bound and t.is_due(now_us)]
        try:
            if due:
                await self._send(self._fair(due), tails)
            else:
                await self._renew(tails)
        except UnbrokenError as error:  # away, another key, another version: all may pass
            if not self._pause.failures:
                log.warning("archive unavailable", extra={"error": str(error)})
            for tail in due:
                tail.fail()
            self._pause.fail()
        else:
            if self._pause.failures:
                log.info("archive answers again")
            self._pause.clear()

    async def renew(self, tails: Collection[Tail]) -> None:
        """Renew the host's lease beside a request that hangs."""
        with contextlib.suppress(UnbrokenError):  # `ship` finds the same, and pauses
            await self._renew(tails)

    async def _renew(self, tails: Collection[Tail]) -> None:
        if tails and self._env.boot_us() - self._heard_us >= RENEW_US:
            self._hear(await self._append(()), (), tails)

    def _fair(self, due: list[Tail]) -> list[Tail]:
        """Those that somebody waits for first, then the others in turn."""
        self._turn += 1
        at = self._turn % len(due)
        turned = due[at:] + due[:at]
        turned.sort(key=lambda tail: tail.ack.wanted <= tail.stored)
        return turned[:HOST_BATCHES_MAX]

    async def _send(self, due: list[Tail], tails: Collection[Tail]) -> None:
        parts = self._parts(due)
        try:
            answer = await self._append(tuple(batch for _, batch in parts))
        except UnbrokenError as error:
            await self._divide(parts, error, tails)
        else:
            self._grow()
            self._hear(answer, parts, tails)

    def _parts(self, due: list[Tail]) -> list[Part]:
        """As many batches as fit into a request, but at least one."""
        parts: list[Part] = []
        room = self._bytes_max
        for tail in due:
            if parts and room <= 0:
                break
            batch = tail.batch(self._env.boot_us(), bytes_max=self._bytes_max)
            size = _size(batch)
            if not parts or size <= room:
                parts.append((tail, batch))
                room -= size
        return parts

    async def _divide(
        self, parts: list[Part], error: UnbrokenError, tails: Collection[Tail]
    ) -> None:
        """Find the sessions that made the request fail; raises if it was none of them."""
        if isinstance(error, TooLarge) and self._narrow(parts):
            return
        self._hear(await self._append(()), (), tails)
        if len(parts) == 1:
            ((tail, batch),) = parts
            tail.fail_alone(batch, error)
            return
        middle = len(parts) // 2
        for half in (parts[:middle], parts[middle:]):
            await self._send([tail for tail, _ in half], tails)

    def _narrow(self, parts: list[Part]) -> bool:
        """Take less from now on; False if less is not to be had."""
        self._refused_us = self._env.boot_us()
        size = sum(_size(batch) for _, batch in parts)
        is_one = sum(len(batch.entries) for _, batch in parts) == 1
        if is_one or size <= BYTES_MIN:
            return False
        self._bytes_max = max(BYTES_MIN, min(size, self._bytes_max) // 2)
        return True

    def _grow(self) -> None:
        if self._env.boot_us() - self._refused_us >= GROW_US:
            self._bytes_max = min(HOST_BYTES_MAX, self._bytes_max * 2)

    async def _append(self, batches: tuple[Batch, ...]) -> HostAnswer:
        answer = await self._archive.append(
            HostBatch(
                host_id=self._host_id,
                host_name=self._env.host_name(),
                ttl_ms=self._ttl_ms,
                at_us=self._env.now_us(),
                batches=batches,
            )
        )
        asked = [batch.session_id for batch in batches]
        if asked != [said.session_id for said in answer.batches]:
            raise ArchiveUnavailable("the answer is about other sessions")
        return answer

    def _hear(self, answer: HostAnswer, parts: Collection[Part], tails: Collection[Tail]) -> None:
        now_us = self._heard_us = self._env.boot_us()
        self._recognise(answer.store, tails)
        for (tail, batch), said in zip(parts, answer.batches, strict=True):
            tail.hear(batch, said, now_us)
            if any(order.kind == "kill" for order in said.orders):
                tail.holder.kill(CRASHED)

    def _recognise(self, store: StoreIdentity, tails: Collection[Tail]) -> None:
        """Another store, or an earlier state of ours, may lack what was confirmed: ask it."""
        if store == self._store:
            return
        if self._store is not None:
            log.warning("the store changed: all heads are asked again", extra={"store": str(store)})
            self._blobs.forget()
            for tail in tails:
                tail.ask_again()
        self._store = store


def _size(batch: Batch) -> int:
    return sum(len(entry.payload) for entry in batch.entries)
