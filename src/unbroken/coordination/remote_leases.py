"""Locks, slots and windows of a service, over HTTP."""

from typing import Any
from uuid import UUID

import httpx
import msgspec

from unbroken.archive.http import ANSWERS, TIMEOUT_S, ask, http_client, refusal
from unbroken.coordination.lease import LeaseAsk
from unbroken.coordination.rate import Window
from unbroken.env import Env
from unbroken.errors import (
    ArchiveUnavailable,
    Conflict,
    Corrupt,
    LeaseLost,
    LimitReached,
    Locked,
)

ANSWER_BYTES_MAX = 64 << 10
TRIES = 2  # of what is done once, however often it is asked
REFUSALS = (*ANSWERS, Conflict, LeaseLost, Locked, LimitReached, Corrupt)


class LeaseSaid(msgspec.Struct, frozen=True):
    """A lease as the service tells of it, as far as it matters here."""

    id: UUID
    fence: int


class RemoteLeases:
    """A `LeaseWire` to the service at `url`. Belongs to one event loop; nothing is opened before
    it is used."""

    def __init__(
        self, url: str, env: Env, *, key: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.url, self._key = url.rstrip("/"), key
        self._env, self._timeout_s = env, timeout_s
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def grant(self, ask: LeaseAsk, *, wait_s: float = 0.0) -> LeaseSaid:
        said = _said(ask) | {"wait_s": wait_s}
        for left in reversed(range(TRIES)):
            try:
                return await self._lease("POST", "/leases", said, wait_s=wait_s)
            except ArchiveUnavailable:
                if not left:
                    raise
        raise AssertionError

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> LeaseSaid:
        return await self._lease("PUT", f"/leases/{lease_id}", {"ttl_s": ttl_us / 1_000_000})

    async def release(self, lease_id: UUID) -> None:
        await self._send("DELETE", f"/leases/{lease_id}")

    async def admit(self, window: Window) -> None:
        said = {"name": window.name, "key": window.key, "limit": window.limit}
        said |= {"per_s": window.per_us / 1_000_000}
        headers = {"idempotency-key": str(self._env.new_id())}
        for left in reversed(range(TRIES)):
            try:
                await self._send("POST", "/limits/admit", said, headers=headers)
            except ArchiveUnavailable:
                if not left:
                    raise
            else:
                return

    async def _lease(
        self, method: str, path: str, said: dict[str, Any], *, wait_s: float = 0.0
    ) -> LeaseSaid:
        found = await self._send(method, path, said, wait_s=wait_s)
        try:
            return msgspec.json.decode(found, type=LeaseSaid)
        except (msgspec.DecodeError, ValueError, RecursionError):  # no UTF-8: ValueError
            raise ArchiveUnavailable(f"{self.url}{path} answers in another form") from None

    async def _send(
        self,
        method: str,
        path: str,
        said: dict[str, Any] | None = None,
        *,
        wait_s: float = 0.0,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        within_s = self._timeout_s + wait_s
        content = b"" if said is None else msgspec.json.encode(said)
        what: dict[str, Any] = {
            "content": content,
            "headers": _JSON | (headers or {}),
            "timeout": within_s,
        }
        bounds: dict[str, Any] = {"within_s": within_s, "bytes_max": ANSWER_BYTES_MAX}
        status, found = await ask(self._http(), method, path, **bounds, **what)
        if status != httpx.codes.OK:
            raise refusal(self.url, status, found, kinds=REFUSALS)
        return found

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = http_client(self.url, key=self._key, timeout_s=self._timeout_s)
        return self._client


def _said(ask: LeaseAsk) -> dict[str, Any]:
    pool, session = ask.pool, ask.session
    return {
        "id": ask.lease_id,
        "kind": pool.kind,
        "name": pool.name,
        "key": pool.key,
        "limit": ask.limit,
        "ttl_s": ask.ttl_us / 1_000_000,
        "owner": ask.owner,
        "session_id": session.session_id if session else None,
        "term": session.term if session else None,
    }


_JSON = {"content-type": "application/json"}
