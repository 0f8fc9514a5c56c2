"""Which call goes on when somebody takes a session in a room of its name: the one rule.

A name is anybody's: the next person in "test-room" must not be given a stranger's words. A call
goes on for its own people, known by what LiveKit vouches for (`people`); for whomever the
application names its conversation; in its own room while an agent of it lives there, or nobody
is; and, as nobody can be wronged, while nobody was ever in it. A call whose agent hung up never
does.
"""

from collections.abc import Iterable
from enum import Enum, auto
from uuid import UUID

import msgspec

from unbroken.archive.port import TakeRequest
from unbroken.errors import PeopleUnknown
from unbroken.people import PHONE, Person, have_met, is_person, person
from unbroken.store.transaction import Row, Transaction

RECENT_US = 60_000_000  # so long people try to come back by themselves after LiveKit was away
CALLS_MAX = 100  # of one room name that wait for their people; the newest
KNOWN_MAX = 1_000  # people of one call

_ATTRIBUTES = msgspec.json.Decoder(dict[str, str])


class Verdict(Enum):
    NO = auto()
    YES = auto()
    ASK = auto()  # it depends on who is in the room
    EMPTY = auto()  # yes, unless another call is surer: nobody was ever in it


def find(tx: Transaction, request: TakeRequest) -> Row | None:
    """The call that goes on; None: a new one begins. Raises PeopleUnknown."""
    room = {"room_name": request.room_name, "room_sid": request.room_sid, "role": request.role}
    calls = tx.all("list_going", **room, recent=RECENT_US, limit=CALLS_MAX)
    found: dict[Verdict, Row] = {}
    for call in calls:
        found.setdefault(_verdict(tx, call, request), call)
    if Verdict.ASK in found and Verdict.YES not in found:
        raise PeopleUnknown(f"whose call {request.room_name} is depends on who is in it")
    return found.get(Verdict.YES) or found.get(Verdict.EMPTY)


def is_named(tx: Transaction, request: TakeRequest) -> bool:
    """Whether the application named the conversation."""
    if request.conversation_id is None or not request.is_room_word:
        return request.conversation_id is not None
    room = (request.room_name, request.room_sid)
    return not is_own_word(tx, *room, request.conversation_id)


def is_own_word(tx: Transaction, name: str, sid: str, conversation_id: UUID) -> bool:
    """Whether we put this conversation into the room's metadata, by no choice of the
    application's."""
    row = tx.one("is_own_word", name=name, sid=sid, conversation_id=conversation_id)
    return bool(row and row["is_own_word"])


def whose(tx: Transaction, call_id: UUID, here: Iterable[Person]) -> bool | None:
    """Whether a call goes on for those who are in its room; None: it had no people yet."""
    call = tx.one("get_call", call_id=call_id)
    if call is None or call["is_named"]:
        return call is not None
    known = people_of(tx, call_id)
    return have_met(known, here) if known else None


def people_of(tx: Transaction, call_id: UUID) -> tuple[Person, ...]:
    """Who was ever in the call."""
    rows = tx.all("list_people", call_id=call_id, limit=KNOWN_MAX)
    return tuple(
        person(row["identity"], row["kind"] or "", _attributes(row["attributes"]))
        for row in rows
        if row["kind"] is None or is_person(row["kind"])
    )


def _verdict(tx: Transaction, call: Row, request: TakeRequest) -> Verdict:
    if call["is_here"] and call["is_held"]:
        return Verdict.YES
    asked = request.conversation_id
    if asked is not None and asked != call["conversation_id"]:
        return Verdict.NO
    if is_named(tx, request) or (request.user_id and request.user_id == call["user_id"]):
        return Verdict.YES
    return _of_people(call, people_of(tx, call["call_id"]), request.people)


def _of_people(call: Row, known: tuple[Person, ...], here: tuple[Person, ...] | None) -> Verdict:
    if not known and (call["is_here"] or call["is_fresh"]):
        return Verdict.EMPTY
    if here is None:
        return Verdict.ASK if known or call["is_held"] else Verdict.NO
    is_its_own = call["is_here"] or (call["is_held"] and not known)
    goes_on = have_met(known, here) if here else is_its_own
    return Verdict.YES if goes_on else Verdict.NO


def _attributes(text: str | None) -> dict[str, str]:
    if not text or PHONE not in text:
        return {}
    try:
        return _ATTRIBUTES.decode(text)
    except msgspec.DecodeError:
        return {}
