"""/api/v1/rooms"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field

from unbroken.errors import Conflict, InvalidInput, NotFound
from unbroken.service import shapes
from unbroken.service.first_agent import SEEN_WITHIN_S, because
from unbroken.service.inputs import Digits, Name
from unbroken.service.livekit_rooms import LiveRoom
from unbroken.service.parts import Given
from unbroken.service.room_metadata import conversation_of
from unbroken.store.records import Waiting as Awaiting

router = APIRouter(prefix="/api/v1/rooms", tags=["rooms"])

AGENTS_MAX = 8  # of one room
LISTED_MAX = 1_000  # rooms in one answer
AGENTS = "agent-"  # how LiveKit begins the identities that it gives to agents

# A name may hold a slash, so it is the rest of the path but for the last word.
RoomName = Annotated[Name, Path()]


class RoomIn(BaseModel):
    name: Name
    user_id: Name | None = None
    identity: Name | None = None
    conversation_id: UUID | None = None
    agents: Annotated[list[Name], Field(min_length=1, max_length=AGENTS_MAX)] | None = None


class OpenRoomOut(BaseModel):
    name: str
    sid: str
    conversation_id: UUID
    room_id: UUID
    url: str
    token: str
    identity: str


class WaitingOut(BaseModel):
    """No agent has come yet. `gives_up_at`: null while nobody is in the room to be told so."""

    agent_name: str
    because: str
    tries: int
    since: str
    next_try_at: str
    gives_up_at: str | None
    seen_agent_names: list[str]


class RoomOut(BaseModel):
    name: str
    sid: str | None
    conversation_id: UUID | None
    participants: int
    created_at: str
    waiting: WaitingOut | None


class RoomsOut(BaseModel):
    rooms: list[RoomOut]
    next: str | None


class JoiningIn(BaseModel):
    identity: Name | None = None
    name: Name | None = None


class TokenOut(BaseModel):
    token: str
    url: str
    identity: str


class AnnouncementIn(BaseModel):
    metadata: dict[str, Any] | None = None


class AnnouncedOut(BaseModel):
    conversation_id: UUID
    call_id: UUID


@router.post("", status_code=201)
async def open_room(new: RoomIn, parts: Given) -> OpenRoomOut:
    """Make the room here and on LiveKit; again gives the same one, with a fresh token.

    `identity` is who joins with that token, the user unless given: a room whose call is over or
    waits for others begins a conversation of its own for them. `agents` are the names under which
    the agents that the room needs are registered, UNBROKEN_AGENT_NAME unless given; who opens the
    room again need not name them again.
    """
    identity = new.identity or new.user_id
    await _check_identity(parts, new.name, identity)
    room = await parts.opening.open(
        new.name,
        conversation_id=new.conversation_id,
        user_id=new.user_id,
        identity=identity,
        agents=tuple(dict.fromkeys(new.agents or ())),
    )
    token = _token(parts, new.name, identity, None)
    return OpenRoomOut(
        name=room.name,
        sid=room.sid or "",
        conversation_id=room.conversation_id,
        room_id=room.id,
        **token.model_dump(),
    )


@router.get("")
async def list_rooms(
    parts: Given,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX), Digits] = 100,
    after: str | None = None,
) -> RoomsOut:
    """The rooms that LiveKit has now, by name. Pass `next` back as `after` until it is null."""
    behind = _name(after)
    live = sorted(await parts.livekit.list(), key=lambda room: room.name)
    live = [room for room in live if room.name > behind]
    page = live[:limit]
    waits = await _waits(parts, await parts.store.waiting.list())
    following = shapes.cursor(page[-1].name.encode()) if len(live) > limit else None
    return RoomsOut(rooms=[_live(room, waits) for room in page], next=following)


@router.post("/{name:path}/token")
async def give_token(name: RoomName, parts: Given, joining: JoiningIn | None = None) -> TokenOut:
    """To join a room that was opened; LiveKit has it again, with its agent, if it had gone."""
    joining = joining or JoiningIn()
    if await parts.store.rooms.get(name) is None and await parts.livekit.find(name) is None:
        raise NotFound(f"no room {name}")
    await _check_identity(parts, name, joining.identity)
    await parts.opening.open(name, identity=joining.identity)
    return _token(parts, name, joining.identity, joining.name)


@router.post("/{name:path}/agents")
@router.post("/{name:path}/agent-joined")
async def announce_agent(
    name: RoomName, parts: Given, _announcement: AnnouncementIn | None = None
) -> AnnouncedOut:
    """The open call of the room and its conversation, made if there is none."""
    place = await parts.store.rooms.announce(name)
    return AnnouncedOut(conversation_id=place.conversation_id, call_id=place.call_id)


@router.put("/{name:path}/metadata")
async def merge_metadata(
    name: RoomName, parts: Given, change: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Put keys into room.metadata; the others stay. The whole of it is answered."""
    return await parts.opening.merge(name, change)


@router.get("/{name:path}")
async def get_room(name: RoomName, parts: Given) -> RoomOut:
    """A room that LiveKit has, or that was opened and is empty now."""
    known = await parts.store.rooms.get(name)
    if live := await parts.livekit.find(name):
        waiting = await parts.store.waiting.find(name)
        waits = await _waits(parts, {name: waiting} if waiting else {})
        return _live(live, waits)
    if known is None:
        raise NotFound(f"no room {name}")
    return RoomOut(
        name=known.name,
        sid=known.sid,
        conversation_id=known.conversation_id,
        participants=0,
        created_at=shapes.iso(known.created_at_us),
        waiting=None,
    )


@router.delete("/{name:path}", status_code=204)
async def close_room(name: RoomName, parts: Given) -> None:
    """Send everybody out. The conversation stays."""
    await parts.opening.close(name)


def _name(cursor: str | None) -> str:
    """The last one of the page before. Raises InvalidInput."""
    try:
        return shapes.opened(cursor, 0)[1].decode() if cursor else ""
    except UnicodeDecodeError as error:
        raise InvalidInput("not a cursor of ours") from error


async def _waits(parts: Given, found: dict[str, Awaiting]) -> dict[str, WaitingOut]:
    """Of those rooms, in words."""
    if not found:
        return {}
    seen = await parts.store.waiting.agent_names(within_s=SEEN_WITHIN_S)
    until_s = parts.settings.first_agent_s
    return {name: _waiting(one, seen, until_s) for name, one in found.items()}


def _waiting(found: Awaiting, seen: Sequence[str], until_s: float) -> WaitingOut:
    since = found.since_us
    return WaitingOut(
        agent_name=found.agent_name,
        because=because(found, seen),
        tries=found.tries,
        since=shapes.iso(since or found.opened_at_us),
        next_try_at=shapes.iso(found.due_at_us),
        gives_up_at=shapes.iso_or_none(since and since + int(until_s * 1_000_000)),
        seen_agent_names=list(seen),
    )


def _live(room: LiveRoom, waits: dict[str, WaitingOut]) -> RoomOut:
    return RoomOut(
        name=room.name,
        sid=room.sid,
        conversation_id=conversation_of(room.metadata),
        participants=room.participants,
        created_at=shapes.iso(room.created_at_us),
        waiting=waits.get(room.name),
    )


async def _check_identity(parts: Given, room: str, identity: str | None) -> None:
    """Of two that join under one identity LiveKit sends the first one out: no person may take an
    agent's. Raises InvalidInput, Conflict."""
    if identity is None:
        return
    if identity.lower().startswith(AGENTS):
        raise InvalidInput(f"identities that begin with {AGENTS} are for agents")
    is_held = await parts.store.sessions.is_holder(room, identity)
    if is_held or await parts.livekit.has_agent(room, identity):
        raise Conflict("an agent in this room has this identity")


def _token(parts: Given, room: str, identity: str | None, name: str | None) -> TokenOut:
    identity = identity or f"user-{parts.env.new_id().hex[-12:]}"
    token = parts.livekit.token(room, identity=identity, name=name)
    return TokenOut(token=token, url=parts.settings.browser_livekit_url, identity=identity)
