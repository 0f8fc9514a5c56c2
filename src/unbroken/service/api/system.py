"""GET /api/v1/system"""

from fastapi import APIRouter
from pydantic import BaseModel

from unbroken.service.parts import Given
from unbroken.version import __version__

router = APIRouter(prefix="/api/v1/system", tags=["ops"])


class StoreOut(BaseModel):
    system_id: str
    timeline: int
    synchronous: str


class SystemOut(BaseModel):
    version: str
    store: StoreOut
    model: str | None
    livekit_url: str
    demo: bool


@router.get("")
async def get_system(parts: Given) -> SystemOut:
    """What runs here. `synchronous` says what an acknowledged entry survives: the disk's own."""
    identity = parts.store.archive.identity
    return SystemOut(
        version=__version__,
        store=StoreOut(
            system_id=identity.system_id, timeline=identity.timeline, synchronous="local"
        ),
        model=parts.settings.llm_model,
        livekit_url=parts.settings.browser_livekit_url,
        demo=parts.settings.demo,
    )
