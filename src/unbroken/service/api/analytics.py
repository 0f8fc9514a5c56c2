"""/api/v1/analytics: who came and went, and what went wrong."""

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Response
from pydantic import AliasChoices, BaseModel, Field

from unbroken.service import shapes
from unbroken.service.inputs import Digits, Facts, Name, Text
from unbroken.service.parts import Given
from unbroken.store.records import Report
from unbroken.store.text import as_json

router = APIRouter(prefix="/api/v1/analytics", tags=["analytics"])
log = structlog.get_logger()


class PresenceIn(BaseModel):
    room_name: Name
    identity: Name = Field(validation_alias=AliasChoices("identity", "participant_identity"))
    metadata: Facts | Text | None = None


class NotedOut(BaseModel):
    conversation_id: UUID
    call_id: UUID


class ErrorIn(BaseModel):
    room_name: Name | None = None
    error_type: Name
    message: Text = Field(validation_alias=AliasChoices("message", "error_message"))
    stack_trace: Text | None = None


class ReportedOut(BaseModel):
    id: UUID


class ErrorOut(BaseModel):
    id: UUID
    room_name: str | None
    error_type: str
    message: str
    stack_trace: str | None
    at: str


class ErrorsOut(BaseModel):
    errors: list[ErrorOut]
    next: str | None


@router.post("/participant-connected")
async def participant_connected(presence: PresenceIn, parts: Given) -> NotedOut:
    place = await parts.store.rooms.connect(
        presence.room_name,
        presence.identity,
        metadata=_bytes(presence.metadata),
        at_us=parts.env.now_us(),
    )
    return NotedOut(conversation_id=place.conversation_id, call_id=place.call_id)


@router.post("/participant-disconnected")
async def participant_disconnected(presence: PresenceIn, parts: Given) -> NotedOut:
    place = await parts.store.rooms.disconnect(
        presence.room_name, presence.identity, at_us=parts.env.now_us()
    )
    return NotedOut(conversation_id=place.conversation_id, call_id=place.call_id)


@router.post("/log-error", status_code=201)
async def log_error(report: ErrorIn, parts: Given) -> ReportedOut:
    """Keep an error for whoever watches over the agents."""
    kept = Report(
        id=parts.env.new_id(),
        room_name=report.room_name,
        error_type=report.error_type,
        message=report.message,
        stack_trace=report.stack_trace,
        at_us=parts.env.now_us(),
    )
    await parts.store.reports.put(kept)
    log.warning("agent error reported", error_id=str(kept.id), error_type=kept.error_type)
    return ReportedOut(id=kept.id)


@router.get("/errors", response_model=ErrorsOut)
async def list_errors(
    parts: Given, limit: Annotated[int, Query(ge=1, le=100), Digits] = 20, after: str | None = None
) -> Response:
    """Newest first. Pass `next` back as `after` until it is null. Of one that the disk has damaged
    the type is `corrupt`."""
    found = await parts.store.reports.list(limit=limit, before=shapes.moment(after))
    following = shapes.moment_cursor(found[-1].at_us, found[-1].id) if found else None
    return await shapes.json_of(
        parts.store, lambda _: ErrorsOut(errors=[_shown(r) for r in found], next=following)
    )


def _shown(report: Report) -> ErrorOut:
    return ErrorOut(
        id=report.id,
        room_name=report.room_name,
        error_type=report.error_type,
        message=report.message,
        stack_trace=report.stack_trace,
        at=shapes.iso(report.at_us),
    )


def _bytes(metadata: object) -> bytes | None:
    return None if metadata is None else as_json(metadata).encode()
