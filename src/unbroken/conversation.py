"""Conversations as people read them: what was said, turn by turn, over any number of calls."""

from typing import Any, Protocol, TypeAlias
from uuid import UUID

import msgspec

from unbroken.search import Piece


class LLMMessage(msgspec.Struct, kw_only=True):
    """One message of a conversation: what was said, or heard of it."""

    role: str
    content: str
    metadata: dict[str, Any] = {}
    id: str | None = None
    created_at: float | None = None  # seconds since 1970
    interrupted: bool = False


Spot: TypeAlias = tuple[int, UUID, bytes]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the transcript as the store projects it. Times are microseconds since 1970."""

    session_id: UUID
    place: bytes  # its place in the history of its session; neither seq nor time is that order
    heard_at_us: int  # when it began to be heard, by the store's clock; `at_us` is its host's
    id: str
    role: str  # user, assistant, system, or an item type: function_call, agent_handoff, ...
    content: str
    at_us: int
    interrupted: bool = False
    heard_ms: int | None = None
    speaker: str | None = None
    turn_id: str | None = None
    metrics: dict[str, Any] | None = None
    takeover: int | None = None  # its agent was lost in it: the term that took over
    is_corrupt: bool = False  # not what was said (`content` is empty then), or not where

    @property
    def spot(self) -> Spot:
        """Where it stands in the transcript."""
        return self.heard_at_us, self.session_id, self.place


class Found(msgspec.Struct, frozen=True):
    """The line of a conversation that has most of what was asked for, and the part of it."""

    item_id: str
    role: str
    excerpt: tuple[Piece, ...]


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    user_id: str | None
    title: str | None
    created_at_us: int
    last_at_us: int
    calls: int
    messages: int
    is_live: bool
    last_message: str | None
    found: Found | None = None  # the line for which it was found


EMPTY = "empty"  # the cause of a session whose people had left


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    call_id: UUID
    role: str
    agent_name: str | None
    agent_identity: str | None
    phase: str
    term: int
    last_seq: int
    opened_at_us: int
    cause: str | None
    end_reason: str | None
    degraded: str | None = None  # what is wrong on its holder's host
    orphaned_at_us: int | None = None  # since when it has been without an agent


class Call(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    conversation_id: UUID
    room_name: str
    started_at_us: int
    ended_at_us: int | None
    end_reason: str | None
    sessions: tuple[SessionRow, ...]

    @property
    def left_at_us(self) -> int | None:
        """When its last people had left; None: they are there, or ended it otherwise."""
        agents = [session for session in self.sessions if session.agent_name is not None]
        left = [s.orphaned_at_us for s in agents if s.cause == EMPTY and s.orphaned_at_us]
        return max(left) if left and len(left) == len(agents) else None


class Conversations(Protocol):
    """Reading side of a store. A failed read raises ArchiveUnavailable, never an empty answer."""

    async def list_conversations(
        self, *, limit: int, before: tuple[int, UUID] | None = None
    ) -> list[Conversation]:
        """Newest first; `before` is (last_at_us, id) of the last one of the page before."""
        ...

    async def get_conversation(self, conversation_id: UUID) -> Conversation:
        """Raises NotFound."""
        ...

    async def list_calls(self, conversation_id: UUID) -> list[Call]: ...

    async def list_messages(
        self,
        conversation_id: UUID,
        *,
        limit: int,
        before: Spot | None = None,
        spoken_only: bool = True,
    ) -> list[Message]:
        """The last `limit` before a spot, oldest first; fewer where they are very long.
        `spoken_only` leaves tools out."""
        ...
