"""`StateManager`: what several parts of a program know of a room, as older agents ask for it."""

import asyncio
from typing import Any, Self
from weakref import WeakValueDictionary

from unbroken import names
from unbroken.env import Env, Host
from unbroken.log.entries import JSON, plain
from unbroken.managed import rooms
from unbroken.managed.calls import Calls
from unbroken.managed.memory import MemoryRooms
from unbroken.managed.rooms import SharedConversation, SharedMessage, SharedRooms


class StateManager:
    """Use `async with`, or `initialize` and `cleanup`. Belongs to one event loop.

    State is in the memory of this process; with a Redis URL (`redis`, `settings.redis_url`, or
    UNBROKEN_REDIS) it is shared by all processes that name the same Redis, as
    `managed.redis_rooms` promises.
    A message about a room whose call runs here goes to that call's journal first, so it is as
    safe as everything said in the call.
    """

    def __init__(
        self, settings: object = None, *, redis: str | None = None, env: Env | None = None
    ) -> None:
        self.settings = settings
        self._env = env or Host()
        self._calls = Calls()
        named = redis or getattr(settings, "redis_url", None)
        self._rooms = self._rooms_at(named or self._env.variable("UNBROKEN_REDIS"))
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cleanup()

    async def initialize(self) -> None:
        """Nothing has to be reached: a Redis that is away is tried again."""

    async def cleanup(self) -> None:
        """Forget all rooms. What went through a call stays in its journal."""
        await self._rooms.aclose()
        self._locks.clear()

    async def create_conversation(self, room_name: str, participant_identity: str) -> str:
        """The conversation of this room; the open one, if there is one. Returns its id.

        A call that runs here brings its own: what is open in a room of the same name is then
        another caller's, and stays hers."""
        _checked(room_name), _checked(participant_identity)
        known = self._calls.conversation_of(room_name)
        wanted = SharedConversation(known or str(self._env.new_id()), self._env.now_us())
        found = await self._rooms.open(room_name, wanted, is_known=known is not None)
        await self._rooms.join(room_name, participant_identity)
        return found.id

    async def add_message(
        self, room_name: str, role: str, content: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Add one message. Raises NotFound without a conversation, Conflict in an ended one."""
        extra = plain(metadata or {})
        rooms.check_size([role, content, extra])
        await self._rooms.add(
            _checked(room_name), lambda: self._said(room_name, role, content, extra)
        )

    async def get_conversation(self, room_name: str, limit: int | None = None) -> dict[str, Any]:
        """All of it, or the last `limit` messages. Raises NotFound.

        Not `is_whole` while Redis is away: then it is what this process knows."""
        found = await self._rooms.read(room_name, limit)
        ended_us = found.conversation.ended_us
        return {
            "conversation_id": found.conversation.id,
            "room_name": room_name,
            "participants": found.participants,
            "messages": [_shown(message) for message in found.messages],
            "metadata": found.context,
            "created_at": found.conversation.created_us / 1e6,
            "ended_at": None if ended_us is None else ended_us / 1e6,
            "is_whole": found.is_whole,
        }

    async def finalize_conversation(self, room_name: str) -> None:
        """Close it for writing; it can still be read, until its place is needed for another
        room. A second time is no change."""
        await self._rooms.finalize(room_name, self._env.now_us())

    async def add_participant(self, room_name: str, participant_identity: str) -> None:
        await self._rooms.join(room_name, _checked(participant_identity))

    async def remove_participant(self, room_name: str, participant_identity: str) -> None:
        """One who is not there is no error."""
        await self._rooms.leave(room_name, participant_identity)

    async def get_participants(self, room_name: str) -> list[str]:
        return (await self._rooms.read(room_name, 0)).participants

    async def set_user_context(self, room_name: str, key: str, value: JSON) -> None:
        value = plain(value)
        rooms.check_size(value)
        await self._rooms.put(room_name, _checked(key), value)

    async def get_user_context(self, room_name: str, key: str) -> JSON:
        """None if it was never set."""
        return (await self._rooms.read(room_name, 0)).context.get(key)

    def lock(self, room_name: str, name: str) -> asyncio.Lock:
        """Use `async with`: one task of this process at a time."""
        return self._locks.setdefault((_checked(room_name), _checked(name)), asyncio.Lock())

    def _said(
        self, room_name: str, role: str, content: str, extra: dict[str, JSON]
    ) -> SharedMessage:
        item_id = self._calls.say(room_name, role, content, extra)
        id_ = item_id or self._env.new_id().hex
        at_us, in_log = self._env.now_us(), item_id is not None
        return SharedMessage(at_us, id_, role, content, extra, in_log=in_log)

    def _rooms_at(self, redis: str | None) -> SharedRooms:
        if not redis:
            return MemoryRooms()
        from unbroken.managed import redis_rooms, redis_view  # noqa: PLC0415 - an extra
        from unbroken.redis_client import client_at  # noqa: PLC0415

        view = redis_view.RedisView(client_at(redis, answer_s=redis_rooms.ANSWER_S))
        return redis_rooms.RedisRooms(view, self._calls, self._env)


def _shown(message: SharedMessage) -> dict[str, Any]:
    return {
        "role": message.role,
        "content": message.content,
        "metadata": message.metadata,
        "timestamp": message.at_us / 1e6,
    }


def _checked(name: str) -> str:
    return names.check("a name", name)
