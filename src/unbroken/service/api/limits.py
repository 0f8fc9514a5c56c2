"""/api/v1/limits: what is counted over rooms and processes, and who holds what."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from unbroken.coordination.rate import PER_S_MAX, PER_S_MIN, window
from unbroken.service.api.leases import Key, LeaseOut, Limit, lease_out
from unbroken.service.inputs import Digits, Name
from unbroken.service.parts import Given

router = APIRouter(prefix="/api/v1/limits", tags=["limits"])

PAGE_MAX = 1_000


class AdmitIn(BaseModel):
    """One more of `name`, for `key`: at most `limit` in any stretch of `per_s` seconds."""

    name: Name
    key: Key = ""
    limit: Limit
    per_s: float = Field(strict=True, ge=PER_S_MIN, le=PER_S_MAX, allow_inf_nan=False)


class AdmittedOut(BaseModel):
    admitted: bool = True


class HeldOut(BaseModel):
    """Locks and slots that are held, by their ids; more follow behind `next`."""

    leases: list[LeaseOut]
    next: UUID | None


@router.get("")
async def list_held(
    parts: Given,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX), Digits] = PAGE_MAX,
) -> HeldOut:
    """Who holds which lock and which slot now."""
    found = await parts.leases.kept.list(limit=limit, after=after)
    is_last = len(found) < limit
    return HeldOut(
        leases=[lease_out(lease) for lease in found],
        next=None if is_last else found[-1].lease_id,
    )


@router.post("/admit")
async def admit(asked: AdmitIn, parts: Given) -> AdmittedOut:
    """Count one more. 429 if the window is full; then nothing is counted."""
    known = window(asked.name, asked.key, limit=asked.limit, per_s=asked.per_s)
    await parts.leases.admit(known)
    return AdmittedOut()
