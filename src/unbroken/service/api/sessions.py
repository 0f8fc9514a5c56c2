"""/api/v1/sessions"""

import base64
from typing import Annotated, Any
from uuid import UUID

import msgspec
import structlog
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from unbroken.archive.port import LogPlace, StoredEntry, TakeRequest
from unbroken.errors import NotFound
from unbroken.service import contract, shapes, wire
from unbroken.service.inputs import Digits, SummaryIn
from unbroken.service.parts import Given
from unbroken.store.port import giving_way
from unbroken.store.records import SideEntry
from unbroken.store.text import as_json

PAGE_BYTES_MAX = 4 << 20

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])
log = structlog.get_logger()


class SessionIn(SummaryIn):
    """A summary of a call: room_name, messages, participants, duration, and whatever else."""


class SavedSessionOut(BaseModel):
    conversation_id: UUID
    call_id: UUID


ENTRIES = contract.json_out(
    entries={"type": "array", "items": {"type": "object"}}, next={"type": ["integer", "null"]}
)
SIDE_ENTRIES = contract.json_out(
    entries={"type": "array", "items": {"type": "object"}}, next={"type": ["string", "null"]}
)


@router.post(
    "/take",
    response_class=Response,
    responses=contract.bytes_out(wire.MSGPACK),
    openapi_extra=contract.bytes_in(wire.MSGPACK),
)
async def take(request: Request, parts: Given) -> Response:
    """Move a session's term to the caller (msgpack); 409 call_taken if a live holder has it, 429
    limit_reached if it would begin a call more than there may be."""
    asked, heard_us = await wire.read(request, TakeRequest), parts.steadiness.listened_us()
    limits = parts.settings.call_limits
    taken = await parts.store.archive.take(asked, listened_us=heard_us, limits=limits)
    log.info(
        "session taken",
        session_id=str(taken.session_id),
        call_id=str(taken.call_id),
        conversation_id=str(taken.conversation_id),
        term=taken.term,
        cause=taken.cause,
        gap_ms=taken.gap_us // 1_000,
        crashes=taken.crashes,
    )
    return await wire.answer(taken)


@router.post("/save", status_code=201)
async def save_session(data: SessionIn, parts: Given) -> SavedSessionOut:
    """Keep the summary of the call in a room."""
    place = await parts.store.rooms.find(data.room_name)
    summary = as_json(data.model_dump()).encode()
    await parts.store.rooms.summarize(place.call_id, summary)
    return SavedSessionOut(conversation_id=place.conversation_id, call_id=place.call_id)


@router.get("/{session_id}")
async def get_session(session_id: UUID, parts: Given) -> shapes.SessionDetailOut:
    """The session, all its terms, and what is in flight."""
    session = await parts.store.conversations.get_session(session_id)
    terms = await parts.store.sessions.list_terms(session_id)
    mark = await parts.store.sessions.get_mark(session_id)
    return shapes.session_detail(session, terms, mark)


@router.get("/{session_id}/verify")
async def verify_session(session_id: UUID, parts: Given) -> shapes.VerificationOut:
    """Compare each row that is kept of the session with what was stored; `ok` if all are equal.

    `findings` names what was changed, is missing or was added: the first thousand of `count`. A
    large part that is still on its way from its host is missing.
    """
    return shapes.verification(await parts.store.sessions.verify(session_id))


@router.post("/{session_id}/kill", status_code=202)
async def kill(session_id: UUID, parts: Given) -> dict[str, str]:
    """Kill the agent's process, to see what follows. Only in a demonstration.

    409 conflict if nobody holds the session now.
    """
    if not parts.settings.demo:
        raise NotFound("agents are killed on request only in a demonstration (UNBROKEN_DEMO=1)")
    await parts.store.conversations.get_session(session_id)
    await parts.store.sessions.kill(session_id)
    log.warning("agent to be killed", session_id=str(session_id))
    return {}


@router.get("/{session_id}/entries", response_class=Response, responses=ENTRIES)
async def list_entries(
    session_id: UUID,
    parts: Given,
    after: Annotated[int, Query(ge=0, lt=1 << 63), Digits] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000), Digits] = 100,
) -> Response:
    """The log in order, from `after` on. Pass `next` back as `after` until it is null.

    A payload that is no JSON is shown as {"$base64": ...}.
    """
    session = await parts.store.conversations.get_session(session_id)
    entries = await parts.store.archive.entries(
        session_id, after=after, limit=limit, bytes_max=PAGE_BYTES_MAX
    )
    is_last = not entries or entries[-1].seq >= session.last_seq
    following = None if is_last else entries[-1].seq
    return await shapes.json_of(
        parts.store,
        lambda way: {"entries": [_shown(e) for e in giving_way(entries, way)], "next": following},
    )


@router.get(
    "/{session_id}/log", response_class=Response, responses=contract.bytes_out(wire.MSGPACK)
)
async def read_log(
    session_id: UUID,
    parts: Given,
    holder: UUID,
    after: Annotated[int, Query(ge=1, lt=1 << 63), Digits],
    chain: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
) -> Response:
    """The log on behind what `take` gave to the holder (msgpack); `after` and `chain` are as the
    part before it says. 409 call_taken if somebody else has the session by now."""
    place = LogPlace(session_id=session_id, holder=holder, seq=after, chain=bytes.fromhex(chain))
    return await wire.answer(await parts.store.archive.read_log(place))


@router.get("/{session_id}/side", response_class=Response, responses=SIDE_ENTRIES)
async def list_side_entries(
    session_id: UUID,
    parts: Given,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000), Digits] = 100,
) -> Response:
    """What came after its term had ended: kept, shown, never replayed. Pass `next` back as
    `after` until it is null."""
    await parts.store.conversations.get_session(session_id)
    asked = {"limit": limit, "bytes_max": PAGE_BYTES_MAX}
    found = await parts.store.archive.side_entries(
        session_id, after=shapes.side_place(after), **asked
    )
    following = shapes.side_cursor(found[-1]) if found else None
    return await shapes.json_of(
        parts.store,
        lambda way: {"entries": [_beside(s) for s in giving_way(found, way)], "next": following},
    )


def _beside(side: SideEntry) -> dict[str, Any]:
    about = {"reason": side.reason, "received_at": shapes.iso(side.received_at_us)}
    return _shown(side.entry) | about


def _shown(entry: StoredEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "term": entry.term,
        "kind": entry.kind,
        "at": shapes.iso(entry.at_us),
        "flags": entry.flags,
        "payload": _payload(entry.payload),
    }


def _payload(payload: bytes) -> Any:
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"$base64": base64.b64encode(payload).decode()}
    return msgspec.Raw(payload)
