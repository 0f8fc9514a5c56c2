"""The blob lane: what is too large for an entry goes to the archive beside the words.

It delays nothing but what it carries: a few uploads at once, each with its own pauses. An entry
waits for its blobs, but not long; then it goes ahead, and only its acknowledgement waits.
"""

import asyncio
import logging
from uuid import UUID

import msgspec

from unbroken.archive.port import Archive
from unbroken.errors import InvalidInput, TooLarge, UnbrokenError
from unbroken.journal.spool import Spool
from unbroken.log import large
from unbroken.pause import Pause

log = logging.getLogger(__name__)

UPLOADS_MAX = 4  # at once, each with its blob in memory
OF_ONE_MAX = 2  # ...of one journal: the others have a way past it
WAIT_US = 1_000_000  # an entry waits for its blobs no longer
AHEAD_MAX = 1_000  # entries of a journal that may go ahead of their blobs; then it waits
SURE_US = 12 * 3_600_000_000  # what no entry refers to is deleted a day after it was stored
REFUSALS_MAX = 3  # 413 so often, and it will not be taken: a proxy may say so in passing

Key = tuple[UUID, str]  # holder, name


class _Upload(msgspec.Struct, eq=False):
    pause: Pause
    is_running: bool = False


class BlobLane:
    """A blob that is wanted is sent until it is stored, or until it is known why it never will be;
    `forget` begins that anew."""

    def __init__(self, spool: Spool, archive: Archive) -> None:
        self._spool, self._archive = spool, archive
        self._waiting: dict[Key, _Upload] = {}
        self._done: dict[Key, str | None] = {}  # None: it is stored; else why it never will be
        self._since_us: dict[Key, int] = {}  # of those that are done
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, holder: UUID, name: str) -> None:
        """Send it, unless it is stored for sure, or on its way."""
        key = (holder, name)
        if self.is_stored(*key) and self._is_old(key):
            del self._done[key]
        if key not in self._done and key not in self._waiting:
            self._waiting[key] = _Upload(Pause(self._spool.env, first_s=0.2, most_s=30.0))

    def _is_old(self, key: Key) -> bool:
        return self._spool.env.boot_us() - self._since_us[key] > SURE_US

    def is_stored(self, holder: UUID, name: str) -> bool:
        return self._done.get((holder, name), "") is None

    def gone(self, holder: UUID, name: str) -> str | None:
        """Why this blob will never be in the archive."""
        return self._done.get((holder, name))

    def forget(self, holder: UUID | None = None) -> None:
        """What was stored may be gone: of one journal, or, in another store, of all."""
        for known in (self._waiting, self._done, self._since_us):
            for key in [key for key in known if holder in (None, key[0])]:
                del known[key]

    def work(self) -> None:
        """Begin the uploads that are due and have room. Needs a running loop."""
        now_us = self._spool.env.boot_us()
        for key, upload in self._waiting.items():
            if len(self._tasks) >= UPLOADS_MAX:
                return
            is_due = not upload.is_running and upload.pause.is_over(now_us)
            if is_due and self._has_room(key[0]):
                upload.is_running = True
                self._spawn(key, upload)

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _has_room(self, holder: UUID) -> bool:
        of_it = sum(up.is_running for key, up in self._waiting.items() if key[0] == holder)
        return of_it < OF_ONE_MAX

    def _spawn(self, key: Key, upload: _Upload) -> None:
        task = asyncio.create_task(self._run(key, upload), name="unbroken blob")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: Key, upload: _Upload) -> None:
        is_done, gone = await self._upload(key, upload.pause)
        upload.is_running = False
        if not is_done or self._waiting.get(key) is not upload:
            return  # to be tried again, or forgotten meanwhile
        del self._waiting[key]
        self._done[key], self._since_us[key] = gone, self._spool.env.boot_us()
        if gone:
            log.warning("blob %s: %s", gone, key[1], extra={"holder": str(key[0])})

    async def _upload(self, key: Key, pause: Pause) -> tuple[bool, str | None]:
        """Whether it is over, and why the blob will never be stored, if so."""
        holder, name = key
        try:
            # In a thread: a disk may be slow, and nobody's words wait for it.
            content = await asyncio.to_thread(self._spool.get_blob, holder, name)
            await self._archive.put_blob(bytes.fromhex(name), content)
        except FileNotFoundError:
            return True, "missing"
        except TooLarge:
            pause.fail()
            return pause.failures >= REFUSALS_MAX, "too_large"
        except InvalidInput:
            return True, "refused"
        except (OSError, UnbrokenError) as error:
            if not pause.failures:
                log.warning("blob waits: %s", error, extra={"holder": str(holder)})
            pause.fail()
            return False, None
        return True, None


class Owed:
    """The entries of one journal whose blobs are not yet in the archive."""

    def __init__(self, lane: BlobLane, holder: UUID) -> None:
        self._lane, self._holder = lane, holder
        self._names: dict[int, list[str]] = {}  # by n
        self._since_us: dict[int, int] = {}

    def see(self, n: int, payload: bytes, now_us: int) -> None:
        """Entry `n` has blobs: begin with them."""
        if n not in self._since_us:
            self._since_us[n] = now_us
            self._names[n] = large.references(payload)
            for name in self._names[n]:
                self._lane.want(self._holder, name)

    def gone(self, n: int) -> str | None:
        """Why a blob of entry `n` will never be stored."""
        reasons = (self._lane.gone(self._holder, name) for name in self._names.get(n, ()))
        return next(filter(None, reasons), None)

    def may_go(self, n: int, now_us: int) -> bool:
        """Whether entry `n` has waited long enough, or needs not."""
        self._settle(n)
        if n not in self._names:
            return True
        is_late = now_us - self._since_us[n] >= WAIT_US
        return is_late and len(self._names) <= AHEAD_MAX

    def upto(self, shipped: int) -> int:
        """All up to this n is there with its blobs."""
        for n in tuple(self._names):
            self._settle(n)
        return min([shipped, *(n - 1 for n in self._names)])

    def lost(self, shipped: int) -> list[int]:
        """Entries that went ahead, and whose blobs will never follow: told once."""
        lost = [n for n in self._names if n <= shipped and self.gone(n)]
        for n in lost:
            self._drop(n)
        return lost

    def forget(self) -> None:
        """All of it will be seen again."""
        self._names.clear()
        self._since_us.clear()

    def __bool__(self) -> bool:
        return bool(self._names)

    def _settle(self, n: int) -> None:
        names = self._names.get(n, ())
        if all(self._lane.is_stored(self._holder, name) for name in names):
            self._drop(n)

    def _drop(self, n: int) -> None:
        self._names.pop(n, None)
        self._since_us.pop(n, None)
