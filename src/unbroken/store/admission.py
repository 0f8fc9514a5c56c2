"""Places of calls: a lease of a room that was opened, which its call has from its first agent on.

The rules are in `coordination.admission`. A place is granted by the guarded statement that grants
slots, so of many at once none is beyond the limit. That of an opened room ends by itself; that of a
call goes in the statement that ends the call.
"""

from uuid import UUID, uuid5

from unbroken.coordination.admission import CallLimits, OpenedRoom, full
from unbroken.coordination.lease import WITH_CALL_US, LeaseAsk, Pool
from unbroken.store.granting import LEASES_MAX, SOME, granted, retry_s
from unbroken.store.transaction import Transaction


def admit_room(tx: Transaction, room: OpenedRoom, *, limits: CallLimits, lease_id: UUID) -> None:
    """It has its places, or nothing is changed. A call of the conversation that goes on there has
    its own. Raises LimitReached."""
    name, conversation_id, user_id = room
    if conversation_id is not None:
        user_id = user_id or _user_of(tx, conversation_id)
        going = {"room_name": name, "conversation_id": conversation_id}
        if tx.one("going_call_of_room", **going):
            return
    for pool, limit in limits.pools(user_id):
        kept = {"pool": pool.text, "room_name": name, "ttl": limits.open_us}
        if not tx.one("keep_place", **kept):
            _grant(tx, _ask(pool, limit, name, lease_id, limits.open_us))


def admit_call(
    tx: Transaction,
    name: str,
    call_id: UUID,
    *,
    goes_on: bool,
    has_begun: bool,
    limits: CallLimits,
) -> None:
    """An agent has taken a session of the call: it has the places of its room, or its own. One that
    `goes_on`, or `has_begun` without the service, is never refused. Raises LimitReached."""
    for pool, limit in limits.pools(_user_of_call(tx, call_id)):
        place = {"pool": pool.text, "call_id": call_id}
        if tx.one("has_place", **place):
            continue
        if not goes_on and tx.one("give_place", **place, room_name=name, ttl=WITH_CALL_US):
            continue
        most = LEASES_MAX if goes_on or has_begun else limit
        _grant(tx, _ask(pool, most, name, call_id, WITH_CALL_US), call_id=call_id)


def goes_on(tx: Transaction, call_id: UUID) -> bool:
    """Whether an agent has a session of it, or had one that is not over."""
    return tx.one("has_open_session", call_id=call_id) is not None


def leave_room(tx: Transaction, name: str) -> None:
    """It is closed, or could not be opened: what it had without a call is free."""
    tx.all("free_places", room_name=name)


def _ask(pool: Pool, limit: int, name: str, of: UUID, ttl_us: int) -> LeaseAsk:
    lease_id = uuid5(of, pool.text)  # one for each pool
    return LeaseAsk(lease_id=lease_id, pool=pool, limit=limit, ttl_us=ttl_us, owner=name)


def _grant(tx: Transaction, ask: LeaseAsk, *, call_id: UUID | None = None) -> None:
    tx.one("end_leases", pool=ask.pool.text)
    left = tx.all("list_left_places", limit=SOME)
    tx.many("forget_place", [(row["tenant"], row["lease_id"]) for row in left])
    if granted(tx, ask, limit=ask.limit, call_id=call_id) is None:
        raise full(ask.pool, retry_s(tx, ask.pool))


def _user_of(tx: Transaction, conversation_id: UUID) -> str | None:
    row = tx.one("get_conversation_user", conversation_id=conversation_id)
    return row["user_id"] if row else None


def _user_of_call(tx: Transaction, call_id: UUID) -> str | None:
    call = tx.one("get_call", call_id=call_id)
    return _user_of(tx, call["conversation_id"]) if call else None
