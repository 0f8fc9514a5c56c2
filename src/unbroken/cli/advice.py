"""`unbroken doctor --advise`: are coordination and Redis needed here? From what is configured, and
from the last conversations at the service."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from unbroken.archive.http import ask, http_client, part, refusal
from unbroken.errors import ArchiveUnavailable

CONVERSATIONS_MAX = 100  # the newest: one request each, a second in all
OWNERS_MAX = 200  # rooms and users of these that are asked for shared state
WITHIN_S = 10.0

T = TypeVar("T")


class SessionSeen(msgspec.Struct):
    role: str
    agent_name: str | None
    term: int


class CallSeen(msgspec.Struct):
    room_name: str
    sessions: list[SessionSeen]

    @property
    def agents(self) -> set[str]:
        """Roles of agents; imports and saves over REST are none."""
        return {s.role for s in self.sessions if s.agent_name is not None}


class ConversationSeen(msgspec.Struct):
    user_id: str | None
    call_list: list[CallSeen]


class LeaseSeen(msgspec.Struct):
    kind: str


class ListSeen(msgspec.Struct):
    conversations: list[dict[str, Any]]


class HeldSeen(msgspec.Struct):
    leases: list[LeaseSeen]


class StateSeen(msgspec.Struct):
    values: list[Any]


class Load(msgspec.Struct, frozen=True):
    """What was seen: of the last conversations, and what is held now."""

    conversations: int = 0
    calls: int = 0
    several_agents: int = 0  # calls with more than one
    takeovers: int = 0
    users_again: int = 0  # with more than one conversation
    across_rooms: int = 0  # conversations with calls in more than one room
    shared: int = 0  # rooms and users with shared state
    locks: int = 0
    slots: int = 0


class Reason(NamedTuple):
    """One of the usual reasons for a StateManager on Redis. `seen`: whether it is one here."""

    reason: str
    seen: bool
    said: str


class Advice(NamedTuple):
    reasons: list[Reason]
    coordination: str
    redis: str
    is_seen: bool  # the service was asked


async def look(url: str, key: str | None) -> Load:
    """Raises ArchiveUnavailable, Unauthorized."""
    async with http_client(url, key=key, timeout_s=WITHIN_S) as http:
        listed = await _get(http, ListSeen, f"/conversations?limit={CONVERSATIONS_MAX}")
        ids = [part(str(one.get("id"))) for one in listed.conversations]
        found = [await _get(http, ConversationSeen, f"/conversations/{one}") for one in ids]
        held = Counter(one.kind for one in (await _get(http, HeldSeen, "/limits")).leases)
        owners = {f"room/{part(c.room_name)}" for one in found for c in one.call_list}
        owners |= {f"user/{part(one.user_id)}" for one in found if one.user_id}
        paths = [f"/state/{owner}?limit=1" for owner in sorted(owners)[:OWNERS_MAX]]
        states = [await _get(http, StateSeen, path) for path in paths]
    shared = sum(bool(state.values) for state in states)
    return _load(found, shared=shared, locks=held["lock"], slots=held["slot"])


def advise(load: Load | None, *, redis: bool) -> Advice:
    """`load` None: nobody answered. `redis`: UNBROKEN_REDIS names one."""
    reasons = list(_reasons(load or Load(), redis=redis))
    uses = [r.reason for r in reasons[:3] if r.seen]
    coordination = f"used here ({', '.join(uses)}); it is in the service" if uses else NO_USE
    return Advice(reasons, coordination, NAMED if redis else NOT_NEEDED, load is not None)


NO_USE = "not needed by what is seen; it is in the service when you need it, and costs nothing"
NOT_NEEDED = "not needed: Unbroken needs none for any of these reasons"
NAMED = (
    "UNBROKEN_REDIS names one: windows of `call.limit` are counted there, which the service does "
    "without it, too; needed only if several processes share a StateManager, which is no more to "
    "be seen from here than what else your programs keep there"
)


def _reasons(load: Load, *, redis: bool) -> Iterator[Reason]:
    several, shared, locks = load.several_agents, load.shared, load.locks + load.slots
    yield Reason(
        "several agents in one room",
        several > 0,
        f"{several} of {load.calls} calls; each agent has a log of its own, `call.room` is theirs",
    )
    yield Reason(
        "state that agents share",
        shared > 0,
        f"{shared} rooms and users have some; `call.room`, `call.user`, `call.app`",
    )
    yield Reason(
        "locks and global limits",
        locks > 0,
        f"{load.locks} locks and {load.slots} slots are held now; `call.lock`, `call.limit`",
    )
    yield Reason(
        "a crashed agent's successor goes on",
        load.takeovers > 0,
        f"{load.takeovers} times; each call has it, by its journal",
    )
    yield Reason(
        "a user's state across rooms",
        load.users_again > 0,
        f"{load.users_again} users came again; the service knows them",
    )
    yield Reason(
        "sessions that span rooms",
        load.across_rooms > 0,
        f"{load.across_rooms} conversations; they go on by their `conversation_id`",
    )
    yield Reason(
        "a StateManager that several processes share",
        redis,
        "UNBROKEN_REDIS names a Redis for it" if redis else "no UNBROKEN_REDIS is set",
    )


def lines(advice: Advice) -> Iterator[str]:
    """For people."""
    if not advice.is_seen:
        yield "No service answered: this is from the configuration only."
    for reason, seen, said in advice.reasons:
        yield f"{'yes ' if seen else 'no  '}{reason}: {said}"
    yield f"Coordination: {advice.coordination}."
    yield f"Redis: {advice.redis}."


def _load(found: list[ConversationSeen], **held: int) -> Load:
    calls = [call for one in found for call in one.call_list]
    terms = [s.term for call in calls for s in call.sessions if s.agent_name is not None]
    users = Counter(one.user_id for one in found if one.user_id)
    rooms = [{call.room_name for call in one.call_list if call.agents} for one in found]
    return Load(
        conversations=len(found),
        calls=len(calls),
        several_agents=sum(len(call.agents) > 1 for call in calls),
        takeovers=sum(term - 1 for term in terms),
        users_again=sum(times > 1 for times in users.values()),
        across_rooms=sum(len(names) > 1 for names in rooms),
        **held,
    )


async def _get(http: httpx.AsyncClient, form: type[T], path: str) -> T:
    status, content = await ask(http, "GET", path, within_s=WITHIN_S)
    if status != httpx.codes.OK:
        raise refusal(str(http.base_url), status, content)
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise ArchiveUnavailable(f"{path} answers in another form") from None
