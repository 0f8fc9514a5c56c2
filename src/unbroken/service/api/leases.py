"""/api/v1/leases: locks and slots, each granted for a time."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from unbroken.archive.port import TERM_MAX
from unbroken.coordination.lease import (
    LIMIT_MAX,
    LOCK,
    TTL_S_MAX,
    TTL_S_MIN,
    WAIT_S_MAX,
    Lease,
    LeaseAsk,
    Pool,
    SessionTerm,
    check_holder,
    check_pool,
    check_ttl,
)
from unbroken.errors import InvalidInput
from unbroken.names import NEW_CHARS_MAX
from unbroken.service import shapes
from unbroken.service.inputs import Name
from unbroken.service.parts import Given
from unbroken.service.while_asked import while_asked

router = APIRouter(prefix="/api/v1/leases", tags=["leases"])

Ttl = Annotated[float, Field(strict=True, ge=TTL_S_MIN, le=TTL_S_MAX, allow_inf_nan=False)]
Key = Annotated[str, Field(max_length=NEW_CHARS_MAX)]
Limit = Annotated[int, Field(strict=True, ge=1, le=LIMIT_MAX)]


class LeaseIn(BaseModel):
    """`id` is chosen by who asks. With a `session_id` and its `term` the lease ends with the
    session; `owner` says to people whose it is."""

    id: UUID
    kind: Literal["lock", "slot"]
    name: Name
    key: Key = ""
    limit: Limit = 1
    ttl_s: Ttl
    wait_s: float = Field(default=0, strict=True, ge=0, le=WAIT_S_MAX, allow_inf_nan=False)
    session_id: UUID | None = None
    term: int | None = Field(default=None, strict=True, ge=1, le=TERM_MAX)
    owner: Key = ""


class RenewIn(BaseModel):
    ttl_s: Ttl


class LeaseOut(BaseModel):
    """`fence` grows with each grant of the lock, or of the slots of that name and key. Of kind
    "call": the place of a call; `until` null: it ends with its call."""

    id: UUID
    kind: str
    name: str
    key: str
    fence: int
    granted_at: str
    until: str | None
    owner: str
    session_id: UUID | None
    term: int | None


class LeaseReleasedOut(BaseModel):
    """`released` False: nobody held it."""

    released: bool


@router.post("")
async def grant(asked: LeaseIn, request: Request, parts: Given) -> LeaseOut:
    """Be granted a lock, or one of so many slots, within `wait_s`; asked for again under the same
    `id` it is the same one, renewed. 423 if the lock is held, 429 if no slot is free."""
    waiting = parts.leases.grant(_ask(asked), wait_s=asked.wait_s)
    return lease_out(await while_asked(request, waiting))


@router.put("/{lease_id}")
async def renew(lease_id: UUID, given: RenewIn, parts: Given) -> LeaseOut:
    """It is held for `ttl_s` from now on. 409 `lease_lost` if it is over."""
    return lease_out(await parts.leases.renew(lease_id, ttl_us=check_ttl(given.ttl_s)))


@router.delete("/{lease_id}")
async def release(lease_id: UUID, parts: Given) -> LeaseReleasedOut:
    """The next one may have it."""
    return LeaseReleasedOut(released=await parts.leases.release(lease_id))


def lease_out(lease: Lease) -> LeaseOut:
    session_id, term = lease.session or (None, None)
    return LeaseOut(
        id=lease.lease_id,
        kind=lease.pool.kind,
        name=lease.pool.name,
        key=lease.pool.key,
        fence=lease.fence,
        granted_at=shapes.iso(lease.granted_at_us),
        until=shapes.iso(lease.until_us) if lease.has_time else None,
        owner=lease.owner,
        session_id=session_id,
        term=term,
    )


def _ask(asked: LeaseIn) -> LeaseAsk:
    """Raises InvalidInput."""
    if asked.kind == LOCK and (asked.key or asked.limit != 1):
        raise InvalidInput("a lock has no key, and one holder")
    return LeaseAsk(
        lease_id=asked.id,
        pool=check_pool(Pool(asked.kind, asked.name, asked.key)),
        limit=asked.limit,
        ttl_us=check_ttl(asked.ttl_s),
        session=_session(asked),
        owner=check_holder(asked.owner),
    )


def _session(asked: LeaseIn) -> SessionTerm | None:
    if asked.session_id is not None and asked.term is not None:
        return SessionTerm(asked.session_id, asked.term)
    if asked.session_id is not None or asked.term is not None:
        raise InvalidInput("a session is named with its term")
    return None
