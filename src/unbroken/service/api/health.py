"""/health, /healthz, /readyz"""

import asyncio

from fastapi import APIRouter

from unbroken.service.parts import Given

router = APIRouter(tags=["ops"])


@router.get("/health")
@router.get("/healthz")
async def health() -> dict[str, str]:
    """The process runs."""
    return {"status": "ok"}


@router.get("/readyz")
async def ready(parts: Given) -> dict[str, str]:
    """The store and its blobs answer and can keep what comes; 503 if not, as when the disk is
    full."""
    await asyncio.gather(parts.store.check(), parts.blobs.check())
    return {"status": "ready"}
