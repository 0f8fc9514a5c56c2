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
    """The store answers; 503 if it does not."""
    await parts.store.check()
    return {"status": "ready"}
