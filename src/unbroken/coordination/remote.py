"""A service that shared state, locks and limits are asked of, over HTTP."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import httpx
import msgspec

from unbroken.archive.http import TIMEOUT_S, ask, http_client, refusal
from unbroken.env import Env
from unbroken.errors import ArchiveUnavailable, UnbrokenError

JSON = {"content-type": "application/json"}

T = TypeVar("T")


class Remote:
    """The service at `url`. Belongs to one event loop; nothing is opened before it is used."""

    kinds: Iterable[type[UnbrokenError]] = ()  # what the service may answer besides
    answer_bytes_max = 0

    def __init__(
        self, url: str, env: Env, *, key: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.url, self._key = url.rstrip("/"), key
        self._env, self._timeout_s = env, timeout_s
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _send(self, method: str, path: str, *, wait_s: float = 0.0, **what: Any) -> bytes:
        """The body of the answer; else raises one of `kinds`, or ArchiveUnavailable. `wait_s`: so
        much longer may the service take."""
        within_s = self._timeout_s + wait_s
        bounds: dict[str, Any] = {"within_s": within_s, "bytes_max": self.answer_bytes_max}
        status, body = await ask(self._http(), method, path, timeout=within_s, **bounds, **what)
        if status != httpx.codes.OK:
            raise self._refusal(status, body)
        return body

    def _refusal(self, status: int, body: bytes) -> UnbrokenError:
        return refusal(self.url, status, body, kinds=self.kinds)

    def _decoded(self, path: str, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, ValueError, RecursionError):  # no UTF-8: ValueError
            raise ArchiveUnavailable(f"{self.url}{path} answers in another form") from None

    def _once(self) -> dict[str, str]:
        """A header: a request that has it is done once, however often it is sent."""
        return {"idempotency-key": str(self._env.new_id())}

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = http_client(self.url, key=self._key, timeout_s=self._timeout_s)
        return self._client


async def twice(send: Callable[[], Awaitable[T]]) -> T:
    """Asked again if there was no answer: for what is done once, however often it is asked."""
    try:
        return await send()
    except ArchiveUnavailable:
        return await send()
