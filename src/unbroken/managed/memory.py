"""What is shared of rooms, in the memory of one process."""

import bisect

import msgspec

from unbroken.errors import InvalidInput
from unbroken.log.entries import JSON
from unbroken.managed import rooms
from unbroken.managed.rooms import Make, RoomState, SharedConversation, SharedMessage

ROOMS_MAX = 10_000  # open at once; beyond it conversations that have ended are forgotten first


class MemoryRoom(msgspec.Struct):
    conversation: SharedConversation
    messages: list[SharedMessage] = []  # in their order
    ids: set[str] = set()  # of the messages
    participants: dict[str, None] = {}  # a set that keeps its order
    context: dict[str, JSON] = {}


class MemoryRooms:
    """Implements `SharedRooms`. Never waits."""

    def __init__(self) -> None:
        self.rooms: dict[str, MemoryRoom] = {}
        self._ended: dict[str, None] = {}  # rooms whose conversation is over, the oldest first

    async def open(
        self, room: str, wanted: SharedConversation, *, is_known: bool
    ) -> SharedConversation:
        return self.take_up(room, wanted, is_known=is_known).conversation

    async def add(self, room: str, make: Make) -> None:
        self.refuse_more(room)
        self.remember(room, make())

    async def read(self, room: str, limit: int | None = None) -> RoomState:
        found = self.get(room)
        first = 0 if limit is None else max(0, len(found.messages) - limit)
        return RoomState(
            found.conversation,
            list(found.participants),
            found.messages[first:],
            dict(found.context),
        )

    async def finalize(self, room: str, at_us: int) -> None:
        self.end(room, at_us)

    async def join(self, room: str, participant: str) -> None:
        self.writable(room).participants[participant] = None

    async def leave(self, room: str, participant: str) -> None:
        self.get(room).participants.pop(participant, None)

    async def put(self, room: str, key: str, value: JSON) -> None:
        self.writable(room).context[key] = value

    async def aclose(self) -> None:
        self.rooms.clear()
        self._ended.clear()

    # The same without waiting, for what keeps a second copy elsewhere.

    def take_up(self, name: str, wanted: SharedConversation, *, is_known: bool) -> MemoryRoom:
        """As `open`; returns the room."""
        room = self.rooms.get(name)
        is_stranger = room is not None and is_known and room.conversation.id != wanted.id
        if room is None or room.conversation.ended_us is not None or is_stranger:
            self._make_place(name)
            room = self.rooms[name] = MemoryRoom(wanted)
        return room

    def refuse_more(self, name: str) -> None:
        """Raises what `add` raises, if one message more cannot be added."""
        if len(self.writable(name).messages) >= rooms.MESSAGES_MAX:
            raise rooms.full(name)

    def remember(self, name: str, message: SharedMessage) -> None:
        """It is there from now on; one that was is no change."""
        room = self.get(name)
        if message.id not in room.ids:
            bisect.insort(room.messages, message, key=rooms.place)
            room.ids.add(message.id)

    def end(self, name: str, at_us: int) -> None:
        """As `finalize`."""
        room = self.get(name)
        if room.conversation.ended_us is None:
            room.conversation = msgspec.structs.replace(room.conversation, ended_us=at_us)
        self._ended.setdefault(name)

    def get(self, name: str) -> MemoryRoom:
        if (room := self.rooms.get(name)) is None:
            raise rooms.none_in(name)
        return room

    def writable(self, name: str) -> MemoryRoom:
        room = self.get(name)
        if room.conversation.ended_us is not None:
            raise rooms.ended_in(name)
        return room

    def _make_place(self, name: str) -> None:
        self._ended.pop(name, None)
        if name in self.rooms or len(self.rooms) < ROOMS_MAX:
            return
        if not self._ended:
            raise InvalidInput(f"this process holds at most {ROOMS_MAX} open rooms")
        oldest = next(iter(self._ended))
        del self._ended[oldest], self.rooms[oldest]
