"""Which call and which conversation a room belongs to, and who is in it."""

from collections.abc import Sequence
from typing import Any, Self, TypeVar
from uuid import UUID

import msgspec

from unbroken.archive.port import TakeRequest
from unbroken.coordination.scope import ROOM
from unbroken.store import going
from unbroken.store.projection import LeaveParticipant, PutParticipant
from unbroken.store.transaction import TENANT, Row, Transaction

LIVEKIT_SID = "RM_"
T = TypeVar("T")


def resolve(tx: Transaction, request: TakeRequest) -> Row:
    """The call that `request` is about, made if there is none, with its conversation.

    Which one goes on is decided in `going`. Who does not know the sid (it is none of LiveKit's)
    means the call that is open. Raises PeopleUnknown.
    """
    known = going.find(tx, request) if _knows_sid(request) else _wanted(tx, request)
    is_named = going.is_named(tx, request)
    call = dict(known) if known else _begin(tx, request, is_named=is_named)
    if is_named:
        tx.one("name_call", call_id=call["call_id"])
    conversation_id = call["conversation_id"]
    tx.one("put_conversation", conversation_id=conversation_id, user_id=request.user_id)
    tx.one("touch_conversation", conversation_id=conversation_id, at=tx.now_us)
    see_sid(tx, request, call)
    return call


def _begin(tx: Transaction, request: TakeRequest, *, is_named: bool) -> dict[str, UUID]:
    """A new call; the room is its from now on."""
    conversation_id = _conversation(tx, request, is_named=is_named)
    new = {"call_id": request.new_call_id, "conversation_id": conversation_id}
    forget_strangers(tx, request.room_name, conversation_id)
    tx.one("forget_sid", room_sid=request.room_sid)
    tx.one("open_call", **new, room_sid=request.room_sid, room_name=request.room_name)
    turned = {"name": request.room_name, "sid": request.room_sid}
    tx.one("turn_room", **turned, conversation_id=conversation_id)
    return new


def forget_strangers(tx: Transaction, room_name: str, conversation_id: UUID) -> None:
    """What was shared in the room is not for who comes now, if they have another conversation than
    the last call there. What was shared since the room was opened for them stays."""
    room = tx.one("get_room", name=room_name)
    last = tx.one("last_call_of_name", room_name=room_name)
    is_theirs = room is not None and room["conversation_id"] == conversation_id
    if last and last["conversation_id"] != conversation_id and not is_theirs:
        forget_shared(tx, room_name)


def forget_shared(tx: Transaction, room_name: str) -> None:
    tx.one("erase_state", scope=ROOM, owner=room_name)


def see_sid(tx: Transaction, request: TakeRequest, call: Row) -> None:
    """Note the sid under which the room of `call` is seen."""
    if _knows_sid(request):
        note_sid(tx, request.room_name, request.room_sid, call)


def note_sid(tx: Transaction, room_name: str, sid: str, call: Row) -> None:
    tx.one("see_sid", room_sid=sid, call_id=call["call_id"])
    tx.one("see_room_sid", sid=sid, name=room_name, conversation_id=call["conversation_id"])


def find(tx: Transaction, room_name: str) -> Row | None:
    """The open call of a room, else its last one."""
    return tx.one("open_call_of_name", room_name=room_name) or tx.one(
        "last_call_of_name", room_name=room_name
    )


def ensure(tx: Transaction, room_name: str, *, new_call_id: UUID, new_conversation_id: UUID) -> Row:
    """The open call of a room, for those who announce themselves without taking anything."""
    if known := _open(tx, room_name):
        return known
    room = tx.one("get_room", name=room_name)
    used = room and tx.one("has_calls", conversation_id=room["conversation_id"])
    is_free = room and (room["is_named"] or not (used and used["has_calls"]))
    conversation_id = room["conversation_id"] if room and is_free else new_conversation_id
    tx.one("put_conversation", conversation_id=conversation_id, user_id=None)
    ids = {"call_id": new_call_id, "conversation_id": conversation_id, "room_name": room_name}
    forget_strangers(tx, room_name, conversation_id)
    if room and room["sid"]:
        tx.one("forget_sid", room_sid=room["sid"])
        tx.one("open_call", room_sid=room["sid"], **ids)
        tx.one("turn_room", name=room_name, sid=room["sid"], conversation_id=conversation_id)
    else:
        tx.one("open_call_without_sid", **ids)
    return {"call_id": new_call_id, "conversation_id": conversation_id}


def see_people(
    tx: Transaction, call_id: UUID, seen: Sequence[PutParticipant | LeaveParticipant]
) -> None:
    """Who came, changed and left, in this order."""
    people: dict[str, PersonSeen] = {}
    for change in seen:
        people[change.identity] = people.get(change.identity, PersonSeen()).then(change)
    if put := [(call_id, name, *one.row()) for name, one in people.items() if one.is_known]:
        tx.many("put_participant", put)
    if left := [(call_id, n, one.left_us) for n, one in people.items() if not one.is_known]:
        tx.many("leave_participant", left)


class PersonSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What several changes say of one person; None: nothing. `left_us` counts if `has_turned`."""

    is_known: bool = False
    kind: str | None = None
    name: str | None = None
    metadata: bytes | None = None
    attributes: str | None = None
    joined_us: int | None = None
    left_us: int | None = None
    has_turned: bool = False

    def then(self, change: PutParticipant | LeaveParticipant) -> Self:
        if isinstance(change, LeaveParticipant):
            return msgspec.structs.replace(self, left_us=change.at_us, has_turned=True)
        has_come = change.joined_at_us is not None
        return msgspec.structs.replace(
            self,
            is_known=True,
            kind=_newer(change.kind, self.kind),
            name=_newer(change.name, self.name),
            metadata=_newer(change.metadata, self.metadata),
            attributes=_newer(change.attributes, self.attributes),
            joined_us=_newer(self.joined_us, change.joined_at_us),
            left_us=None if has_come else self.left_us,
            has_turned=has_come or self.has_turned,
        )

    def row(self) -> tuple[Any, ...]:
        known = (self.kind, self.name, self.metadata, self.attributes)
        return (TENANT, *known, self.joined_us, self.left_us, self.has_turned)


def name_users(tx: Transaction, conversation_id: UUID, user_ids: Sequence[str]) -> None:
    """The conversation is the first one's, if it is nobody's; all are known from now on."""
    if user_ids:
        tx.many("know_user", [(TENANT, name, tx.now_us) for name in dict.fromkeys(user_ids)])
        tx.one("put_conversation", conversation_id=conversation_id, user_id=user_ids[0])


def _newer(one: T | None, other: T | None) -> T | None:
    return other if one is None else one


def _wanted(tx: Transaction, request: TakeRequest) -> Row | None:
    """The open call, unless another conversation is asked for."""
    call, asked = _open(tx, request.room_name), request.conversation_id
    return call if call and asked in (None, call["conversation_id"]) else None


def _open(tx: Transaction, room_name: str) -> Row | None:
    """The open call of the room as it is now, not of one of that name that was closed."""
    call, room = (
        tx.one("open_call_of_name", room_name=room_name),
        tx.one("get_room", name=room_name),
    )
    is_same = call and (room is None or room["conversation_id"] == call["conversation_id"])
    return call if is_same else None


def _conversation(tx: Transaction, request: TakeRequest, *, is_named: bool) -> UUID:
    """What the application named; what we named ourselves, while there was no call in it."""
    room = _room(tx, request)
    found: UUID | None = request.conversation_id
    if found is None and room is not None:
        found = room["conversation_id"]
    if found is None:
        return request.new_conversation_id
    used = tx.one("has_calls", conversation_id=found)
    is_chosen = is_named or bool(room and room["is_named"]) or not _knows_sid(request)
    return found if is_chosen or not (used and used["has_calls"]) else request.new_conversation_id


def _room(tx: Transaction, request: TakeRequest) -> Row | None:
    room = tx.one("get_room", name=request.room_name)
    is_it = room and (room["sid"] in (None, request.room_sid) or not _knows_sid(request))
    return room if is_it else None


def _knows_sid(request: TakeRequest) -> bool:
    return request.room_sid.startswith(LIVEKIT_SID)
