"""The port of the store: every verb that the service and the watcher use.

The values are in `records`. Every call raises ArchiveUnavailable if nothing is known, and Corrupt
if what is kept is not what was stored; none answers as if there were nothing. What a store must
keep of this is written as tests in `unbroken.testing`, a contract for each facet.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from unbroken.archive import port as wire
from unbroken.blobs import Blobs
from unbroken.coordination.admission import UNLIMITED, CallLimits, OpenedRoom
from unbroken.coordination.coordinator import Leases
from unbroken.coordination.port import SharedState
from unbroken.dispatch import Said
from unbroken.log.mark import Mark
from unbroken.store.records import (
    FIRST_PLACE,
    Answered,
    Awaited,
    Begun,
    CallRow,
    Conversation,
    Message,
    Received,
    Report,
    Room,
    RoomPlace,
    SavedTurn,
    SessionRow,
    SideEntry,
    SidePlace,
    Spot,
    Term,
    Upload,
    User,
    Verified,
)
from unbroken.store.watching import WaitingRooms, Watch

T = TypeVar("T")
GiveWay: TypeAlias = Callable[[], None]  # called in a thread that makes an answer to people


def giving_way(each: Iterable[T], give_way: GiveWay) -> Iterator[T]:
    """The same, standing still before each one as long as an agent goes first."""
    for one in each:
        give_way()
        yield one


class StoreArchive(wire.Archive, Protocol):
    """What keepers and agents speak with, and what the service shows of a log."""

    @property
    def identity(self) -> wire.StoreIdentity: ...

    async def take(
        self, request: wire.TakeRequest, *, listened_us: int = 0, limits: CallLimits = UNLIMITED
    ) -> wire.Taken:
        """As `Archive.take`; a host is judged lost only if it was silent for its lease and could
        have been heard for `listened_us`, at least as long. Raises LimitReached for a new call
        that none of `limits` has room for; then nothing is changed."""

    async def receive(self, batch: wire.HostBatch) -> Received:
        """As `append`, with what else is to be told of it."""

    async def entries(
        self,
        session_id: UUID,
        *,
        after: int = 0,
        upto: int = wire.NUMBER_MAX,
        limit: int = wire.NUMBER_MAX,
        bytes_max: int = wire.NUMBER_MAX,
    ) -> list[wire.StoredEntry]:
        """The log of a session, in order; stops behind the entry that reaches `bytes_max`.

        A payload that was erased is empty; an entry that is not what was stored is `lost`."""

    async def side_entries(
        self,
        session_id: UUID,
        *,
        limit: int,
        after: SidePlace = FIRST_PLACE,
        bytes_max: int = wire.NUMBER_MAX,
    ) -> list[SideEntry]:
        """What came late, oldest term first, from behind the place `after` on; stops behind the
        entry that reaches `bytes_max`."""


class Conversations(Protocol):
    """What people have said to each other, as they read it."""

    async def list_conversations(
        self,
        *,
        limit: int,
        before: tuple[int, UUID] | None = None,
        user_id: str | None = None,
        terms: Sequence[str] = (),
    ) -> list[Conversation]:
        """Newest first; `before` is (last_at_us, id) of the last one of the page before. Of that
        user only, if one is named. With `terms` those that have all of them, in what was said or
        in what is known of their callers, each with the line that was found."""

    async def get_conversation(self, conversation_id: UUID) -> Conversation:
        """Raises NotFound."""

    async def list_calls(self, conversation_id: UUID) -> list[CallRow]:
        """The newest thousand, oldest first."""

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

    async def list_items(
        self, conversation_id: UUID, *, limit: int, before: Spot | None = None
    ) -> list[tuple[Message, bytes | None]]:
        """As `list_messages` with all items; those of tools with their payload."""

    async def get_session(self, session_id: UUID) -> SessionRow:
        """Raises NotFound."""

    async def rename(self, conversation_id: UUID, title: str) -> str:
        """The title as it is kept. Raises NotFound."""

    async def close(self, conversation_id: UUID, summary: bytes) -> None:
        """Note that it is over, and its summary. What is said later is kept all the same."""

    async def list_of_user(self, user_id: str, *, limit: int) -> list[tuple[UUID, str | None, int]]:
        """(id, title, last_at_us), newest first."""


class Sessions(Protocol):
    """One session as people look at it: its terms, what is in flight, orders to its holder."""

    async def list_terms(self, session_id: UUID) -> list[Term]:
        """Who had the session, the first one first."""

    async def is_holder(self, room_name: str, identity: str) -> bool:
        """Whether a session of the room's open call is held under this LiveKit identity."""

    async def get_mark(self, session_id: UUID) -> Mark | None:
        """What is in flight: said or heard, and no item yet; None if nothing is."""

    async def kill(self, session_id: UUID) -> None:
        """Have the holder's process killed: its keeper is told once, with its next answer.
        Raises Conflict if the session has no holder now."""

    async def verify(self, session_id: UUID) -> Verified:
        """Compare what is kept of a session, row by row, with what was stored. Raises NotFound."""

    async def newest(self, *, limit: int, before: UUID | None = None) -> list[tuple[UUID, int]]:
        """Sessions by their id, the newest first, with their last seq."""


class Rooms(Protocol):
    """Rooms that the service made, and what is told about them from outside a session."""

    async def get(self, name: str) -> Room | None:
        """The open room of this name; None if there is none."""

    async def is_free_for(self, name: str, conversation_id: UUID, identity: str | None) -> bool:
        """Whether who opens a room that is about this conversation may find it there: it was
        named by the application, nobody was in it yet, or they are of a call of it that goes on.
        `identity` None: anybody of them may come."""

    async def is_own_word(self, name: str, sid: str, conversation_id: UUID) -> bool:
        """Whether we put this conversation into the room's metadata, by no choice of the
        application's."""

    async def goes_on(self, name: str, identity: str | None = None) -> UUID | None:
        """The conversation that a new LiveKit room of this name continues: one whose call still
        has a living agent, one that waits for this person, or one in which nobody has said
        anything yet."""

    async def said(self, name: str, conversation_id: UUID, agent_name: str) -> Said | None:
        """What the application's dispatch said in the open call that goes on in this room."""

    async def put(
        self,
        name: str,
        *,
        conversation_id: UUID,
        sid: str,
        user_id: str | None,
        is_named: bool = False,
        awaits: Awaited | None = None,
        agents: Sequence[str] = (),
    ) -> Room:
        """Note the room as LiveKit has it; the one before of that name is closed if it was
        about another conversation. `is_named`: the application chose that; `awaits`: it waits
        for this agent from now on; `agents`: whom the application named, none: no change."""

    async def turn(self, sid: str) -> None:
        """What comes into this LiveKit room now is none of its call before."""

    async def close(self, name: str) -> bool:
        """False if no room of this name was open. Its places are free, but for those of a call."""

    async def admit(self, room: OpenedRoom, *, limits: CallLimits) -> None:
        """It has the places that a call needs until an agent takes it, for `limits.open_us` at the
        longest; opened again meanwhile, the same ones. A call of its conversation that goes on
        there has its own. Raises LimitReached; then it has none."""

    async def leave(self, name: str) -> None:
        """The room could not be opened: it has no places."""

    async def announce(self, room_name: str) -> RoomPlace:
        """The open call of a room and its conversation, made if there is none."""

    async def find(self, room_name: str) -> RoomPlace:
        """The open call of a room, else its last one. Raises NotFound."""

    async def finalize(self, room_name: str) -> RoomPlace:
        """The application closes the call of a room: nobody continues it, and what comes next is
        a new one. An agent that is still there speaks on until it leaves. Raises NotFound."""

    async def connect(
        self, room_name: str, identity: str, *, metadata: bytes | None, at_us: int
    ) -> RoomPlace:
        """Somebody is in the room, whose open call is made if there is none."""

    async def disconnect(self, room_name: str, identity: str, *, at_us: int) -> RoomPlace:
        """Somebody has left. Raises NotFound if nothing is known of the room."""

    async def summarize(self, call_id: UUID, summary: bytes) -> None:
        """Keep what the application says about a call, in place of what it said before."""

    async def save_turn(self, turn: SavedTurn) -> RoomPlace:
        """Keep a turn in the log of the service's own session of that call."""


class Users(Protocol):
    """Users across rooms: a name and a context that applications keep for them."""

    async def get(self, user_id: str) -> User | None:
        """None: nobody knows this user yet. Raises Corrupt."""

    async def put(self, user: User) -> None:
        """What is None stays as it was."""


class Files(Protocol):
    """Files that people uploaded: who, where, and under which hash the bytes are."""

    async def put(self, file: Upload) -> None:
        """Note a file whose bytes are kept already."""

    async def get(self, file_id: UUID) -> Upload:
        """Raises NotFound."""


class Reports(Protocol):
    """Errors that agents report, for whoever watches over them."""

    async def put(self, report: Report) -> None:
        """Its time is the store's."""

    async def list(self, *, limit: int, before: tuple[int, UUID] | None = None) -> list[Report]:
        """Newest first, from behind (time, id) on; ends early where they are very long. Of one
        that is damaged only its id and time are told."""


class Requests(Protocol):
    """Requests that name themselves by an Idempotency-Key, and their first answers."""

    async def begin(self, path: str, key: str, fingerprint: bytes) -> Begun:
        """Note the request, unless one was noted under this key; older ones are forgotten."""

    async def answer(self, path: str, key: str, answer: Answered) -> None:
        """What whoever asks again is told."""


class Locks(Protocol):
    """What only one may do at a time, of all processes over one store."""

    async def acquire(self, name: str, holder: UUID, *, hold_s: float) -> bool:
        """The holder has it until it is released, at most for `hold_s` from the last time on
        that it asked. False: somebody else has it now."""

    async def release(self, name: str, holder: UUID) -> None:
        """If this holder still has it."""


class Uses(Protocol):
    """Which blobs are wanted. What was put within `idle_s`, or is referred to, is never doomed."""

    async def begin(self, sha256: bytes) -> None:
        """Somebody puts this blob now. Raises ArchiveUnavailable while it is being deleted."""

    async def doom(self, sha256s: Sequence[bytes], *, idle_s: float) -> list[bytes]:
        """Those of them that nobody wants: nobody puts them until they are forgotten."""

    async def doomed(self, *, for_s: float) -> list[bytes]:
        """Those that were doomed so long ago that nobody is deleting them any more."""

    async def forget(self, deleted: Sequence[bytes], *, idle_s: float) -> None:
        """They are gone, and may be put again."""


class Store(Protocol):
    """All that is kept, by facets over one database; `blobs` are those that it refers to."""

    archive: StoreArchive
    conversations: Conversations
    sessions: Sessions
    watch: Watch
    rooms: Rooms
    waiting: WaitingRooms
    users: Users
    files: Files
    reports: Reports
    requests: Requests
    locks: Locks
    uses: Uses
    blobs: Blobs
    state: SharedState
    leases: Leases

    async def check(self) -> None:
        """Raises ArchiveUnavailable if nothing can be read or kept now."""

    async def aside(self, work: Callable[[GiveWay], T]) -> T:
        """Run `work`, which makes an answer to people of what was read, in a thread: it calls what
        it is given before each part, and so stands still while an agent takes its session."""
