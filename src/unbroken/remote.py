"""The service as an archive, over HTTP."""

import ssl
from types import TracebackType
from typing import Self, TypeVar

import httpx
import msgspec
import zstandard

from unbroken.archive import HostAnswer, HostBatch, Taken, TakeRequest, encode
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthorized,
)

COMPRESS_BYTES = 1_024
TIMEOUT_S = 5.0

T = TypeVar("T", bound=msgspec.Struct)


class RemoteArchive:
    """Speaks to the service at `url`. Safe to use from one event loop."""

    def __init__(self, url: str, *, key: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._http = http_client(self.url, key=key, timeout_s=timeout_s)
        self._http.headers["content-type"] = "application/msgpack"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def take(self, request: TakeRequest) -> Taken:
        return await self._post("/sessions/take", request, Taken)

    async def append(self, batch: HostBatch) -> HostAnswer:
        return await self._post("/journal", batch, HostAnswer)

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        await self._send("PUT", f"/blobs/{sha256.hex()}", content)

    async def get_blob(self, sha256: bytes) -> bytes:
        return await self._send("GET", f"/blobs/{sha256.hex()}", b"")

    async def _post(self, path: str, message: msgspec.Struct, answer: type[T]) -> T:
        content = await self._send("POST", path, encode(message))
        try:
            return msgspec.msgpack.decode(content, type=answer)
        except msgspec.DecodeError as error:
            raise ArchiveUnavailable(f"{self.url} answers in another form: {error}") from None

    async def _send(self, method: str, path: str, content: bytes) -> bytes:
        headers = {}
        if len(content) > COMPRESS_BYTES:
            content = zstandard.compress(content)
            headers["content-encoding"] = "zstd"
        try:
            answer = await self._http.request(method, path, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise ArchiveUnavailable(f"{self.url}: {type(error).__name__}") from error
        return _content(self.url, answer)


def _content(url: str, answer: httpx.Response) -> bytes:
    """The body of a good answer; a refusal as one of our errors."""
    if answer.is_success:
        return answer.content
    detail = f"{url} answers {answer.status_code}: {answer.text[:200]}"
    match answer.status_code:
        case 409:
            raise CallTaken(detail)
        case 401 | 403:
            raise Unauthorized(detail)
        case 404:
            raise NotFound(detail)
        case 413:
            raise TooLarge(detail)
        case 400 | 415 | 422:
            raise InvalidInput(detail)
        case _:
            raise ArchiveUnavailable(detail)


def http_client(url: str, *, key: str | None, timeout_s: float) -> httpx.AsyncClient:
    """A client of the service's API at `url`."""
    return httpx.AsyncClient(
        base_url=f"{url}/api/v1",
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=timeout_s,
        trust_env=False,  # no proxy: the service is on loopback or beside us
        # Reading the certificates stops the event loop for 0.1 s: not for a plain address.
        verify=ssl.create_default_context() if url.startswith("https") else False,
    )
