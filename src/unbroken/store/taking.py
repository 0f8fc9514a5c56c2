"""Taking a session: the one move of the term. Runs inside a transaction of the store.

Theory of operation
-------------------
A term has one row, with its holder, its first entry and, once it is closed, its last. To take is to
add a row, close the one before it, and point the session to it; the condition stands in the `where`
of the statement `take`, so of several that race one gets a row. A holder that has a row already is
answered from that row and moves nothing.

A named session is looked for by its id, else the room decides which call goes on (`going`). The
log that the taker reads ends in front of its first entry, and never changes again: it is read
behind the transaction.
"""

from uuid import UUID

import msgspec

from unbroken.archive.port import TakeRequest
from unbroken.errors import Corrupt, InvalidInput, NotFound
from unbroken.store import calls, said
from unbroken.store.transaction import Row, Transaction

CRASH_WINDOW_US = 120_000_000
SAVED = "saved"  # the role whose log holds what was saved over REST: the service's own


class NotTaken(msgspec.Struct, frozen=True):
    """The session is somebody else's, or has ended."""

    session_id: UUID
    is_over: bool


def take(tx: Transaction, request: TakeRequest, *, ttl_us: int, lost_hosts: bool) -> Row | NotTaken:
    """What the term that is the holder's grants (`get_grant`).

    A holder that had a term gets that one again, whatever has become of it since: its keeper has
    the tail to ship. If the store knows nothing of that term and is itself at an earlier one, it
    went back: the holder gets the session, at the term that it had been granted or above.
    Raises NotFound, InvalidInput for a session that is not the room's or is the service's own.
    """
    tx.one("renew_lease", host_id=request.host_id, ttl=ttl_us)
    held = tx.one("term_of_holder", holder=request.holder)
    if held is not None:
        return _again(tx, request, held)
    call, role = _place(tx, request)
    if role == SAVED:
        raise InvalidInput(f"the role {SAVED} is the service's own")
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
    said.note(tx, taken["session_id"], request.said)
    tx.one("reopen_call", call_id=call["call_id"])
    tx.one("count_term_crashes", **dict(taken), window=CRASH_WINDOW_US)
    return _grant(tx, taken)


def _again(tx: Transaction, request: TakeRequest, held: Row) -> Row:
    tx.one("revive", **dict(held), holder=request.holder)
    grant = _grant(tx, held)
    calls.see_sid(tx, request, grant)
    return grant


def _grant(tx: Transaction, term: Row) -> Row:
    grant = tx.one("get_grant", **dict(term))
    if grant is None:
        raise Corrupt("the database is damaged: a term has no session, or that no call")
    return grant


def _refused(tx: Transaction, call: Row, role: str) -> NotTaken:
    session = tx.one("session_of_role", call_id=call["call_id"], role=role)
    if session is None:  # `take` made it if there was none
        raise Corrupt("the database is damaged: a session is not where it was put")
    return NotTaken(session["session_id"], bool(session["is_over"]))


def _place(tx: Transaction, request: TakeRequest) -> tuple[Row, str]:
    """The call and the role to take: those of the session that is named, else of the room.

    A job may have several roles, and its dispatch names the session of one: the others have their
    own in the same call. A role that the call does not know is the named one, renamed since,
    unless the same job has that one already.
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
    return call, request.role if own or is_had else call["role"]
