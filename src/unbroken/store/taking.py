"""Taking a session: the one move of the term. Runs inside a transaction of the store.

Theory of operation
-------------------
A term has one row, with its holder, its first entry and, once it is closed, its last. To take is to
add a row, close the one before it, and point the session to it; the condition stands in the `where`
of the statement `take`, so of several that race one gets a row. A holder that has a row already is
answered from that row and moves nothing.

A named session is looked for by its id, else the room decides which call goes on (`going`). The
log that the taker reads ends in front of its first entry, and never changes again: it is read
behind the transaction, part by part. A part is bounded in entries and bytes, whatever is in the
log. The chain of the hashes goes from part to part with the reader, so no entry is read twice to
compare it: the last part knows the chain of all.
"""

import hashlib
from uuid import UUID

import msgspec

from unbroken.archive.port import (
    PART_BYTES_MAX,
    PART_ENTRIES_MAX,
    LogPart,
    LogPlace,
    StoredEntry,
    TakeRequest,
)
from unbroken.coordination.admission import UNLIMITED, CallLimits
from unbroken.errors import CallTaken, Corrupt, InvalidInput, NotFound
from unbroken.log.cause import NO_CRASH
from unbroken.log.entries import KIND_OF, KINDS, Lost, encode
from unbroken.store import admission, calls, said
from unbroken.store.missing import name_missing
from unbroken.store.transaction import Row, Transaction

CRASH_WINDOW_US = 120_000_000
CORRUPT = "corrupt"  # why an entry is lost
SAVED = "saved"  # the role whose log holds what was saved over REST: the service's own


class NotTaken(msgspec.Struct, frozen=True):
    """The session is somebody else's, or has ended."""

    session_id: UUID
    is_over: bool


def take(
    tx: Transaction,
    request: TakeRequest,
    *,
    ttl_us: int,
    lost_hosts: bool,
    limits: CallLimits = UNLIMITED,
) -> Row | NotTaken:
    """What the term that is the holder's grants (`get_grant`).

    A holder that had a term gets that one again, whatever has become of it since: its keeper has
    the tail to ship. If the store knows nothing of that term and is itself at an earlier one, it
    went back: the holder gets the session, at the term that it had been granted or above,
    behind what is missing.
    Raises NotFound, InvalidInput for a session that is not the room's or is the service's own, and
    LimitReached for a new call that has no place in `limits`.
    """
    tx.one("renew_lease", host_id=request.host_id, ttl=ttl_us)
    held = tx.one("term_of_holder", holder=request.holder)
    if held is not None:
        return _again(tx, request, held)
    call, role = _place(tx, request)
    if role == SAVED:
        raise InvalidInput(f"the role {SAVED} is the service's own")
    has_begun = bool(request.is_begun or request.granted_term)
    goes_on = admission.goes_on(tx, call["call_id"])
    taken = tx.one(
        "take",
        session_id=request.new_session_id,
        call_id=call["call_id"],
        role=role,
        holder=request.holder,
        host_id=request.host_id,
        lost_hosts=lost_hosts,
        agent_identity=request.agent_identity,
        agent_name=request.agent_name,
        granted=request.granted_term or 0,
    )
    if taken is None:
        return _refused(tx, call, role)
    if request.agent_name is not None:  # without one it is no agent, and keeps no caller's place
        about = (tx, request.room_name, call["call_id"])
        admission.admit_call(*about, goes_on=goes_on, has_begun=has_begun, limits=limits)
    said.note(tx, taken["session_id"], request.said)
    tx.one("reopen_call", call_id=call["call_id"])
    tx.one("count_term_crashes", **dict(taken), window=CRASH_WINDOW_US, no_crash=NO_CRASH)
    gone = name_missing(tx, _grant(tx, taken), request.granted_base or 0)
    return _grant(tx, taken, missing=gone)


def _again(tx: Transaction, request: TakeRequest, held: Row) -> Row:
    tx.one("revive", **dict(held), holder=request.holder)
    grant = _grant(tx, held)
    calls.see_sid(tx, request, grant)
    return grant


def _grant(tx: Transaction, term: Row, *, missing: int = 0) -> Row:
    grant = tx.one("get_grant", session_id=term["session_id"], term=term["term"])
    if grant is None:
        raise Corrupt("the database is damaged: a term has no session, or that no call")
    return {**dict(grant), "missing": missing}


def _refused(tx: Transaction, call: Row, role: str) -> NotTaken:
    session = tx.one("session_of_role", call_id=call["call_id"], role=role)
    if session is None:  # `take` made it if there was none
        raise Corrupt("the database is damaged: a session is not where it was put")
    return NotTaken(session["session_id"], bool(session["is_over"]))


def _place(tx: Transaction, request: TakeRequest) -> tuple[Row, str]:
    """The call and the role to take: those of the session that is named, else of the room.

    A job may have several roles, and its dispatch names the session of one: the others have their
    own in the same call. A role that the call does not know is the named one, renamed since,
    unless the same job has that one already, or another agent asks: one agent never gets the
    session of another, whatever its dispatch says.
    """
    if request.session_id is None:
        return calls.resolve(tx, request), request.role
    call = tx.one("get_call_of_session", session_id=request.session_id)
    if call is None:
        raise NotFound(f"no session {request.session_id}")
    if call["room_name"] != request.room_name:
        raise InvalidInput(f"session {request.session_id} belongs to another room")
    calls.see_sid(tx, request, call)
    own = tx.one("session_of_role", call_id=call["call_id"], role=request.role)
    is_had = call["phase"] == "live" and call["agent_identity"] == request.agent_identity
    is_anothers = request.agent_name and call["agent_name"] not in (None, request.agent_name)
    return call, request.role if own or is_had or is_anothers else call["role"]


class LogRead(msgspec.Struct, frozen=True):
    """A part, and whether it is what was stored: `damaged` are the entries that are not."""

    part: LogPart
    damaged: list[int]
    is_chained: bool

    @property
    def is_as_stored(self) -> bool:
        return self.is_chained and not self.damaged


def read_log(tx: Transaction, place: LogPlace, *, is_held: bool) -> LogRead:
    """The part behind `place` of the log that its holder took; what is damaged or gone is `lost`.

    Raises NotFound if it never took the session, CallTaken if `is_held` and it has it no longer,
    Corrupt if more entries than a part has are gone.
    """
    known = tx.one("get_log", session_id=place.session_id, holder=place.holder)
    if known is None:
        raise NotFound(f"{place.holder} never had session {place.session_id}")
    if is_held and not (known["has_it"] and not known["is_over"]):
        raise CallTaken(
            f"session {place.session_id} is somebody else's, or over",
            session_id=place.session_id,
            is_over=bool(known["is_over"]),
        )
    return _read(tx, place, known)


def _read(tx: Transaction, place: LogPlace, known: Row) -> LogRead:
    made = _Part(place)
    upto = min(known["base"], place.seq + PART_ENTRIES_MAX)
    asked = {"after": place.seq, "upto": upto, "limit": PART_ENTRIES_MAX}
    for row in tx.each("list_entries", session_id=place.session_id, **asked):
        made.add(row)
        if made.is_full:
            break
    else:
        made.miss(upto)
    return made.read(known)


class _Part:
    """What is read of it so far."""

    def __init__(self, place: LogPlace) -> None:
        self._place = place
        self._seq, self._chain = place.seq, place.chain
        self._entries: list[StoredEntry] = []
        self._damaged: list[int] = []
        self._rows = self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._bytes >= PART_BYTES_MAX

    def add(self, row: Row) -> None:
        """The next entry that is there."""
        self.miss(row["seq"] - 1)
        entry = stored(row)
        self._entries.append(entry)
        self._seq = row["seq"]
        self._rows += 1
        self._bytes += len(entry.payload)
        self._chain = hashlib.sha256(self._chain + row["sha256"]).digest()
        if not row["is_whole"]:
            self._damaged.append(row["seq"])

    def miss(self, upto: int) -> None:
        """What is not there, up to that one."""
        gone = range(self._seq + 1, upto + 1)
        self._entries += map(lost, gone)
        self._damaged += gone
        self._seq = max(self._seq, upto)

    def read(self, known: Row) -> LogRead:
        if self._seq < known["base"]:
            if not self._rows:  # a number that was changed may be any
                raise Corrupt(f"of a log of {known['base']} entries {self._place.seq} are there")
            following = msgspec.structs.replace(self._place, seq=self._seq, chain=self._chain)
            return LogRead(
                LogPart(entries=tuple(self._entries), next=following), self._damaged, True
            )
        is_all = known["last_seq"] == self._seq  # else nobody knows the chain up to here
        is_chained = not is_all or self._chain == (known["chain"] or b"")
        return LogRead(LogPart(entries=tuple(self._entries)), self._damaged, is_chained)


def lost(seq: int, term: int = 0, at_us: int = 0, kind: str | None = None) -> StoredEntry:
    """Stands for an entry that is not what was stored."""
    payload, flags = encode(Lost(CORRUPT, kind))
    return StoredEntry(seq, term, KIND_OF[Lost], at_us, flags, payload)


def stored(row: Row) -> StoredEntry:
    """The entry of a row of `list_entries`."""
    if not row["is_whole"]:
        kind = row["kind"] if row["kind"] in KINDS else None
        return lost(row["seq"], row["term"], row["at"], kind)
    payload = row["payload"] or b""
    return StoredEntry(row["seq"], row["term"], row["kind"], row["at"], row["flags"], payload)
