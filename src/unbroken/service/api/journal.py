"""POST /api/v1/journal"""

from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response

from unbroken.archive.port import HostBatch
from unbroken.service import contract, wire
from unbroken.service.parts import Given

router = APIRouter(prefix="/api/v1/journal", tags=["agents"])
log = structlog.get_logger()


@router.post(
    "",
    response_class=Response,
    responses=contract.bytes_out(wire.MSGPACK),
    openapi_extra=contract.bytes_in(wire.MSGPACK),
)
async def append(request: Request, parts: Given) -> Response:
    """A keeper's batch (msgpack, zstd if Content-Encoding says so); an answer per session."""
    batch = await wire.read(request, HostBatch)
    received = await parts.store.archive.receive(batch)
    for session_id, words in received.degraded:
        _tell(session_id, words)
    return await wire.answer(received.answer)


def _tell(session_id: UUID, words: str | None) -> None:
    """What an agent's host says of itself is said here too, at each change."""
    if words:
        log.warning("session degraded", session_id=str(session_id), why=words)
    else:
        log.info("session well again", session_id=str(session_id))
