"""Taking a session: the one move of the term. Runs inside a transaction of the store."""

from unbroken.archive import TakeRequest
from unbroken.errors import InvalidInput, NotFound
from unbroken.stores.sqlite import calls, said
from unbroken.stores.sqlite.database import Row, Transaction

CRASH_WINDOW_US = 120_000_000


def take(tx: Transaction, request: TakeRequest, *, ttl_us: int, lost_hosts: bool) -> Row | None:
    """What the term that is the holder's grants (`get_grant`); None: somebody else's, or ended.

    A holder that had a term gets that one again, whatever has become of it since: its keeper has
    the tail to ship. Raises NotFound, InvalidInput for a session that is not the room's.
    """
    tx.one("renew_lease", host_id=request.host_id, ttl=ttl_us)
    held = tx.one("term_of_holder", holder=request.holder)
    if held is not None:
        return _again(tx, request, held)
    call, role = _place(tx, request)
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
    )
    if taken is None:
        return None
    said.note(tx, taken["session_id"], request.said)
    tx.one("count_term_crashes", **dict(taken), window=CRASH_WINDOW_US)
    return tx.one("get_grant", **dict(taken))


def _again(tx: Transaction, request: TakeRequest, held: Row) -> Row | None:
    tx.one("revive", **dict(held), holder=request.holder)
    grant = tx.one("get_grant", **dict(held))
    if grant is not None:
        calls.see_sid(tx, request, grant)
    return grant


def _place(tx: Transaction, request: TakeRequest) -> tuple[Row, str]:
    """The call and the role to take: those of the session that is named, else of the room."""
    if request.session_id is None:
        return calls.resolve(tx, request), request.role
    call = tx.one("get_call_of_session", session_id=request.session_id)
    if call is None:
        raise NotFound(f"no session {request.session_id}")
    if call["room_name"] != request.room_name:
        raise InvalidInput(f"session {request.session_id} belongs to another room")
    calls.see_sid(tx, request, call)
    return call, call["role"]
