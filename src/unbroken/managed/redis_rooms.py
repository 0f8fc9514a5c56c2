"""What is shared of rooms, in one Redis for all processes that name it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from redis.exceptions import RedisError

from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, Conflict, UnbrokenError
from unbroken.log.entries import JSON
from unbroken.managed import rooms
from unbroken.managed.calls import Calls
from unbroken.managed.memory import MemoryRooms
from unbroken.managed.redis_view import LEASE_S, Added, Head, Joined, RedisView
from unbroken.managed.rooms import Make, RoomState, SharedConversation
from unbroken.pause import Pause

log = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_S = 0.5  # within which Redis answers one command, or is away
FIRST_PAUSE_S, MOST_PAUSE_S = 0.2, 5.0  # without asking it, after it was away
LOOK_S = 0.5  # between two looks for what other processes added, and whether Redis is back
BEAT_US = 20_000_000  # a third of redis_view.LEASE_S
LOST_US = (
    60_000_000  # what a Redis that confirmed it may have lost: its last second, its replica's lag
)


class Held(msgspec.Struct):
    """What this process does about a room.

    - is_opened: it opened the conversation, so it keeps it from being forgotten
    - is_known: the id is that of a call's log
    - is_behind: Redis does not have all that this process added
    """

    is_opened: bool = False
    is_known: bool = False
    is_behind: bool = False
    epoch: str = ""  # of Redis, when it got what this process had added
    joined: dict[str, Joined] = {}
    changed: set[str] = set()  # keys of the context that were set while Redis was away
    beat_us: int = 0


class RedisRooms:
    """Implements `SharedRooms`. Redis is the view that all share, never the only copy.

    - Each process remembers what it added. It puts it back where Redis was wiped, restarted
      without its newest writes, or failed over: at the next verb, or within BEAT_US.
    - While Redis is away, the verbs of a room that this process opened work on what it remembers,
      and say of what they read that it is not whole. Those of other rooms raise
      ArchiveUnavailable. An answer is waited for no longer than ANSWER_S, and then none is asked
      for in a pause of at most MOST_PAUSE_S.
    - What processes add without a call of their own reaches the log of the call that runs in the
      room, once, within LOOK_S.
    - Participants count as long as the process that let them in lives, and redis_view.LEASE_S.
    """

    def __init__(self, view: RedisView, calls: Calls, env: Env) -> None:
        self._view, self._calls, self._env = view, calls, env
        self._own = MemoryRooms()
        self._held: dict[str, Held] = {}
        self._pause = Pause(env, first_s=FIRST_PAUSE_S, most_s=MOST_PAUSE_S)
        self._tending: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def open(
        self, room: str, wanted: SharedConversation, *, is_known: bool
    ) -> SharedConversation:
        known = self._own.rooms.get(room)
        if known and known.conversation.ended_us is None and not is_known:
            wanted = known.conversation
        head = Head(wanted, self._env.new_id().hex)
        with contextlib.suppress(ArchiveUnavailable):
            head = await self._ask(self._view.open, room, head, is_known=is_known)
        if self._own.take_up(room, head.conversation, is_known=True) is not known:
            self._held[room] = Held()
        held = self._held[room]
        held.is_opened, held.is_known, held.is_behind = True, is_known, True
        held.epoch = head.epoch
        await self._tell(room, _nothing)
        if self._tending is None:
            self._tending = asyncio.create_task(self._tend(), name="unbroken rooms")
        return self._of(room).conversation

    async def add(self, room: str, make: Make) -> None:
        held = await self._hold(room)
        self._own.refuse_more(room)
        message = make()
        self._own.remember(room, message)
        try:
            if await self._tell(room, self._view.add, message) is False:
                held.is_behind = True
                await self._tell(room, _nothing)
        except Conflict:
            self._own.end(room, self._env.now_us())
            raise

    async def read(self, room: str, limit: int | None = None) -> RoomState:
        held = await self._hold(room)
        asked = self._view.read, limit, self._env.now_us()
        found = await self._tell(room, *asked)
        if found is None and not held.is_behind:
            held.is_behind = True  # it was wiped
            found = await self._tell(room, *asked)
        if found is None:
            known = await self._own.read(room, limit)
            return msgspec.structs.replace(known, is_whole=False)
        return found

    async def finalize(self, room: str, at_us: int) -> None:
        await self._hold(room)
        self._own.end(room, at_us)
        await self._tell(room, self._view.end, at_us)

    async def join(self, room: str, participant: str) -> None:
        held = await self._hold(room)
        await self._own.join(room, participant)
        joined = Joined(self._env.now_us(), self._lease_us())
        held.joined[participant] = joined
        await self._tell(room, self._view.join, participant, joined)

    async def leave(self, room: str, participant: str) -> None:
        held = await self._hold(room)
        held.joined.pop(participant, None)
        await self._own.leave(room, participant)
        await self._tell(room, self._view.leave, participant)

    async def put(self, room: str, key: str, value: JSON) -> None:
        held = await self._hold(room)
        await self._own.put(room, key, value)
        held.changed.add(key)
        await self._tell(room, self._view.put, key, value)
        if not held.is_behind:
            held.changed.discard(key)

    async def aclose(self) -> None:
        self._closing.set()
        if self._tending:
            await self._tending
        for room, held in self._held.items():
            for participant in tuple(held.joined):
                with contextlib.suppress(UnbrokenError):
                    await self._ask(self._view.leave, room, self._of(room), participant)
        self._held.clear()
        await self._own.aclose()
        await self._view.aclose()

    # What this process has of a room.

    async def _hold(self, room: str) -> Held:
        """Raises NotFound. Of a room that this process has not open the conversation is asked for
        each time."""
        held = self._held.get(room)
        is_opened = held is not None and held.is_opened
        if held and is_opened and self._of(room).conversation.ended_us is None:
            return held
        try:
            found = await self._ask(self._view.head, room)
        except ArchiveUnavailable:
            if not is_opened:
                raise
            found = None
        if found:
            self._adopt(room, found)
        elif not is_opened:
            raise rooms.none_in(room)
        return self._held[room]

    def _adopt(self, room: str, found: Head) -> None:
        """As another process has it now."""
        known = self._own.rooms.get(room)
        if known is None or known.conversation.id != found.conversation.id:
            self._own.take_up(room, found.conversation, is_known=True)
            self._held[room] = Held(epoch=found.epoch)
        self._own.get(room).conversation = found.conversation

    def _of(self, room: str) -> Head:
        return Head(self._own.get(room).conversation, self._held[room].epoch)

    def _lease_us(self) -> int:
        return self._env.now_us() + LEASE_S * 1_000_000

    # Redis.

    async def _tell(self, room: str, work: Callable[..., Awaitable[T]], *given: Any) -> T | None:
        """What that verb of the view answers; None if Redis is away: all is put back later. Raises
        ArchiveUnavailable then, if this process has not opened the room."""
        held = self._held[room]
        try:
            if held.is_behind:
                await self._put_back(room)
            return await self._ask(work, room, self._of(room), *given)
        except ArchiveUnavailable:
            held.is_behind = True
            if not held.is_opened:
                raise
            return None

    async def _ask(self, work: Callable[..., Awaitable[T]], *given: Any, **named: Any) -> T:
        if not self._pause.is_over(self._env.boot_us()):
            raise ArchiveUnavailable("Redis is away")
        try:
            answer = await work(*given, **named)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._pause.failures:
                log.warning("Redis is away, this process goes on with what it knows: %s", error)
            self._pause.fail()
            raise ArchiveUnavailable("Redis is away") from error
        if self._pause.failures:
            log.warning("Redis is back")
            self._pause.clear()
        return answer

    async def _put_back(self, room: str, *, since_us: int = 0) -> None:
        """Redis has what this process added: all, or what was said since then."""
        held, own = self._held[room], self._own.get(room)
        await self._meet(room, held)
        until_us = self._lease_us()
        held.joined = {who: Joined(it.at_us, until_us) for who, it in held.joined.items()}
        messages = [message for message in own.messages if message.at_us >= since_us]
        kept = Added(messages, held.joined, own.context, frozenset(held.changed))
        await self._ask(self._view.put_back, room, self._of(room), kept)
        if (ended_us := own.conversation.ended_us) is not None:
            await self._ask(self._view.end, room, self._of(room), ended_us)
        held.changed.clear()
        held.is_behind, held.beat_us = False, self._env.boot_us()

    async def _meet(self, room: str, held: Held) -> None:
        """Both have the same conversation, open or ended."""
        own, found = self._own.get(room), await self._ask(self._view.head, room)
        if found and found.conversation.id == own.conversation.id:
            own.conversation = _earlier_end(found.conversation, own.conversation)
            held.epoch = found.epoch
        elif own.conversation.ended_us is None and held.is_opened:
            wanted = Head(own.conversation, self._env.new_id().hex)
            found = await self._ask(self._view.open, room, wanted, is_known=held.is_known)
            own.conversation, held.epoch = found.conversation, found.epoch

    # What goes on beside the verbs.

    async def _tend(self) -> None:
        while not await self._is_closing_within(LOOK_S):
            for room in tuple(self._held):
                try:
                    await self._look(room)
                except ArchiveUnavailable:
                    break
                except Exception:
                    log.exception("a shared room is left out", extra={"room": room})

    async def _is_closing_within(self, seconds: float) -> bool:
        """The task is not cancelled: it would leave a connection half open."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)
        return self._closing.is_set()

    async def _look(self, room: str) -> None:
        held = self._held.get(room)
        if held is None or not held.is_opened:
            return
        is_open = self._of(room).conversation.ended_us is None
        if held.is_behind:
            await self._put_back(room)
        elif is_open and self._env.boot_us() - held.beat_us > BEAT_US:
            await self._put_back(room, since_us=self._env.now_us() - LOST_US)
        if is_open and (session := self._calls.session_of(room)):
            await self._hear(room, session)

    async def _hear(self, room: str, session: str) -> None:
        of = self._of(room)
        for message in await self._ask(self._view.waiting, room, of):
            if await self._ask(self._view.may_take, room, of, message, session):
                self._calls.hear(room, message)
                await self._ask(self._view.took, room, of, message)


async def _nothing(_room: str, _of: Head) -> None:
    """Only what is behind is put back."""


def _earlier_end(one: SharedConversation, other: SharedConversation) -> SharedConversation:
    ended = [it for it in (one, other) if it.ended_us is not None]
    return min(ended, key=lambda it: it.ended_us or 0, default=other)
