"""The archive: where a keeper ships to, and where an agent takes its session from.

The port has two ends that behave alike: the service over HTTP (`RemoteArchive`),
and inside the service the store itself. The values here are the wire: msgpack, ids as 16 bytes.
"""

from typing import Literal, Protocol
from uuid import UUID

import msgspec

from unbroken.dispatch import Said
from unbroken.log.entries import PAYLOAD_BYTES_MAX
from unbroken.people import Person

WIRE_VERSION = 1
BATCH_ENTRIES_MAX = 500
BATCH_BYTES_MAX = 1 << 20
HOST_BYTES_MAX = 8 << 20  # payloads of one request; a batch that begins below it may end above
MESSAGE_BYTES_MAX = HOST_BYTES_MAX + 2 * BATCH_BYTES_MAX  # a whole request, before compression
KIND_CHARS_MAX = 64
TIMELINE_MAX = (1 << 53) - 1  # what JavaScript's numbers hold exactly
NUMBER_MAX = (1 << 63) - 1  # of times and flags; none is below 0
TERM_MAX = 1 << 53
PART_ENTRIES_MAX = 10_000  # of a log, in one answer
PART_BYTES_MAX = 4 << 20  # their payloads; the entry that reaches it is the last one

Outcome = Literal["acked", "gap", "fenced", "retry", "ended", "unknown", "refused"]


class StoreIdentity(msgspec.Struct, frozen=True):
    """Which history of which database answered: a change means that acked entries may be gone.

    `timeline` is another number whenever the store may have been put back to an earlier state: a
    store cannot know whether it was, while it was closed. So a file has another one at each
    opening, and a server at each of its starts, the same for all services on it. It is no count,
    as a count that is put back too would count to the same number again.
    """

    system_id: str
    timeline: int


class WireEntry(msgspec.Struct, frozen=True, array_like=True):
    """One entry as it travels; its seq is the batch's `first` plus its place."""

    kind: str
    at_us: int
    flags: int
    payload: bytes


def refusal(entry: WireEntry) -> str | None:
    """The code with which every store refuses this entry, or None. No time is a reason: one that
    no column holds is stored as the nearest that it does."""
    if len(entry.payload) > PAYLOAD_BYTES_MAX:
        return "payload_too_large"
    kind = entry.kind
    if not (0 < len(kind) <= KIND_CHARS_MAX and kind.isascii() and kind.isprintable()):
        return "bad_kind"
    return None if 0 <= entry.flags <= NUMBER_MAX else "bad_number"


class WireMark(msgspec.Struct, frozen=True):
    """What is in flight. It followed the entry `after_seq`."""

    after_seq: int
    at_us: int
    payload: bytes


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Entries `first, first + 1, ...` of one term by one holder; empty asks only for the head.

    Term 0 was never granted: what it wrote goes to the side lane of the session, as `unowned`.
    """

    session_id: UUID
    term: int
    holder: UUID
    first: int
    entries: tuple[WireEntry, ...] = ()
    mark: WireMark | None = None
    final: str | None = None  # the cause of the holder's end: nothing of it follows
    degraded: str | None = None  # what is wrong on the holder's host, in words


class HostBatch(msgspec.Struct, frozen=True, kw_only=True):
    """All that one spool has to say: one request, per-session answers."""

    v: int = WIRE_VERSION
    host_id: UUID
    host_name: str
    ttl_ms: int
    at_us: int | None = None  # the host's wall clock when this was sent: entries have its times
    batches: tuple[Batch, ...] = ()


class Order(msgspec.Struct, frozen=True):
    """What the service wants done on the holder's host: `kill` ends its process."""

    kind: Literal["kill"]


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`acked`: all up to `seq` is stored. `gap`: send from `seq + 1`. `fenced`, `ended`: the
    holder's part of the log ends at `seq`, later entries stand in the side lane."""

    session_id: UUID
    outcome: Outcome
    seq: int
    code: str | None = None  # why, when `refused`
    orders: tuple[Order, ...] = ()


class HostAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in the order of the batches."""

    store: StoreIdentity
    now_us: int
    batches: tuple[BatchAnswer, ...]


class TakeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to own the session `role` of the call in `room_name`.

    `new_*` are ids made by the writer, used only where there is none yet, so that a retry and
    a start without the service mean the same call.
    """

    v: int = WIRE_VERSION
    host_id: UUID
    ttl_ms: int
    holder: UUID
    room_name: str
    room_sid: str
    role: str
    agent_name: str | None
    agent_identity: str
    session_id: UUID | None = None  # a dispatch names the session that it wants continued
    said: Said | None = None  # what the application's dispatch said, for those who come after
    conversation_id: UUID | None  # known from dispatch, participant or room; else None
    is_room_word: bool = False  # the room's metadata names it: it may be we who wrote that
    user_id: str | None
    people: tuple[Person, ...] | None = None  # who is in the room; None: that is not known yet
    new_session_id: UUID
    new_call_id: UUID
    new_conversation_id: UUID
    granted_term: int | None = None  # this holder had this term of a store that went back since
    granted_base: int | None = None  # likewise, behind so many entries of earlier holders
    is_begun: bool = False  # the call is under way without the service: no limit ends it


class StoredEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry as the log has it."""

    seq: int
    term: int
    kind: str
    at_us: int
    flags: int
    payload: bytes


class LogPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a holder that took a session reads on in its log: behind entry `seq`, with the `chain`
    of all entries up to there."""

    session_id: UUID
    holder: UUID
    seq: int
    chain: bytes


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that follow each other, at most PART_ENTRIES_MAX and about PART_BYTES_MAX; what
    follows them is at `next`, None at the end of what was taken."""

    entries: tuple[StoredEntry, ...]
    next: LogPlace | None = None


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The session is the caller's: its entries are `base + 1, base + 2, ...` in `term`.

    `entries` is the first part of the log up to `base`, in order; `next` where it goes on, None if
    that is all of it (see `LogPart`); `mark` what was in flight at the end of it. `gap_us` is how
    long nobody had the session, `crashes` how often it lost its holder in the last two minutes.
    """

    session_id: UUID
    call_id: UUID
    conversation_id: UUID
    term: int
    base: int
    is_new: bool
    is_named: bool = False  # the application named the conversation: whoever comes continues it
    cause: str | None
    gap_us: int = 0
    crashes: int = 0
    entries: tuple[StoredEntry, ...]
    next: LogPlace | None = None
    mark: WireMark | None
    store: StoreIdentity


class Archive(Protocol):
    """Proven by `unbroken.testing.ArchiveContract`."""

    async def take(self, request: TakeRequest) -> Taken:
        """Move the term to `request.holder`; the same holder gets the same term again.

        With `granted_term`, a store that knows nothing of that term and has the session at an
        earlier one went back: it grants again, whoever holds the session there. What it lacks of
        the `granted_base` entries stands as `lost` in the log, in front of this holder's.
        Raises CallTaken if a live holder has it, PeopleUnknown if that depends on who is in the
        room and `people` does not say it, NotFound for a session that is named and not
        there, InvalidInput, and ArchiveUnavailable if nothing is known.
        """
        ...

    async def read_log(self, place: LogPlace) -> LogPart:
        """The next part of the log that `take` has given to the holder; the same part, however
        often it is asked for. What is damaged or gone is `lost` in its place.

        Raises CallTaken if somebody else has the session by now or it is over, NotFound if the
        holder never had it, InvalidInput, and ArchiveUnavailable if nothing is known.
        """
        ...

    async def append(self, batch: HostBatch) -> HostAnswer:
        """Store each entry once, whatever arrives twice; all that is answered `acked` is stored.

        Raises ArchiveUnavailable; then nothing is known, and sending again is right.
        """
        ...

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        """Keep `content` under its hash; a second time is no change. Raises ArchiveUnavailable."""
        ...

    async def get_blob(self, sha256: bytes) -> bytes:
        """Raises NotFound, ArchiveUnavailable."""
        ...


def encode(message: msgspec.Struct) -> bytes:
    return _ENCODER.encode(message)


_ENCODER = msgspec.msgpack.Encoder(uuid_format="bytes")
