"""POST /api/v1/journal"""

from fastapi import APIRouter, Request, Response

from unbroken.archive import HostBatch
from unbroken.service import wire
from unbroken.service.parts import Given

router = APIRouter(prefix="/api/v1/journal", tags=["agents"])


@router.post("", response_class=Response)
async def append(request: Request, parts: Given) -> Response:
    """A keeper's batch (msgpack, zstd if Content-Encoding says so); an answer per session."""
    batch = await wire.read(request, HostBatch)
    return await wire.answer(await parts.store.archive.append(batch))
