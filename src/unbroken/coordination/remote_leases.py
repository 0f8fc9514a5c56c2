"""Locks, slots and windows of a service, over HTTP."""

from typing import Any
from uuid import UUID

import msgspec

from unbroken.archive.http import ANSWERS
from unbroken.coordination.lease import LeaseAsk
from unbroken.coordination.rate import Window
from unbroken.coordination.remote import JSON, Remote, twice
from unbroken.errors import Conflict, Corrupt, LeaseLost, Locked


class LeaseSaid(msgspec.Struct, frozen=True):
    """A lease as the service tells of it, as far as it matters here."""

    id: UUID
    fence: int


class RemoteLeases(Remote):
    """A `LeaseWire` to a service."""

    kinds = (*ANSWERS, Conflict, LeaseLost, Locked, Corrupt)
    answer_bytes_max = 64 << 10

    async def grant(self, ask: LeaseAsk, *, wait_s: float = 0.0) -> LeaseSaid:
        said = _said(ask) | {"wait_s": wait_s}
        return await twice(lambda: self._lease("POST", "/leases", said, wait_s=wait_s))

    async def renew(self, lease_id: UUID, *, ttl_us: int) -> LeaseSaid:
        return await self._lease("PUT", f"/leases/{lease_id}", {"ttl_s": ttl_us / 1_000_000})

    async def release(self, lease_id: UUID) -> None:
        await self._send("DELETE", f"/leases/{lease_id}")

    async def admit(self, window: Window) -> None:
        said = {"name": window.name, "key": window.key, "limit": window.limit}
        content = msgspec.json.encode(said | {"per_s": window.per_us / 1_000_000})
        headers = JSON | self._once()
        await twice(lambda: self._send("POST", "/limits/admit", content=content, headers=headers))

    async def _lease(
        self, method: str, path: str, said: dict[str, Any], *, wait_s: float = 0.0
    ) -> LeaseSaid:
        content = msgspec.json.encode(said)
        found = await self._send(method, path, wait_s=wait_s, content=content, headers=JSON)
        return self._decoded(path, found, LeaseSaid)


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
