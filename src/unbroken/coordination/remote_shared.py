"""The shared state of a service, over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from unbroken.archive.http import ANSWERS, part
from unbroken.coordination.changes import StateChange
from unbroken.coordination.events import EVENT_BYTES_MAX, StateValueOut, decode, heard
from unbroken.coordination.feeds import ALIVE_S, StateEvent
from unbroken.coordination.lease import LockFence
from unbroken.coordination.remote import JSON, Remote, twice
from unbroken.coordination.scope import StateOwner
from unbroken.errors import ArchiveUnavailable, Conflict, Corrupt, OldFence, OtherVersion

SILENT_S = 3 * ALIVE_S  # a watch that says nothing for longer is gone


class RemoteShared(Remote):
    """A `StateWire` to a service."""

    kinds = (*ANSWERS, Conflict, OtherVersion, OldFence, Corrupt)
    answer_bytes_max = EVENT_BYTES_MAX

    async def set(
        self,
        owner: StateOwner,
        key: str,
        content: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        headers = JSON | _condition(if_version)
        return await self._change(
            "PUT", owner, key, content=content, headers=headers, params=_guarded(fence)
        )

    async def patch(
        self,
        owner: StateOwner,
        key: str,
        patch: bytes,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        headers = JSON | _condition(if_version)
        return await self._change(
            "PATCH", owner, key, content=patch, headers=headers, params=_guarded(fence)
        )

    async def add(
        self, owner: StateOwner, key: str, by: float, *, fence: LockFence | None = None
    ) -> StateChange:
        what = {"content": msgspec.json.encode({"by": by}), "params": _guarded(fence)}
        headers = JSON | self._once()
        return await twice(lambda: self._change("POST", owner, key, headers=headers, **what))

    async def delete(
        self,
        owner: StateOwner,
        key: str,
        *,
        if_version: int | None = None,
        fence: LockFence | None = None,
    ) -> StateChange:
        return await self._change(
            "DELETE", owner, key, headers=_condition(if_version), params=_guarded(fence)
        )

    @asynccontextmanager
    async def watch(
        self, owner: StateOwner, *, since: int | None = None, prefix: str = ""
    ) -> AsyncIterator[AsyncIterator[StateEvent]]:
        """Raises ArchiveUnavailable when it cannot be had, and where it breaks."""
        answer = await self._open(owner, {"since": since, "prefix": prefix or None})
        try:
            yield decode(_parts(answer))
        finally:
            await answer.aclose()

    async def _open(self, owner: StateOwner, asked: dict[str, Any]) -> httpx.Response:
        http = self._http()
        params = {name: value for name, value in asked.items() if value is not None}
        timeout = httpx.Timeout(self._timeout_s, read=SILENT_S)
        path = f"{_path(owner)}/watch"
        request = http.build_request("GET", path, params=params, timeout=timeout)
        try:
            answer = await http.send(request, stream=True)
            if answer.status_code == httpx.codes.OK:
                return answer
            body = await answer.aread()
        except Exception as error:  # httpx lets through what it does not know of HTTP's oddities
            raise ArchiveUnavailable(f"{self.url}: {type(error).__name__}") from error
        raise self._refusal(answer.status_code, body)

    async def _change(self, method: str, owner: StateOwner, key: str, **what: Any) -> StateChange:
        path = f"{_path(owner)}/{part(key)}"
        found = await self._send(method, path, **what)
        return heard(self._decoded(path, found, StateValueOut))


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for found in answer.aiter_bytes():
            yield found
    except Exception as error:
        raise ArchiveUnavailable(f"{answer.url.host}: {type(error).__name__}") from error


def _path(owner: StateOwner) -> str:
    return f"/state/{owner.scope}/{part(owner.id)}"


def _condition(if_version: int | None) -> dict[str, str]:
    if if_version is None:
        return {}
    return {"if-match": f'"{if_version}"'} if if_version else {"if-none-match": "*"}


def _guarded(fence: LockFence | None) -> dict[str, str | int]:
    return {} if fence is None else {"lock": fence.lock, "fence": fence.number}
