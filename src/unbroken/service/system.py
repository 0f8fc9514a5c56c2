"""GET /api/v1/system"""

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from pydantic import BaseModel

from unbroken.service.parts import Given

router = APIRouter(prefix="/api/v1/system", tags=["ops"])


class Store(BaseModel):
    system_id: str
    timeline: int
    synchronous: str


class System(BaseModel):
    version: str
    store: Store
    model: str | None
    livekit_url: str
    demo: bool


@router.get("")
async def get_system(parts: Given) -> System:
    """What runs here. `synchronous` says what an acknowledged entry survives: the disk's own."""
    identity = parts.store.archive.identity
    return System(
        version=package_version(),
        store=Store(system_id=identity.system_id, timeline=identity.timeline, synchronous="local"),
        model=parts.settings.llm_model,
        livekit_url=parts.settings.browser_livekit_url,
        demo=parts.settings.demo,
    )


def package_version() -> str:
    try:
        return version("unbroken")
    except PackageNotFoundError:
        return "0"  # a source tree that was not installed
