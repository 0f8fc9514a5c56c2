"""A live session: its state in memory and its journal on disk, changed by one call.

Nothing here waits except `durable`. A change is applied and journaled in `record`; a keeper does
the rest, and answers through the ack file.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Literal
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec

from unbroken import entries, mark
from unbroken.ack import ENDED, FENCED
from unbroken.apart import PART_BYTES_MAX, put_apart
from unbroken.by_room import ByRoom
from unbroken.entries import BLOBS, Item, ItemPut, ItemsRemoved, Payload, text_of
from unbroken.env import Env
from unbroken.errors import JournalUnwritable, LevelUnavailable
from unbroken.frames import Header
from unbroken.journal import Journal
from unbroken.session import Session
from unbroken.spool import Spool
from unbroken.utterance import Utterances

Level = Literal["process", "disk", "service"]
LEVELS: tuple[Level, ...] = ("process", "disk", "service")

BEAT_S = 0.25
LOOK_S = 0.005  # how often a waiter looks at the ack file
WATCH_S = 0.02
SILENT_US = 2_000_000  # entries wait and no ack for this long: degraded
UNSAFE_MAX = 100_000  # timestamps kept of entries that the service has not acked


class LevelLag(msgspec.Struct, frozen=True):
    """What is not that safe yet: how many entries, and how old the oldest of them is."""

    entries: int
    seconds: float


class Lag(msgspec.Struct, frozen=True):
    process: LevelLag
    disk: LevelLag
    service: LevelLag
    degraded: str | None  # why, in words; None when all is well


class Live:
    """One role in one call, in this process. Belongs to one event loop."""

    def __init__(self, spool: Spool, journal: Journal, session: Session | None = None) -> None:
        self.session = session or Session()
        self.journal = journal
        self.ack = spool.ack(journal.header.holder)
        self.newest: tuple[int, str, str] | None = None  # n, item id and role of the newest line
        self.lost = 0  # entries that neither disk nor archive could take
        self.on_level: Callable[[int, Level], None] = lambda _n, _level: None
        self._env: Env = spool.env
        self._spool = spool
        self._utterances = Utterances()
        self._unsafe: deque[tuple[int, int]] = deque(maxlen=UNSAFE_MAX)
        self._acked_at_us = self._env.boot_us()
        self._new = asyncio.Event()
        self._watching = asyncio.create_task(self._watch(), name="unbroken levels")
        by_room.add(self)

    @classmethod
    def open(cls, spool: Spool, header: Header, session: Session | None = None) -> "Live":
        """Make the journal; it goes on from `session`.

        Raises JournalUnwritable when the spool takes no files.
        """
        return cls(spool, Journal.create(spool, header), session)

    @property
    def room(self) -> str:
        return self.journal.header.room

    @property
    def role(self) -> str:
        return self.journal.header.role

    @property
    def spool_folder(self) -> str:
        return self._spool.folder

    @property
    def session_id(self) -> UUID | None:
        """None until a provisional start is answered."""
        return self.journal.header.session_id or self.ack.session_id

    @property
    def term(self) -> int | None:
        return self.journal.header.term or self.ack.term or None

    @property
    def is_fenced(self) -> bool:
        return bool(self.ack.flags & FENCED)

    @property
    def is_ended(self) -> bool:
        """The service has ended the session; nothing more of it is kept in the log."""
        return bool(self.ack.flags & ENDED)

    def record(self, payload: Payload) -> int:
        """Apply and journal; returns n. Never waits and never raises: what cannot be kept
        is counted in `lost` and named by `lag.degraded`."""
        self.session.apply(payload)
        data, flags = entries.encode(payload)
        try:
            if len(data) > PART_BYTES_MAX:
                data, flags = (
                    put_apart(self._spool, self.journal.header.holder, data),
                    flags | BLOBS,
                )
            n = self.journal.append(entries.KIND_OF[type(payload)], data, flags=flags)
        except (JournalUnwritable, OSError):  # OSError: the spool takes no blob
            self.lost += 1
            return self.journal.appended
        self._unsafe.append((n, self._env.boot_us()))
        self._new.set()
        return n

    def mark(self, what: mark.Mark) -> None:
        self.journal.mark(mark.encode(what))

    def report(self, way: str, item: Item, *, after: str | None, **placed: object) -> str:
        """Record LiveKit's own item, in the place of one that was reported before it."""
        role, text = str(item["role"]), text_of(item)
        known = self._utterances.claim(way, role, text)
        if known:
            self.record(ItemsRemoved((known.item_id,)))
            known.item_id = item["id"]
        else:
            self._utterances.add(way, item["id"], role, text)
        n = self.record(ItemPut(item, after=after, **placed))  # type: ignore[arg-type]
        self.newest = (n, item["id"], role)
        return str(item["id"])

    def say(self, way: str, role: str, text: str, *, extra: dict[str, object]) -> str:
        """Record what an application reports as said, unless it is known; returns its item id."""
        if known := self._utterances.claim(way, role, text):
            return known.item_id
        item = message(self._env, role, text, extra)
        self._utterances.add(way, item["id"], role, text)
        after = self.session.order[-1] if self.session.order else None
        self.newest = (self.record(ItemPut(item, after=after)), item["id"], role)
        self.journal.sync()
        return str(item["id"])

    async def durable(
        self, level: Level = "service", *, upto: int | None = None, timeout_s: float = 1.0
    ) -> bool:
        """Wait until all entries up to n = `upto` (all so far) are that safe; False if they are
        not within `timeout_s`.

        Raises LevelUnavailable if they cannot become so: the disk failed, or we are fenced.
        """
        n = self.journal.appended if upto is None else upto
        self._ask_for(level, n)
        until_us = self._env.boot_us() + int(timeout_s * 1e6)
        while not self._reached(level, n):
            self._refuse_impossible(level)
            if self._env.boot_us() >= until_us:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    @property
    def lag(self) -> Lag:
        now_us = self._env.boot_us()
        journal, acked = self.journal, self._forget_safe()
        return Lag(
            process=self._lag(journal.written, now_us),
            disk=self._lag(max(journal.synced, acked), now_us),
            service=self._lag(acked, now_us),
            degraded=self._degraded(now_us, acked),
        )

    async def close(self, cause: str) -> None:
        """The holder's last word. What is not yet stored is shipped by the keeper."""
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching
        by_room.discard(self)
        self.journal.close(cause)

    def _ask_for(self, level: Level, n: int) -> None:
        if level == "disk":
            self.journal.sync()
        elif level == "service":
            self.ack.want(n)

    def _reached(self, level: Level, n: int) -> bool:
        reached = {
            "process": self.journal.written,
            "disk": self.journal.synced,
            "service": self.ack.acked,
        }
        return reached[level] >= n

    def _refuse_impossible(self, level: Level) -> None:
        if level == "disk" and self.journal.disk_failed:
            raise LevelUnavailable("the journal's disk failed: this call is not safe from it")
        if level == "service" and self.is_fenced:
            raise LevelUnavailable("another holder owns this session")
        if self.lost:
            raise LevelUnavailable(f"{self.lost} entries could not be written")

    def _forget_safe(self) -> int:
        acked = self.ack.acked
        while self._unsafe and self._unsafe[0][0] <= acked:
            self._unsafe.popleft()
            self._acked_at_us = self._env.boot_us()
        return acked

    def _lag(self, reached: int, now_us: int) -> LevelLag:
        count = self.journal.appended - reached
        if count <= 0:
            return LevelLag(0, 0.0)
        oldest_us = next((at for n, at in self._unsafe if n > reached), now_us)
        return LevelLag(count, (now_us - oldest_us) / 1e6)

    def _degraded(self, now_us: int, acked: int) -> str | None:
        if self.lost:
            return f"{self.lost} entries could not be written"
        if self.journal.degraded:
            return self.journal.degraded
        oldest_us = self._unsafe[0][1] if self._unsafe else now_us
        if self.journal.appended > acked and now_us - oldest_us > SILENT_US:
            return "the service has not confirmed the newest entries"
        return None

    async def _watch(self) -> None:
        """Tell `on_level` how safe the newest entry is, as it becomes safer."""
        while True:
            await self._new.wait()
            self._new.clear()
            await self._follow(self.journal.appended)
            self._forget_safe()

    async def _follow(self, n: int) -> None:
        """Report the levels of entry `n`, until a newer one takes its place."""
        for level in LEVELS:
            pause_s = WATCH_S
            while not self._reached(level, n):
                if self._new.is_set():
                    return
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.2, BEAT_S)
            self.on_level(n, level)


by_room: ByRoom[Live] = ByRoom()
by_agent_session: WeakKeyDictionary[object, Live] = WeakKeyDictionary()


def message(env: Env, role: str, text: str, extra: dict[str, object]) -> Item:
    """A chat message in LiveKit's JSON form, with an id of our own."""
    return {
        "id": f"item_{env.new_id().hex}",
        "type": "message",
        "role": role,
        "content": [text],
        "interrupted": False,
        "created_at": env.now_us() / 1e6,
        "extra": extra,
        "metrics": {},
    }
