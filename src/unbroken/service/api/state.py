"""/api/v1/state"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, Field, StrictFloat, StrictInt

from unbroken.coordination import events, values
from unbroken.coordination.changes import NO_VERSION, StateChange
from unbroken.coordination.events import StateListOut
from unbroken.coordination.lease import FENCE_MAX, LockFence
from unbroken.coordination.scope import StateOwner, check_key, check_owner
from unbroken.errors import InvalidInput
from unbroken.service import contract
from unbroken.service.event_stream import EventStream
from unbroken.service.inputs import TEXT_SCHEMA, Digits, Name, Sayable
from unbroken.service.parts import Given, ServiceParts

router = APIRouter(prefix="/api/v1/state", tags=["state"])

LIST_BYTES_MAX = 4 << 20
REVISION_MAX = (1 << 63) - 1
_ETAG = re.compile(r'"?(\d{1,18})"?')
_UNCACHED = {"Cache-Control": "no-store"}


def _unquoted(raw: str) -> str:
    return unquote(raw, errors="strict")


Scope: TypeAlias = Literal["app", "room", "session", "user"]
StateName: TypeAlias = Annotated[Name, BeforeValidator(_unquoted), Path()]
IfMatch: TypeAlias = Annotated[
    str | None, Header(description='The version that the key must have, as `"7"`.')
]
IfNoneMatch: TypeAlias = Annotated[
    str | None, Header(description="`*`: only if there is no such key.")
]

_VALUE = {
    "key": {"type": "string"},
    "version": {"type": "integer"},
    "value": {},
    "changed_at": {"type": "string", "format": "date-time"},
    "deleted": {"type": "boolean"},
    "corrupt": {"type": "boolean"},
}
VALUE_OUT = contract.json_out(**_VALUE)
LIST_OUT = contract.json_out(
    revision={"type": "integer"},
    values={"type": "array", "items": {"type": "object", "properties": _VALUE}},
    next={"type": ["string", "null"]},
)
ANY_JSON = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}


async def _owner(scope: Scope, owner: StateName) -> StateOwner:
    return check_owner(StateOwner(scope, owner))


async def _key(key: StateName) -> str:
    return check_key(key)


async def _expected(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> int | None:
    if if_none_match is None:
        return None if if_match is None else _number("If-Match", if_match)
    if if_none_match.strip() != "*" or if_match is not None:
        raise InvalidInput("If-None-Match is *, and stands alone")
    return NO_VERSION


async def _fence(
    lock: Annotated[Name | None, Query(description="Whose `fence` it is.")] = None,
    fence: Annotated[int | None, Query(ge=1, le=FENCE_MAX), Digits] = None,
) -> LockFence | None:
    if lock is not None and fence is not None:
        return LockFence(lock, fence)
    if lock is not None or fence is not None:
        raise InvalidInput("a lock is named with its fence")
    return None


async def _since(
    since: Annotated[int | None, Query(ge=0, le=REVISION_MAX), Digits] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> int | None:
    return since if last_event_id is None else _number("Last-Event-ID", last_event_id)


Of: TypeAlias = Annotated[StateOwner, Depends(_owner)]
Key: TypeAlias = Annotated[str, Depends(_key)]
Expected: TypeAlias = Annotated[int | None, Depends(_expected)]
Fenced: TypeAlias = Annotated[LockFence | None, Depends(_fence)]
Position: TypeAlias = Annotated[int | None, Depends(_since)]
KeyPart: TypeAlias = Annotated[str, Query(max_length=256, json_schema_extra=TEXT_SCHEMA), Sayable]


async def _guards(expected: Expected, fence: Fenced) -> dict[str, Any]:
    return {"if_version": expected, "fence": fence}


Guards: TypeAlias = Annotated[dict[str, Any], Depends(_guards)]


class AddIn(BaseModel):
    by: StrictInt | StrictFloat = Field(default=1, ge=-values.EXACT_MAX, le=values.EXACT_MAX)


class ErasedOut(BaseModel):
    """`erased` False: there was nothing."""

    erased: bool


@router.get("/{scope}/{owner}", responses=LIST_OUT, response_class=Response)
async def list_values(
    of: Of,
    parts: Given,
    prefix: KeyPart = "",
    after: KeyPart = "",
    limit: Annotated[int, Query(ge=1, le=1_000), Digits] = 1_000,
) -> Response:
    """Its values in the order of their keys."""
    bounds = {"limit": limit, "bytes_max": LIST_BYTES_MAX}
    page = await parts.state.kept.list(of, prefix=prefix, after=after, **bounds)
    shown = StateListOut(page.revision, [events.said(v) for v in page.values], page.next)
    return _json(shown)


@router.delete("/{scope}/{owner}")
async def erase(of: Of, parts: Given) -> ErasedOut:
    """Forget all of it: values, changes, and that there was any."""
    return ErasedOut(erased=await parts.state.erase(of))


@router.get(
    "/{scope}/{owner}/watch",
    responses=contract.bytes_out("text/event-stream"),
    response_class=Response,
)
async def watch(of: Of, parts: Given, position: Position, prefix: KeyPart = "") -> Response:
    """Each change behind the revision `since`, as server-sent events that go on: `change`, and
    `synced` when all is told that there was. Without `since`, and where it is no longer known what
    came behind it, a `snapshot` and a `value` for each key come first. `Last-Event-ID` counts in
    place of `since`."""
    told = _events(parts, of, position, prefix)
    first = await anext(told)  # what is refused is refused before the answer begins
    return EventStream(_after(first, told), headers=_UNCACHED | {"X-Accel-Buffering": "no"})


@router.get("/{scope}/{owner}/{key}", responses=VALUE_OUT, response_class=Response)
async def get_value(of: Of, key: Key, parts: Given) -> Response:
    """The value, with its version as its ETag."""
    return _shown(await parts.state.kept.get(of, key))


@router.put(
    "/{scope}/{owner}/{key}", responses=VALUE_OUT, response_class=Response, openapi_extra=ANY_JSON
)
async def put_value(of: Of, key: Key, request: Request, parts: Given, guards: Guards) -> Response:
    """The key has this value now. 412 if it has not the version of `If-Match`, or if `lock`
    was granted again since it was with this `fence`."""
    content = values.canonical(await request.body())
    return _shown(await parts.state.set(of, key, content, **guards))


@router.patch(
    "/{scope}/{owner}/{key}", responses=VALUE_OUT, response_class=Response, openapi_extra=ANY_JSON
)
async def patch_value(of: Of, key: Key, request: Request, parts: Given, guards: Guards) -> Response:
    """Merge into the value (RFC 7386); what is merged at once is all in it."""
    content = values.canonical(await request.body())
    return _shown(await parts.state.patch(of, key, content, **guards))


@router.post("/{scope}/{owner}/{key}", responses=VALUE_OUT, response_class=Response)
async def add_to_value(of: Of, key: Key, parts: Given, given: AddIn, fence: Fenced) -> Response:
    """Add `by` to the number, 0 if there is none. 409 if it is no number."""
    return _shown(await parts.state.add(of, key, given.by, fence=fence))


@router.delete("/{scope}/{owner}/{key}", responses=VALUE_OUT, response_class=Response)
async def delete_value(of: Of, key: Key, parts: Given, guards: Guards) -> Response:
    """There is no such value any more. 404 if there was none."""
    return _shown(await parts.state.delete(of, key, **guards))


async def _events(
    parts: ServiceParts, owner: StateOwner, since: int | None, prefix: str
) -> AsyncGenerator[bytes, None]:
    async with parts.state.watch(owner, since=since, prefix=prefix) as found:
        async for event in found:
            yield events.encode(event)


async def _after(first: bytes, told: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(told):
        yield first
        async for event in told:
            yield event


def _number(name: str, text: str) -> int:
    if (found := _ETAG.fullmatch(text.strip())) is None:
        raise InvalidInput(f"{name} is a number")
    return int(found[1])


def _shown(change: StateChange) -> Response:
    return _json(events.said(change), ETag=f'"{change.version}"')


def _json(shown: msgspec.Struct, **headers: Any) -> Response:
    content = msgspec.json.encode(shown)
    return Response(content, media_type="application/json", headers=_UNCACHED | headers)
