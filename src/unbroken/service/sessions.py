"""/api/v1/sessions"""

import structlog
from fastapi import APIRouter, Request, Response

from unbroken.archive import TakeRequest
from unbroken.service import wire
from unbroken.service.parts import Given

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])
log = structlog.get_logger()


@router.post("/take", response_class=Response)
async def take(request: Request, parts: Given) -> Response:
    """Move a session's term to the caller (msgpack); 409 call_taken if a live holder has it."""
    taken = await parts.store.archive.take(await wire.read(request, TakeRequest))
    log.info(
        "session taken",
        session_id=str(taken.session_id),
        call_id=str(taken.call_id),
        conversation_id=str(taken.conversation_id),
        term=taken.term,
        cause=taken.cause,
    )
    return await wire.answer(taken)
