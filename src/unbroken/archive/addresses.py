"""A service that has several addresses: its replicas, where no balancer stands before them.

UNBROKEN_ARCHIVE may name them with commas between. Each process stays with one address until a
request there fails, and then goes to the next: for a client it is one service.
"""

import ssl
from collections.abc import Sequence

import httpx

from unbroken.errors import SettingsInvalid

AWAY = (502, 503, 504)  # it is there, and what it needs is not; another one may have it
SCHEMES = ("http", "https")
PORT_MAX = 65_535
CONNECT_S = 1.0  # a host that does not answer at all costs one such wait, and not the whole request


def addresses(url: str) -> tuple[str, ...]:
    """At least one, without a slash at its end, in the order in which they are named."""
    named = (part.strip().rstrip("/") for part in url.split(","))
    return tuple(dict.fromkeys(part for part in named if part)) or (url,)


def plain(url: str) -> str:
    """The same words for all who name the same addresses in the same order."""
    return ",".join(addresses(url))


def checked(url: str) -> str:
    """`url`. Raises SettingsInvalid if there can be no service at one of its addresses."""
    for address in addresses(url):
        if not _may_be(address):
            raise SettingsInvalid(
                f"there is no service at {address!r}: its URL begins with http:// or https://"
            )
    return url


def _may_be(address: str) -> bool:
    try:
        found = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        return False
    return found.scheme in SCHEMES and bool(found.host) and (found.port or 0) <= PORT_MAX


class Addresses(httpx.AsyncBaseTransport):
    """Sends to one of several addresses what is meant for the first of them.

    A request that reached nobody goes to the next address at once. One that got no answer is not
    sent again here, for it may have been done: who asks again asks the next address. So does who
    was told that the service cannot answer now.
    """

    def __init__(self, named: Sequence[str], *, verify: ssl.SSLContext | bool) -> None:
        self._places = [httpx.URL(name) for name in named]
        self._at = 0
        self._sending = httpx.AsyncHTTPTransport(verify=verify)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for _ in self._places[1:]:
            try:
                return await self._send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send(request)

    async def aclose(self) -> None:
        await self._sending.aclose()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        at = self._at
        try:
            answer = await self._sending.handle_async_request(self._meant_for(at, request))
        except BaseException:  # also who waits no longer: the next one asks elsewhere
            self._leave(at)
            raise
        if answer.status_code in AWAY:
            self._leave(at)
        return answer

    def _leave(self, at: int) -> None:
        """Of many that failed there one moves on."""
        if self._at == at:
            self._at = (at + 1) % len(self._places)

    def _meant_for(self, at: int, request: httpx.Request) -> httpx.Request:
        place, first = self._places[at], self._places[0].raw_path.rstrip(b"/")
        path = place.raw_path.rstrip(b"/") + request.url.raw_path.removeprefix(first)
        timeout = request.extensions.get("timeout", {})
        soon = {"connect": min(CONNECT_S, timeout.get("connect") or CONNECT_S)}
        return httpx.Request(
            request.method,
            place.copy_with(raw_path=path),
            headers=[*_without_host(request), (b"host", place.netloc)],
            stream=request.stream,
            extensions=request.extensions | {"timeout": timeout | soon},
        )


def _without_host(request: httpx.Request) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
