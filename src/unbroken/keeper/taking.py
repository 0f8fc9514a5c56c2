"""Taking sessions on behalf of holders: one journal's trouble is its own.

Theory of operation
-------------------
A holder takes its session itself. Where it did not (the service was away, or it died in between),
its journal has entries and no binding, and the keeper asks with the same header: the store gives
the same holder the same term. What is asked for, and how often, is the journal's `Claim`.

A store that went back is told of the holders of a session in their order: a journal waits while an
earlier one of that session has something to ship. A session that was granted although its holder
has not read it is given back at once, so that the agent that is sent for reads it.
"""

import asyncio
import logging
from collections.abc import Collection

from unbroken.archive.port import Archive, Batch, HostBatch, Taken
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, CallTaken, InvalidInput, NotFound, UnbrokenError
from unbroken.keeper.tail import Tail
from unbroken.log.cause import RELEASED

log = logging.getLogger(__name__)

TAKES_MAX = 8  # at once
STEP_S = 1.0  # a step of a keeper waits no longer for them


class Taking:
    """Takes the sessions that holders have not taken themselves, TAKES_MAX at once: those of one
    session in the order of its holders, but past one that cannot be shipped."""

    def __init__(self, env: Env, archive: Archive, *, ttl_ms: int) -> None:
        self._env, self._archive, self._ttl_ms = env, archive, ttl_ms
        self._tasks: dict[Tail, asyncio.Task[None]] = {}

    def work(self, tails: Collection[Tail]) -> None:
        """Begin the takes that are due and have room. Needs a running loop."""
        now_us = self._env.boot_us()
        for tail in tails:
            if len(self._tasks) >= TAKES_MAX:
                return
            if tail.is_bound or tail in self._tasks or not tail.is_due(now_us):
                continue
            if not _waits(tail, tails):
                self._spawn(tail)

    async def settle(self) -> None:
        """Wait, but not long, for what was begun."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STEP_S)

    async def aclose(self) -> None:
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, tail: Tail) -> None:
        task = asyncio.create_task(self._take(tail), name="unbroken take")
        self._tasks[tail] = task
        task.add_done_callback(lambda _: self._tasks.pop(tail))

    async def _take(self, tail: Tail) -> None:
        try:
            taken = await self._archive.take(tail.claim.request(ttl_ms=self._ttl_ms))
            if tail.claim.is_blind(taken):
                await self._give_back(tail, taken)
            tail.bind(taken)
        except CallTaken as error:
            tail.refuse(error)
        except (NotFound, InvalidInput) as error:
            tail.claim.refuse(error)
        except UnbrokenError:  # away, or another key: all may pass
            tail.fail()
            tail.claim.pause.fail()

    async def _give_back(self, tail: Tail, taken: Taken) -> None:
        """Leave the session as it was: the next agent reads it before it says a word. Raises
        CallTaken, once that is done."""
        batch = Batch(
            session_id=taken.session_id,
            term=taken.term,
            holder=tail.header.holder,
            first=taken.base + 1,
            final=RELEASED,
        )
        answer = await self._archive.append(
            HostBatch(
                host_id=tail.header.host_id,
                host_name=self._env.host_name(),
                ttl_ms=self._ttl_ms,
                batches=(batch,),
            )
        )
        if [said.outcome for said in answer.batches] == ["retry"]:
            raise ArchiveUnavailable("a session could not be given back now")
        raise CallTaken("it was begun by another agent", session_id=taken.session_id)


def _waits(tail: Tail, tails: Collection[Tail]) -> bool:
    """A store that lost a session is told of its holders in their order: this one has to wait
    while an earlier one has something to ship, unless that cannot be shipped."""
    claim = tail.claim
    if claim.session_id is None or claim.is_alone:
        return False
    has_lost = claim.granted_term is not None
    return any(
        other.has_more and not other.is_failing and (has_lost or not other.is_living)
        for other in tails
        if other is not tail and other.is_earlier(tail)
    )
