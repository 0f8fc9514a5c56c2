"""`StateManager`: what several parts of one process know of a room, as older agents ask for it.

State is in the memory of this process. A message about a room whose call runs here goes to that
call's journal first, so it is as safe as everything said in the call.
"""

import asyncio
from typing import Any, Self
from weakref import WeakValueDictionary

import msgspec

from unbroken import names
from unbroken.env import Env, Host
from unbroken.errors import Conflict, InvalidInput, NotFound
from unbroken.live.live import by_room
from unbroken.log.entries import JSON, plain

MESSAGES_MAX = 10_000  # of one room; a call of a whole day has fewer
ROOMS_MAX = 10_000  # open at once; beyond it conversations that have ended are forgotten first


class RoomState(msgspec.Struct, kw_only=True):
    conversation_id: str
    room_name: str
    created_at: float
    ended_at: float | None = None
    messages: list[dict[str, Any]] = []
    participants: dict[str, None] = {}  # a set that keeps its order
    context: dict[str, JSON] = {}
    version: int = 0


class StateManager:
    """Use `async with`, or `initialize` and `cleanup`. Belongs to one event loop."""

    def __init__(self, settings: object = None, *, env: Env | None = None) -> None:
        self.settings = settings
        self._env = env or Host()
        self._rooms: dict[str, RoomState] = {}
        self._ended: dict[str, None] = {}  # rooms whose conversation is over, the oldest first
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cleanup()

    async def initialize(self) -> None:
        """Nothing has to be reached: this state is in memory."""

    async def cleanup(self) -> None:
        """Forget all rooms. What went through a call stays in its journal."""
        self._rooms.clear()
        self._ended.clear()
        self._locks.clear()

    async def create_conversation(self, room_name: str, participant_identity: str) -> str:
        """The conversation of this room; the open one, if there is one. Returns its id."""
        room = self._rooms.get(_checked(room_name))
        if room is None or room.ended_at is not None:
            room = self._new_room(room_name)
        room.participants[_checked(participant_identity)] = None
        return room.conversation_id

    async def add_message(
        self, room_name: str, role: str, content: str, metadata: dict[str, Any] | None = None
    ) -> None:
        """Add one message. Raises NotFound without a conversation, Conflict in an ended one."""
        room = self._open(room_name)
        if len(room.messages) >= MESSAGES_MAX:
            raise InvalidInput(f"a room holds at most {MESSAGES_MAX} messages here")
        extra = plain(metadata or {})
        if live := by_room.get(room_name):
            live.say("manager", role, content, extra=extra)
        said_at = self._env.now_us() / 1e6
        room.messages.append(
            {"role": role, "content": content, "metadata": extra, "timestamp": said_at}
        )
        room.version += 1

    async def get_conversation(self, room_name: str, limit: int | None = None) -> dict[str, Any]:
        """All of it, or the last `limit` messages. Raises NotFound."""
        room = self._get(room_name)
        messages = (
            room.messages if limit is None else room.messages[max(0, len(room.messages) - limit) :]
        )
        return {
            "conversation_id": room.conversation_id,
            "room_name": room.room_name,
            "participants": list(room.participants),
            "messages": [dict(message) for message in messages],
            "metadata": dict(room.context),
            "created_at": room.created_at,
            "ended_at": room.ended_at,
        }

    async def finalize_conversation(self, room_name: str) -> None:
        """Close it for writing; it can still be read, until its place is needed for another
        room. A second time is no change."""
        room = self._get(room_name)
        room.ended_at = room.ended_at or self._env.now_us() / 1e6
        self._ended.setdefault(room_name)

    async def add_participant(self, room_name: str, participant_identity: str) -> None:
        self._open(room_name).participants[_checked(participant_identity)] = None

    async def remove_participant(self, room_name: str, participant_identity: str) -> None:
        """One who is not there is no error."""
        self._get(room_name).participants.pop(participant_identity, None)

    async def get_participants(self, room_name: str) -> list[str]:
        return list(self._get(room_name).participants)

    async def set_user_context(self, room_name: str, key: str, value: JSON) -> None:
        room = self._open(room_name)
        room.context[_checked(key)] = plain(value)
        room.version += 1

    async def get_user_context(self, room_name: str, key: str) -> JSON:
        """None if it was never set."""
        return self._get(room_name).context.get(key)

    def lock(self, room_name: str, name: str) -> asyncio.Lock:
        """Use `async with`: one task of this process at a time."""
        return self._locks.setdefault((_checked(room_name), _checked(name)), asyncio.Lock())

    def _new_room(self, room_name: str) -> RoomState:
        self._make_place(room_name)
        live = by_room.get(room_name)
        header = live.journal.header if live else None
        known = (header.conversation_id or header.new_conversation_id) if header else None
        room = self._rooms[room_name] = RoomState(
            conversation_id=str(known or self._env.new_id()),
            room_name=room_name,
            created_at=self._env.now_us() / 1e6,
        )
        return room

    def _make_place(self, room_name: str) -> None:
        self._ended.pop(room_name, None)
        if room_name in self._rooms or len(self._rooms) < ROOMS_MAX:
            return
        if not self._ended:
            raise InvalidInput(f"this process holds at most {ROOMS_MAX} open rooms")
        oldest = next(iter(self._ended))
        del self._ended[oldest], self._rooms[oldest]

    def _get(self, room_name: str) -> RoomState:
        if (room := self._rooms.get(room_name)) is None:
            raise NotFound(f"no conversation in {room_name!r}")
        return room

    def _open(self, room_name: str) -> RoomState:
        room = self._get(room_name)
        if room.ended_at is not None:
            raise Conflict(f"the conversation in {room_name!r} has ended")
        return room


def _checked(name: str) -> str:
    return names.check("a name", name)
