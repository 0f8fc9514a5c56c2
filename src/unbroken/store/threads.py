"""The threads in which a dialect runs transactions: one writes, others read beside it.

All threads of a process share one interpreter. What an agent waits for asks for it some dozens of
times, and each time waits for whoever has it. So while that is under way those who read for people
do not ask: before each row, and each part of an answer, they wait until it is over. They do not
wait for ever: beside agents that come without a pause an answer is late by a second, and then goes
on as everybody does.

A caller that is cancelled does not stop its transaction: it commits, and the caller knows nothing,
as after any lost answer.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeAlias, TypeVar

from unbroken.errors import ArchiveUnavailable, Corrupt
from unbroken.store.transaction import Transaction

READERS = 2
PAUSE_S = 0.02
PAUSES_MAX = 50  # of one answer: a second in all

T = TypeVar("T")
GiveWay: TypeAlias = Callable[[], None]
Tx = TypeVar("Tx", bound=Transaction)


class Threads(ABC, Generic[Tx]):
    """What a `Database` does with its threads; a dialect adds how a transaction is run in one."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="unbroken-write")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="unbroken-read")
        self._urgent = ThreadPoolExecutor(1, thread_name_prefix="unbroken-agents")
        self._precedence = Precedence()
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._was_refused = False  # the last write, by the database or its disk

    async def wait(self, wait_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        self._woken.clear()

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction; on return it is on disk. Raises ArchiveUnavailable,
        Corrupt."""
        return await self._kept(self._write, work)

    async def write_at_once(self, work: Callable[[Tx], T]) -> T:
        """As `write`, for an agent that waits: who reads for people gives way."""
        with self._precedence.first():
            return await self.write(work)

    async def claim(self, work: Callable[[Tx], T]) -> T:
        """As `write`, where nobody else writes."""
        return await self.write(work)

    async def _kept(self, run: Callable[[Callable[[Tx], T]], T], work: Callable[[Tx], T]) -> T:
        try:
            done: T = await self._run(self._writer, run, work)
        except (ArchiveUnavailable, Corrupt):
            self._was_refused = True
            raise
        self._was_refused = False
        return done

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on one snapshot. Raises ArchiveUnavailable, Corrupt."""
        return await self._run(self._readers, self._read, work, self._precedence.way())

    async def aside(self, work: Callable[[GiveWay], T]) -> T:
        """Run `work` in a thread of those that read, with what it calls before each part."""
        return await self._run(self._readers, work, self._precedence.way())

    async def read_at_once(self, work: Callable[[Tx], T]) -> T:
        """As `read`, for agents: never behind what people read."""
        with self._precedence.first():
            return await self._run(self._urgent, self._read, work)

    def _wake(self) -> None:
        """Whoever waits; from any thread."""
        self._loop.call_soon_threadsafe(self._woken.set)

    def _end_threads(self) -> None:
        """When all that was begun is done, those that read first."""
        for threads in (self._readers, self._urgent, self._writer):
            threads.shutdown()

    @abstractmethod
    async def _run(self, threads: ThreadPoolExecutor, work: Callable[..., T], *given: Any) -> T:
        """In a thread, with the driver's errors as ours."""

    @abstractmethod
    def _write(self, work: Callable[[Tx], T]) -> T:
        """In the thread that writes."""

    @abstractmethod
    def _read(self, work: Callable[[Tx], T], give_way: GiveWay | None = None) -> T:
        """In one that reads; `give_way` is called before each row."""


class Precedence:
    """`first` is entered in the event loop; `Way`s are of other threads."""

    def __init__(self) -> None:
        self._under_way = 0
        self._is_free = threading.Event()
        self._is_free.set()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Until its end others give way."""
        self._under_way += 1
        self._is_free.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._is_free.set()

    def way(self) -> GiveWay:
        """What one answer calls, in its thread, wherever it may stand still."""
        left = PAUSES_MAX

        def give_way() -> None:
            nonlocal left
            while left and not self._is_free.is_set():
                left -= 1
                self._is_free.wait(PAUSE_S)

        return give_way
