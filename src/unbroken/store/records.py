"""What a store keeps, as those who ask it see it: values that belong to no database.

Times are microseconds since 1970.
"""

from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from unbroken.archive.port import HostAnswer, StoredEntry
from unbroken.dispatch import Said
from unbroken.log.cause import NOBODY_CAME_BACK
from unbroken.log.entries import Recovered
from unbroken.store.search import Piece

PAGE_BYTES_MAX = 4 << 20  # of words in one page; beyond it the page ends early

FIRST_ID = UUID(int=0)  # where a list in the order of ids begins

Spot: TypeAlias = tuple[int, UUID, bytes]


class Migrated(msgspec.Struct, frozen=True):
    """The version of the tables before and now. Beside them `after` migrations were made that no
    service of an earlier version bears; `left` still wait until none of those runs."""

    before: int
    now: int
    after: int = 0
    left: int = 0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the transcript as the store projects it."""

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
    turn_id: str | None = None  # of those with their payload: `list_items`
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
    is_due: bool = False  # an agent is asked for: people wait

    @property
    def left_at_us(self) -> int | None:
        """When it was without an agent and, as was found then or later, without people."""
        if self.phase == "ended":
            return self.orphaned_at_us if self.end_reason in NOBODY_CAME_BACK else None
        return None if self.is_due else self.orphaned_at_us


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
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
        open_ones = [s for s in agents if s.phase != "ended" or s.end_reason in NOBODY_CAME_BACK]
        left = [s.left_at_us for s in open_ones if s.left_at_us is not None]
        return max(left) if left and len(left) == len(open_ones) else None


class Room(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    conversation_id: UUID
    sid: str | None
    user_id: str | None
    created_at_us: int
    agents: tuple[str, ...] = ()  # the application named them; none: the usual one


class RoomPlace(msgspec.Struct, frozen=True):
    """Where something belongs that was told about a room."""

    conversation_id: UUID
    call_id: UUID


class SavedTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said and what was answered. `key` makes a second saving no second turn."""

    room_name: str
    identity: str | None
    user_message: str | None
    assistant_message: str | None
    metadata: dict[str, Any]
    key: str

    @property
    def said(self) -> tuple[tuple[str, str | None], ...]:
        return (("user", self.user_message), ("assistant", self.assistant_message))


class Awaited(msgspec.Struct, frozen=True):
    """`asked_at_us`: when LiveKit was asked to make the room, with a dispatch; None: it was not.
    It is looked at after `pause_s`."""

    agent_name: str
    asked_at_us: int | None
    pause_s: float


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A room that waits for `agent_name`, for whom LiveKit was asked `tries` times, the last time
    at `asked_at_us`. `since_us`: its people wait; None: nobody was seen there. `is_coming`: a
    worker has the job."""

    room_id: UUID
    name: str
    conversation_id: UUID
    agent_name: str
    opened_at_us: int
    due_at_us: int
    looks: int
    asked_at_us: int | None
    tries: int
    since_us: int | None
    is_coming: bool


class CallRoom(msgspec.Struct, frozen=True, kw_only=True):
    """A call and the room it is in, by all sids under which it was seen."""

    call_id: UUID
    conversation_id: UUID
    room_name: str
    sids: frozenset[str]


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was claimed for a dispatch.

    `crashes` in two minutes; `is_late`: dispatches have been tried for long enough. `failures`:
    how often in a row LiveKit did not answer for it.
    """

    session_id: UUID
    term: int
    holder: UUID
    agent_name: str
    agent_identity: str | None
    cause: str | None
    dispatches: int
    failures: int
    crashes: int
    orphaned_at_us: int
    is_late: bool
    said: Said | None  # what the application's dispatch said, if it is known
    call: CallRoom


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A session to look at. `missing_since_us`: since when LiveKit has not had the room of a
    silent host's session."""

    session_id: UUID
    term: int
    holder: UUID
    cause: str | None
    orphaned_at_us: int | None
    missing_since_us: int | None
    agent_name: str | None  # None: nobody can be dispatched for it
    agent_identity: str | None
    call: CallRoom


class Round(msgspec.Struct, frozen=True):
    """One look at all sessions and their rooms; of all services one has it. `is_unsure`: LiveKit
    was away a moment ago, so who is missing in its rooms may be on the way back."""

    number: int
    is_unsure: bool = False


class Abandoned(msgspec.Struct, frozen=True, kw_only=True):
    """A session that has been orphaned for long."""

    session_id: UUID
    term: int
    holder: UUID
    cause: str | None


class Ending(msgspec.Struct, frozen=True):
    """Of a session, unless its term has moved on."""

    session_id: UUID
    term: int
    holder: UUID
    reason: str


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """`gap_us`: how long nobody had the session before; None in the first term. `recovered` is
    what the holder itself said about its takeover."""

    term: int
    agent_identity: str | None
    first_seq: int
    end_seq: int | None
    taken_at_us: int
    cause: str | None
    gap_us: int | None
    recovered: Recovered | None


SidePlace: TypeAlias = tuple[int, UUID, int]  # term, holder, seq
FIRST_PLACE: SidePlace = (-1, UUID(int=0), 0)


class SideEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that may not enter the log; `reason` says why: late, ended."""

    entry: StoredEntry
    reason: str
    received_at_us: int
    holder: UUID

    @property
    def place(self) -> SidePlace:
        return self.entry.term, self.holder, self.entry.seq


class Finding(msgspec.Struct, frozen=True):
    """A row that is not as it was stored. `row`: its seq, item id, name, or place in its lane."""

    table: str  # entries, messages, side_entries, blobs, or sessions: its chain
    row: str
    what: str  # changed, missing, added


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows of a session were compared, and those that are wrong: the first thousand, and
    how many there are."""

    session_id: UUID
    entries: int
    messages: int
    side_entries: int
    blobs: int
    findings: tuple[Finding, ...]
    count: int

    @property
    def is_whole(self) -> bool:
        return not self.count


class Received(msgspec.Struct, frozen=True):
    """What became of a host's batch. `degraded`: sessions of which the host says something else
    now, and what; None: nothing is wrong there any more."""

    answer: HostAnswer
    degraded: tuple[tuple[UUID, str | None], ...]


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str | None
    context: bytes | None  # JSON


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    conversation_id: UUID | None
    call_id: UUID | None
    identity: str | None
    name: str
    content_type: str
    size_bytes: int
    sha256: bytes


class Report(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    room_name: str | None
    error_type: str
    message: str
    stack_trace: str | None
    at_us: int


class Answered(msgspec.Struct, frozen=True):
    status: int
    kind: str  # its Content-Type
    content: bytes


class Begun(msgspec.Struct, frozen=True):
    """`fingerprint` is the first one under this key; `answer` None: there is none to tell."""

    fingerprint: bytes
    answer: Answered | None
