"""The service as an archive, over HTTP."""

import asyncio
import hashlib
import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx
import msgspec
import zstandard

from unbroken.archive.addresses import Addresses, addresses
from unbroken.archive.port import (
    HostAnswer,
    HostBatch,
    LogPart,
    LogPlace,
    Taken,
    TakeRequest,
    encode,
)
from unbroken.errors import (
    ArchiveUnavailable,
    CallTaken,
    InvalidInput,
    LimitReached,
    NotFound,
    NotFree,
    PeopleUnknown,
    TooLarge,
    Unauthorized,
    UnbrokenError,
)

COMPRESS_BYTES = 1_024
INLINE_BYTES_MAX = 256 << 10  # about a millisecond
TIMEOUT_S = 5.0  # for the whole of a request and its answer, however it drips
BULK = 6  # times as long for a blob, or for the log that a taker is given
ANSWER_BYTES_MAX = 32 << 20  # twice the largest blob: an answer beyond it is none of ours
DETAIL_CHARS = 200
# What a read meets on a connection that was kept and has just been closed at its other end.
DROPPED = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)

# What the archive answers; all else may pass, and decides nothing.
ANSWERS = (
    CallTaken, PeopleUnknown, LimitReached, NotFound, Unauthorized, TooLarge, InvalidInput
)  # fmt: skip
# What the status alone says: proxies, too, ask for a key and bound a body.
BY_STATUS: dict[int, type[UnbrokenError]] = {
    400: InvalidInput,
    401: Unauthorized,
    403: Unauthorized,
    413: TooLarge,
    415: InvalidInput,
    422: InvalidInput,
}

T = TypeVar("T", bound=msgspec.Struct)


class RemoteArchive:
    """Speaks to the service at `url`. Safe to use from one event loop.

    Whatever comes back that is no answer of the service is ArchiveUnavailable: a proxy, or another
    program at that address, must not decide anything.
    """

    def __init__(self, url: str, *, key: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self.url, self.key = url.rstrip("/"), key
        self._timeout_s = timeout_s
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
        return await self._post("/sessions/take", request, Taken, times=BULK)

    async def read_log(self, place: LogPlace) -> LogPart:
        path = f"/sessions/{place.session_id}/log"
        asked = {"holder": place.holder, "after": place.seq, "chain": place.chain.hex()}
        content = await self._send("GET", f"{path}?{urlencode(asked)}", b"")
        return self._decoded(content, LogPart)

    async def append(self, batch: HostBatch) -> HostAnswer:
        return await self._post("/journal", batch, HostAnswer)

    async def put_blob(self, sha256: bytes, content: bytes) -> None:
        blob = f"/blobs/{sha256.hex()}"
        await self._send("PUT", blob, content, times=BULK, expected=httpx.codes.NO_CONTENT)

    async def get_blob(self, sha256: bytes) -> bytes:
        content = await self._send("GET", f"/blobs/{sha256.hex()}", b"", times=BULK)
        if hashlib.sha256(content).digest() != sha256:
            raise ArchiveUnavailable(f"{self.url} answers with another blob")
        return content

    async def _post(
        self, path: str, message: msgspec.Struct, answer: type[T], *, times: int = 1
    ) -> T:
        return self._decoded(await self._send("POST", path, encode(message), times=times), answer)

    def _decoded(self, content: bytes, answer: type[T]) -> T:
        try:
            return msgspec.msgpack.decode(content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ArchiveUnavailable(f"{self.url} answers in another form: {error}") from None

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes,
        *,
        times: int = 1,
        expected: int = httpx.codes.OK,
    ) -> bytes:
        headers = {}
        if len(content) > COMPRESS_BYTES:
            content = await _packed(content)
            headers["content-encoding"] = "zstd"
        within_s = times * self._timeout_s
        status, found = await ask(
            self._http, method, path, within_s=within_s, content=content, headers=headers
        )
        if status == expected:
            return found
        raise refusal(self.url, status, found)


async def _packed(content: bytes) -> bytes:
    """Of much in a thread, so that the loop goes on."""
    if len(content) <= INLINE_BYTES_MAX:
        return zstandard.compress(content)
    return await asyncio.to_thread(zstandard.compress, content)


async def ask(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    within_s: float,
    bytes_max: int = ANSWER_BYTES_MAX,
    **what: Any,
) -> tuple[int, bytes]:
    """Status and body of the whole answer; a GET whose connection breaks is sent once more, within
    the same time. Raises ArchiveUnavailable, and nothing else."""
    url = http.base_url
    try:
        async with asyncio.timeout(within_s):
            try:
                return await _whole(http, method, path, bytes_max, what)
            except DROPPED:
                if method != "GET":
                    raise
                return await _whole(http, method, path, bytes_max, what)
    except TimeoutError:
        raise ArchiveUnavailable(f"{url}: no whole answer in time") from None
    except Exception as error:  # httpx lets through what it does not know of HTTP's oddities
        raise ArchiveUnavailable(f"{url}: {type(error).__name__}") from error


async def _whole(
    http: httpx.AsyncClient, method: str, path: str, bytes_max: int, what: dict[str, Any]
) -> tuple[int, bytes]:
    async with http.stream(method, path, **what) as answer:
        return answer.status_code, await _body(answer, bytes_max)


class ProblemIn(msgspec.Struct, frozen=True):
    """The body of a refusal of ours, as far as it matters here (RFC 9457)."""

    code: str | None = None
    detail: str | None = None
    session_id: UUID | None = None
    is_over: bool = False
    retry_s: float = 0.0


async def _body(answer: httpx.Response, bytes_max: int) -> bytes:
    found = bytearray()
    async for part in answer.aiter_bytes():
        found += part
        if len(found) > bytes_max:
            raise ArchiveUnavailable("an answer without end")
    return bytes(found)


def refusal(
    url: str, status: int, body: bytes, *, kinds: Iterable[type[UnbrokenError]] = ANSWERS
) -> UnbrokenError:
    """Which of `kinds` an answer of that status is, by our code in it or, for some, by its status
    alone; else ArchiveUnavailable."""
    problem = problem_of(body)
    said = problem.detail or body[:DETAIL_CHARS].decode(errors="replace")
    detail = f"{url} answers {status}: {said}"
    ours = (kind for kind in kinds if (kind.code, kind.status) == (problem.code, status))
    kind = next(ours, BY_STATUS.get(status, ArchiveUnavailable))
    if kind is CallTaken:
        return CallTaken(detail, session_id=problem.session_id, is_over=problem.is_over)
    if kind is LimitReached:
        return LimitReached(detail, retry_s=problem.retry_s, said=problem.detail or "")
    if issubclass(kind, NotFree):
        return kind(detail, retry_s=problem.retry_s)
    return kind(detail)


def part(name: str) -> str:
    """`name` as one part of a path; "." and ".." are names, too."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")


def problem_of(body: bytes) -> ProblemIn:
    try:
        return msgspec.json.decode(body, type=ProblemIn)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ProblemIn()


def http_client(url: str, *, key: str | None, timeout_s: float) -> httpx.AsyncClient:
    """A client of the service's API at `url`, or at the first of its addresses that answers."""
    first, *others = named = addresses(url)
    # Reading the certificates stops the event loop for 0.1 s: not for plain addresses.
    verify = ssl.create_default_context() if "https:" in url else False
    return httpx.AsyncClient(
        base_url=f"{first}/api/v1",
        headers={"authorization": f"Bearer {key}"} if key else {},
        timeout=timeout_s,
        trust_env=False,  # no proxy: the service is on loopback or beside us
        transport=Addresses(named, verify=verify) if others else None,
        verify=verify,
    )
