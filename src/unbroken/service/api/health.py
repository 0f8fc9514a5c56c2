"""/health, /healthz, /readyz"""

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
    """The store answers and can keep what comes; 503 if not, as when the disk is full."""
    await parts.store.check()
    return {"status": "ready"}
