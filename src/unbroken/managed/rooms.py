"""What is shared of a room, and what keeps it: memory, or Redis."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from unbroken.errors import Conflict, InvalidInput, NotFound, TooLarge
from unbroken.log.entries import JSON, PAYLOAD_BYTES_MAX

MESSAGES_MAX = 10_000  # of one conversation; a call of a whole day has fewer


class SharedMessage(msgspec.Struct, frozen=True, array_like=True):
    """One line. Two with the same `id` are one; they stand in the order of `at_us`, then `id`.

    `in_log` says that the log of a call has it: the call's own agent need not be told.
    """

    at_us: int  # since 1970
    id: str
    role: str
    content: str
    metadata: dict[str, JSON] = {}
    in_log: bool = False


class SharedConversation(msgspec.Struct, frozen=True):
    """The conversation of a room. Of two in one room the one that was opened later counts."""

    id: str
    created_us: int
    ended_us: int | None = None


class RoomState(msgspec.Struct, frozen=True):
    """All that is shared of a room. Not `is_whole`: what other processes wrote may be missing."""

    conversation: SharedConversation
    participants: list[str]
    messages: list[SharedMessage]  # the oldest first
    context: dict[str, JSON]
    is_whole: bool = True


Make: TypeAlias = Callable[[], SharedMessage]


class SharedRooms(Protocol):
    """Rooms by their name. Each verb but `open` raises NotFound for a room without a conversation;
    `add`, `join` and `put` raise Conflict for one whose conversation has ended."""

    async def open(
        self, room: str, wanted: SharedConversation, *, is_known: bool
    ) -> SharedConversation:
        """The open conversation of the room; `wanted` if there is none. With `is_known` the id is
        that of a call's log: it replaces another conversation, which was somebody else's."""
        ...

    async def add(self, room: str, make: Make) -> None:
        """Add the message that `make` returns; it is called only if there is place for one.
        Raises InvalidInput for more than MESSAGES_MAX."""
        ...

    async def read(self, room: str, limit: int | None = None) -> RoomState:
        """With its last `limit` messages, or all."""
        ...

    async def finalize(self, room: str, at_us: int) -> None:
        """End the conversation; a second time is no change."""
        ...

    async def join(self, room: str, participant: str) -> None: ...
    async def leave(self, room: str, participant: str) -> None:
        """One who is not there is no error."""
        ...

    async def put(self, room: str, key: str, value: JSON) -> None: ...
    async def aclose(self) -> None:
        """Forget what this process has; people it let in have left."""
        ...


def check_size(value: JSON) -> None:
    """Raises TooLarge for a value beyond what an entry of a log may hold."""
    size_bytes = len(msgspec.json.encode(value))
    if size_bytes > PAYLOAD_BYTES_MAX:
        raise TooLarge(f"at most {PAYLOAD_BYTES_MAX} bytes are shared at once, not {size_bytes}")


def place(message: SharedMessage) -> tuple[int, str]:
    """Where it stands among the messages of its conversation."""
    return message.at_us, message.id


def none_in(room: str) -> NotFound:
    return NotFound(f"no conversation in {room!r}")


def ended_in(room: str) -> Conflict:
    return Conflict(f"the conversation in {room!r} has ended")


def full(room: str) -> InvalidInput:
    return InvalidInput(f"{room!r} holds at most {MESSAGES_MAX} messages here")
