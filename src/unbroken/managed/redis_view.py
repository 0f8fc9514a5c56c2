"""What Redis has of rooms: plain commands on the keys of one room, which share a slot of a cluster.

    <prefix>:{<room>}:head               the conversation of the room
    <prefix>:{<room>}:<id>:messages      a sorted set by time: adding one again changes nothing
    <prefix>:{<room>}:<id>:participants  a hash: when each joined, and until when that counts
    <prefix>:{<room>}:<id>:context       a hash
    <prefix>:{<room>}:<id>:inbox         a list of messages that no log has yet
    <prefix>:{<room>}:<id>:taken         a hash: which session has put a message into its log

A conversation that nobody has open is forgotten after LIVE_S, one that has ended after ENDED_S.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from redis.exceptions import WatchError

from unbroken.log.entries import JSON
from unbroken.managed import rooms
from unbroken.managed.rooms import RoomState, SharedConversation, SharedMessage
from unbroken.redis_client import Client

T = TypeVar("T")

LIVE_S = 3600  # who has it open says so every BEAT_S
ENDED_S = 7 * 24 * 3600  # as long as the usual StateManager keeps it
LEASE_S = 60  # of a participant: her process says every BEAT_S that she is there
AT_ONCE = 500  # messages in one command
TRIES = 16  # of a change that met another one


class Head(msgspec.Struct, frozen=True):
    """The conversation of a room. Redis forgot all of an earlier `epoch`: what a process added
    in that one is to be put back."""

    conversation: SharedConversation
    epoch: str

    def forgot(self, of: "Head") -> bool:
        return self.conversation.id == of.conversation.id and self.epoch != of.epoch


class Joined(msgspec.Struct, frozen=True, array_like=True):
    """Of one participant, microseconds since 1970."""

    at_us: int
    until_us: int


class Added(msgspec.Struct, frozen=True):
    """What a process puts back where Redis has forgotten it."""

    messages: Sequence[SharedMessage]
    participants: Mapping[str, Joined]
    context: Mapping[str, JSON]
    changed: frozenset[str] = frozenset()  # keys of `context` that nobody else has had yet


class RedisView:
    """Raises what redis-py raises, and and Conflict and InvalidInput as `SharedRooms` says."""

    def __init__(self, client: Client, *, prefix: str = "unbroken") -> None:
        self._client, self._prefix = client, prefix

    async def aclose(self) -> None:
        await self._client.aclose()

    async def head(self, room: str) -> Head | None:
        return _head(await self._client.get(self._place(room)))

    async def open(self, room: str, wanted: Head, *, is_known: bool) -> Head:
        """As `SharedRooms.open`. Of two known conversations the newer one has the room; the
        older one goes on beside it, under its own id."""

        async def change(pipe: Any, found: Head | None) -> Head:
            there = found.conversation if found else None
            if found and there and there.ended_us is None:
                if there.id == wanted.conversation.id or not is_known:
                    return found
                if there.created_us > wanted.conversation.created_us:
                    return wanted
            pipe.multi()
            pipe.set(self._place(room), _encode(wanted), ex=LIVE_S)
            return wanted

        return await self._change(room, change)

    async def add(self, room: str, of: Head, message: SharedMessage) -> bool:
        """False if Redis has forgotten the conversation: nothing is added then."""
        key = self._key(room, of, "messages")

        async def change(pipe: Any, found: Head | None) -> bool:
            if found is None or found.forgot(of):
                return False
            if _has_ended(found, of):
                raise rooms.ended_in(room)
            if await pipe.zcard(key) >= rooms.MESSAGES_MAX:
                raise rooms.full(room)
            pipe.multi()
            pipe.zadd(key, {_encode(message): message.at_us})
            pipe.expire(key, LIVE_S)
            if not message.in_log:
                pipe.rpush(inbox := self._key(room, of, "inbox"), _encode(message))
                pipe.expire(inbox, LIVE_S)
            return True

        return await self._change(room, change)

    async def read(self, room: str, of: Head, limit: int | None, now_us: int) -> RoomState | None:
        """None if Redis has forgotten the conversation."""
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.get(self._place(room))
            pipe.hgetall(self._key(room, of, "participants"))
            pipe.hgetall(self._key(room, of, "context"))
            if limit != 0:
                first = 0 if limit is None else -limit
                pipe.zrange(self._key(room, of, "messages"), first, -1)
            head, people, context, *messages = await pipe.execute()
        if (found := _head(head)) is None or found.forgot(of):
            return None
        return RoomState(
            (found if _has_ended(found, of) else of).conversation,
            _here(people, now_us),
            [_message(line) for lines in messages for line in lines],
            {key.decode(): msgspec.json.decode(value) for key, value in context.items()},
        )

    async def end(self, room: str, of: Head, at_us: int) -> None:
        """It has ended: at `at_us`, unless it had before."""
        ended = msgspec.structs.replace(of.conversation, ended_us=at_us)

        async def change(pipe: Any, found: Head | None) -> None:
            if found and _has_ended(found, of):
                return
            pipe.multi()
            if found is None or found.conversation.id == ended.id:
                pipe.set(self._place(room), _encode(Head(ended, of.epoch)), ex=ENDED_S)
            for name in ("messages", "participants", "context"):
                pipe.expire(self._key(room, of, name), ENDED_S)

        await self._change(room, change)

    async def join(self, room: str, of: Head, who: str, joined: Joined) -> None:
        key = self._key(room, of, "participants")
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(key, who, _encode(joined))
            pipe.expire(key, LIVE_S)
            await pipe.execute()

    async def leave(self, room: str, of: Head, who: str) -> None:
        await self._client.hdel(self._key(room, of, "participants"), who)

    async def put(self, room: str, of: Head, name: str, value: JSON) -> None:
        key = self._key(room, of, "context")
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(key, name, _encode(value))
            pipe.expire(key, LIVE_S)
            await pipe.execute()

    async def put_back(self, room: str, of: Head, own: Added) -> None:
        """All of `own` is there; what others wrote meanwhile stays."""
        await self._put_waiting(room, of, own)
        for first in range(0, len(own.messages), AT_ONCE):
            async with self._client.pipeline(transaction=True) as pipe:
                self._put_messages(pipe, room, of, own.messages[first : first + AT_ONCE])
                await pipe.execute()
        async with self._client.pipeline(transaction=True) as pipe:
            self._put_rest(pipe, room, of, own)
            await pipe.execute()

    # A message that no log has, on its way to the agent of the call.

    async def waiting(self, room: str, of: Head) -> list[SharedMessage]:
        lines = await self._client.lrange(self._key(room, of, "inbox"), 0, AT_ONCE - 1)
        return [_message(line) for line in lines]

    async def may_take(self, room: str, of: Head, message: SharedMessage, session: str) -> bool:
        """Whether `session` is the one that puts it into its log."""
        key = self._key(room, of, "taken")
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hsetnx(key, message.id, session)
            pipe.hget(key, message.id)
            pipe.expire(key, LIVE_S)
            _, whose, _ = await pipe.execute()
        return bool(whose == session.encode())

    async def took(self, room: str, of: Head, message: SharedMessage) -> None:
        await self._client.lrem(self._key(room, of, "inbox"), 1, _encode(message))

    async def _put_waiting(self, room: str, of: Head, own: Added) -> None:
        """Into the inbox, what no log has taken."""
        inbox = self._key(room, of, "inbox")
        loose = [message for message in own.messages if not message.in_log]
        if not loose:
            return
        taken = await self._client.hmget(
            self._key(room, of, "taken"), [message.id for message in loose]
        )
        there = set(await self._client.lrange(inbox, 0, -1))
        lines = [_encode(message) for message, by in zip(loose, taken, strict=True) if by is None]
        if missing := [line for line in lines if line not in there]:
            await self._client.rpush(inbox, *missing)

    def _put_messages(
        self, pipe: Any, room: str, of: Head, messages: Sequence[SharedMessage]
    ) -> None:
        key = self._key(room, of, "messages")
        pipe.zadd(key, {_encode(message): message.at_us for message in messages})

    def _put_rest(self, pipe: Any, room: str, of: Head, own: Added) -> None:
        context = self._key(room, of, "context")
        for name, value in own.context.items():
            put = pipe.hset if name in own.changed else pipe.hsetnx
            put(context, name, _encode(value))
        people = self._key(room, of, "participants")
        for who, joined in own.participants.items():
            pipe.hset(people, who, _encode(joined))
        pipe.expire(self._place(room), LIVE_S)
        for name in ("messages", "participants", "context", "inbox", "taken"):
            pipe.expire(self._key(room, of, name), LIVE_S)

    async def _change(self, room: str, change: Callable[[Any, Head | None], Awaitable[T]]) -> T:
        """`change` gets the conversation of the room, and queues commands that are carried out
        together, only if that is still the conversation."""
        async with self._client.pipeline(transaction=True) as pipe:
            for _ in range(TRIES):
                await pipe.watch(self._place(room))
                answer = await change(pipe, _head(await pipe.get(self._place(room))))
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return answer
        raise WatchError(f"{room!r} is changed all the time")

    def _place(self, room: str) -> str:
        return f"{self._prefix}:{{{quote(room, safe='')}}}:head"

    def _key(self, room: str, of: Head, name: str) -> str:
        return f"{self._prefix}:{{{quote(room, safe='')}}}:{of.conversation.id}:{name}"


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def _message(data: bytes) -> SharedMessage:
    return msgspec.json.decode(data, type=SharedMessage)


def _head(data: bytes | None) -> Head | None:
    return None if data is None else msgspec.json.decode(data, type=Head)


def _has_ended(found: Head, of: Head) -> bool:
    there = found.conversation
    return there.id == of.conversation.id and there.ended_us is not None


def _here(people: Mapping[bytes, bytes], now_us: int) -> list[str]:
    """Who has joined and not left, the first to come first."""
    joined = {who.decode(): msgspec.json.decode(when, type=Joined) for who, when in people.items()}
    here = {who: when for who, when in joined.items() if when.until_us > now_us}
    return sorted(here, key=lambda who: (here[who].at_us, who))
