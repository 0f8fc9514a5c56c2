"""A live session: its state in memory and its journal on disk, changed by one call.

Nothing here waits except `durable`. A change is applied and journaled in `record`; a keeper does
the rest, and answers through the ack file.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Literal
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec

from unbroken.env import Env
from unbroken.errors import JournalUnwritable, LevelUnavailable, TooLarge, UnbrokenError
from unbroken.journal import Journal, trouble
from unbroken.journal.ack import ENDED, FENCED
from unbroken.journal.bell import Waking
from unbroken.journal.frames import Header
from unbroken.journal.spool import Spool
from unbroken.journal.trouble import Trouble
from unbroken.live.by_room import ByRoom
from unbroken.live.lag import Lag, Unsafe
from unbroken.live.losses import Losses, Unkept
from unbroken.log import entries, mark
from unbroken.log.entries import BLOBS, Item, ItemPut, ItemsRemoved, Lost, Payload, text_of
from unbroken.log.large import PART_BYTES_MAX
from unbroken.log.said import message, said_in, whole_of
from unbroken.log.session import Session
from unbroken.log.utterance import Utterance, Utterances

log = logging.getLogger(__name__)

Level = Literal["process", "disk", "service"]
LEVELS: tuple[Level, ...] = ("process", "disk", "service")

BEAT_S = 0.25
LOOK_S = 0.005  # how often a waiter looks at the ack file, whether he is woken or not
WATCH_S = 0.02
SILENT_US = 2_000_000  # entries wait and no ack for this long: degraded
LINES_MAX = 100  # of the newest lines it can be told that they were lost


class Line(msgspec.Struct, frozen=True):
    """What a person or an agent said: the entry that has it, its item's id, and who."""

    n: int
    item_id: str
    role: str


class Live:
    """One role in one call, in this process. Belongs to one event loop."""

    def __init__(self, spool: Spool, journal: Journal, session: Session | None = None) -> None:
        self.session = session or Session()
        self.journal = journal
        self.ack = journal.ack
        self.lines: deque[Line] = deque(maxlen=LINES_MAX)  # the newest last
        self.on_level: Callable[[int, Level], None] = lambda _n, _level: None
        self._env: Env = spool.env
        self._spool = spool
        self._utterances = Utterances(said_in(self.session))
        self._unsafe = Unsafe()
        self._unrecorded = Losses()  # neither on the disk nor in the log
        self._unstored = Losses()  # on this disk, and not in the log as they were written
        self._losses_heard = 0
        self._unkept = Unkept()
        self._told = Trouble.NONE
        self._waking = Waking()  # by the keeper, and by our journal
        journal.on_change = self._hear
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

    @property
    def newest(self) -> Line | None:
        """The newest line that was said."""
        return self.lines[-1] if self.lines else None

    def is_lost(self, n: int) -> bool:
        """Whether entry `n` is not kept as it was recorded."""
        self._hear_losses()
        return bool(self._unrecorded.of(n) or self._unstored.of(n))

    @property
    def lost(self) -> int:
        """How many entries are not kept as they were recorded."""
        self._hear_losses()
        return self._unrecorded.count + self._unstored.count

    def record(self, payload: Payload) -> int:
        """Apply and journal; returns n. Never waits and never raises.

        An entry that cannot be kept has its n all the same. It is lost: logged with its reason,
        counted in `lost`, and named to whoever asks `durable` for it. Where the entry itself is
        the reason (too large, or a value that fails when it is read) a `lost` entry of its kind
        stands in its place; where the disk is, the keeper names it.
        """
        try:
            data, flags = entries.encode(payload)
            self.session.apply(payload)
            kind = entries.KIND_OF[type(payload)]
            if len(data) <= PART_BYTES_MAX:
                n = self.journal.append(kind, data, flags=flags)
            else:
                n = self._append_apart(kind, data, flags)
        except Exception as error:  # noqa: BLE001 - no value may cost the call its agent
            n = self._lose(payload, error)
        self._unsafe.add(n, self.journal.put_us)
        self._new.set()
        return n

    def keep_not(self, field: str, why: str | None) -> None:
        """The newest value of a field of the session is in no entry; None: it is again. Until
        then nothing is safe to who asks for all."""
        if self._unkept.change(field, why):
            self._tell()

    def mark(self, what: mark.Mark) -> None:
        """Replace what is in flight. Never raises; see `mark.encode` for what is let go."""
        if (data := mark.encode(what)) is not None:
            self.journal.mark(data)

    def report(self, way: str, item: Item, *, after: str | None, **placed: object) -> str:
        """Record LiveKit's own item, in the place of one that was reported before it."""
        role, text, whole = (
            str(item["role"]),
            text_of(item),
            whole_of(item, placed.get("generated")),
        )
        if known := self._known(way, role, text, whole):
            after = self.session.in_place_of(known.item_id, after)
            self.record(ItemsRemoved((known.item_id,)))
            known.item_id = item["id"]
        else:
            self._utterances.add(way, item["id"], role, text, whole)
        n = self.record(ItemPut(item, after=after, **placed))  # type: ignore[arg-type]
        self.lines.append(Line(n, item["id"], role))
        return str(item["id"])

    def say(
        self,
        way: str,
        role: str,
        text: str,
        *,
        extra: dict[str, object],
        speaker: str | None = None,
    ) -> str:
        """Record what an application reports as said, unless it is known; returns its item id."""
        if known := self._known(way, role, text):
            self._name_speaker(known.item_id, speaker)
            return known.item_id
        item_id, now_s = f"item_{self._env.new_id().hex}", max(self._env.now_us(), 0) / 1e6
        item = message(item_id, role, text, now_s, extra=extra)
        self._utterances.add(way, item_id, role, text)
        put = ItemPut(item, after=next(reversed(self.session.order), None), from_=speaker, way=way)
        self.lines.append(Line(self.record(put), item_id, role))
        self.journal.sync()
        return item_id

    async def durable(
        self, level: Level = "service", *, upto: int | None = None, timeout_s: float = 1.0
    ) -> bool:
        """Wait until all entries up to n = `upto` (all so far) are that safe; False if they are
        not within `timeout_s`. True is never said of an entry that is not that safe as it was
        recorded, those in front of it that were named lost excepted.

        Raises LevelUnavailable if it cannot become so: entry `upto` is lost, for that reason; the
        disk failed; or the session is another holder's or over, and the entry had not been
        stored before. Without `upto` a loss is told once, by the first call behind it, and the
        answer is False as long as a part of the state is too large to be stored: see `lag`.
        """
        n = self.journal.appended if upto is None else upto
        self._ask_for(level, n)
        until_us = self._env.boot_us() + int(timeout_s * 1e6)
        while True:
            woken = self._waking.count
            is_reached = self._reached(level, n)  # first: a loss is told before it is passed
            self._refuse_lost(level, upto)
            if is_reached:
                return upto is not None or not self._unkept
            self._refuse_impossible(level)
            if self._env.boot_us() >= until_us:
                return False
            await self._waking.wait(woken, LOOK_S)

    @property
    def lag(self) -> Lag:
        now_us = self._env.boot_us()
        journal, acked = self.journal, self._forget_safe()
        appended = journal.appended
        return Lag(
            process=self._unsafe.lag(journal.written, appended, now_us),
            disk=self._unsafe.lag(max(journal.synced, acked), appended, now_us),
            service=self._unsafe.lag(acked, appended, now_us),
            degraded=self._degraded(now_us, acked),
        )

    async def close(self, cause: str) -> None:
        """The holder's last word. What is not yet stored is shipped by the keeper; what no disk
        took is lost."""
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching
        by_room.discard(self)
        self._waking.close()
        self.journal.close(cause)
        for n in range(self.journal.written + 1, self.journal.appended + 1):
            self._unrecorded.add(n, "the disk took nothing until the end")
        self._tell()

    def _known(self, way: str, role: str, text: str, whole: str | None = None) -> Utterance | None:
        """The utterance that a report is about. What was recorded in vain is taken back."""
        known = self._utterances.claim(way, role, text, whole)
        if known and known.withdrawn:
            self.record(ItemsRemoved(known.withdrawn))
        return known.utterance if known else None

    def _name_speaker(self, item_id: str, speaker: str | None) -> None:
        put = self.session.placed.get(item_id)
        if speaker is not None and put is not None and put.from_ is None:
            self.record(msgspec.structs.replace(put, from_=speaker))

    def _append_apart(self, kind: str, data: bytes, flags: int) -> int:
        data, blobs = self._spool.put_apart(self.journal.header.holder, data)
        return self.journal.append(kind, data, flags=flags | BLOBS if blobs else flags, blobs=blobs)

    def _lose(self, payload: Payload, error: Exception) -> int:
        kind = entries.KIND_OF.get(type(payload))
        n = self._stand_in(kind, error)
        why = str(error) if isinstance(error, UnbrokenError) else type(error).__name__
        if self._unrecorded.add(n, why):
            log.warning("entry lost: %s", why, extra={"n": n, "kind": kind})
        self._tell()
        return n

    def _stand_in(self, kind: str | None, error: Exception) -> int:
        """What has the n of an entry that could not be kept."""
        if isinstance(error, JournalUnwritable):
            return self.journal.skip()
        cause = error.code if isinstance(error, TooLarge) else "malformed"
        data, flags = entries.encode(Lost(cause, kind))
        try:
            return self.journal.append(entries.KIND_OF[Lost], data, flags=flags)
        except JournalUnwritable:
            return self.journal.skip()

    def _hear_losses(self) -> None:
        """What the keeper says of entries that are not in the log as we wrote them."""
        if self.ack.lost_count == self._losses_heard:
            return
        found = self.ack.lost_since(self._losses_heard)
        if found is None:
            self._losses_heard = self.ack.lost_count
            self._unstored.doubt(self.journal.appended, "more were lost than can be told apart")
            log.warning("entries lost", extra={"upto": self.journal.appended})
            return
        self._losses_heard += len(found)
        for n in found:
            if not self._unrecorded.of(n) and self._unstored.add(n, "it could not be stored"):
                log.warning("entry lost: it could not be stored", extra={"n": n})

    def _hear(self) -> None:
        """The journal is other than it was: in trouble, out of it, or synced further."""
        self._tell()
        self._waking.wake()

    def _tell(self) -> None:
        """Say at each change what degrades us: to the log, and to the keeper."""
        is_short = self.lost or self._unkept
        code = self.journal.trouble or (Trouble.LOST if is_short else Trouble.NONE)
        if code == self._told:
            return
        self._told = code
        self.ack.tell(code)
        if why := trouble.describe(code):
            log.warning("degraded: %s", self.journal.degraded or why)
        else:
            log.warning("no longer degraded")

    def _ask_for(self, level: Level, n: int) -> None:
        if level == "disk":
            self.journal.sync()
        elif level == "service" and self.ack.acked < n:
            self._waking.listen(self._env, self._spool.bell(self.journal.header.holder))
            self.ack.want(n)
            self._env.ring(self._spool.keeper_bell)

    def _reached(self, level: Level, n: int) -> bool:
        reached = {
            "process": self.journal.written,
            "disk": self.journal.synced,
            "service": self.ack.acked,
        }
        return reached[level] >= n

    def _refuse_lost(self, level: Level, upto: int | None) -> None:
        """Tell of entry `upto`; without one, of all losses not yet told."""
        self._hear_losses()
        concerned = (self._unrecorded, self._unstored)[: 2 if level == "service" else 1]
        told = None
        for losses in concerned:
            told = told or (losses.untold() if upto is None else losses.of(upto))
            if upto is None:
                losses.tell()
        if told:
            told.told = True
            raise LevelUnavailable(str(told))

    def _refuse_impossible(self, level: Level) -> None:
        if level == "disk" and self.journal.is_sync_refused:
            raise LevelUnavailable("the journal's disk failed: this call is not safe from it")
        if level == "service" and self.is_fenced:
            raise LevelUnavailable("another holder owns this session")
        if level == "service" and self.is_ended:
            raise LevelUnavailable("the session is over: nothing more of it is stored")

    def _forget_safe(self) -> int:
        acked = self.ack.acked
        self._unsafe.forget(acked)
        return acked

    def _degraded(self, now_us: int, acked: int) -> str | None:
        waits_us = now_us - self._unsafe.oldest_us(now_us)
        is_silent = self.journal.appended > acked and waits_us > SILENT_US
        reasons = (
            self.journal.degraded,
            f"{self.lost} entries are lost" if self.lost else None,
            str(self._unkept) if self._unkept else None,
            "the service has not confirmed the newest entries" if is_silent else None,
        )
        return "; ".join(reason for reason in reasons if reason) or None

    async def _watch(self) -> None:
        """Tell `on_level` how safe the newest line is, as it becomes safer."""
        while True:
            await self._new.wait()
            self._new.clear()
            if self.newest:
                await self._follow(self.newest.n)
            self._forget_safe()

    async def _follow(self, n: int) -> None:
        """Report the levels of entry `n`, until a newer one is there."""
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
