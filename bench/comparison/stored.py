"""What of a killed agent's call is in the store that its way has, read behind the way's back
where that can be: Redis, the backend's table, and our service over HTTP."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import psycopg
import redis

from bench.comparison.counting import Witness
from bench.comparison.names import NATIVE, REDIS
from bench.comparison.said import name_of
from bench.comparison.servers import Servers

SETTLE_S, LOOK_S = 60, 0.1
PAGE = 1_000
LIVE = "live"
HTTP = httpx.Client(timeout=30, trust_env=False)


def names(servers: Servers, way: str, room: str, seen: Witness) -> set[str]:
    """Of what is stored."""
    if way == REDIS:
        found = _on_redis(servers, room)
    elif way == NATIVE:
        found = _in_backend(servers, room)
    else:
        found = _in_service(servers.ours(way).service.url, str(seen.session))
    return {name_of(said) for said in found}


def settle(servers: Servers, seen: Iterable[tuple[str, Witness]]) -> None:
    """Wait until our services know that each agent is dead: then all that it left is shipped.

    Raises TimeoutError.
    """
    end = time.monotonic() + SETTLE_S
    for way, one in seen:
        if not one.session or not one.said:
            continue
        while _phase(servers.ours(way).service.url, one.session) == LIVE:
            if time.monotonic() > end:
                raise TimeoutError(f"{way}: the end of a dead agent is not told")
            time.sleep(LOOK_S)


def _on_redis(servers: Servers, room: str) -> Iterator[str]:
    with redis.Redis.from_url(servers.redis.url) as client:
        conversation = json.loads(client.get(f"conversation:{room}") or "{}")
    yield from (message["content"] for message in conversation.get("messages", ()))


def _in_backend(servers: Servers, room: str) -> Iterator[str]:
    with psycopg.connect(servers.postgres.url("backend")) as connection:
        rows = connection.execute("select content from messages where room_name = %s", (room,))
        yield from (content for (content,) in rows.fetchall())


def _in_service(url: str, session: str) -> Iterator[str]:
    after: int | None = 0
    while after is not None:
        page = _get(f"{url}/api/v1/sessions/{session}/entries?after={after}&limit={PAGE}")
        for entry in page.get("entries", ()):
            if entry["kind"] == "item":
                yield entry["payload"]["item"]["content"][0]
        after = page.get("next")


def _phase(url: str, session: str) -> str:
    """Live too while the service has not heard of it, or does not answer."""
    return str(_get(f"{url}/api/v1/sessions/{session}").get("phase", LIVE))


def _get(address: str) -> dict[str, Any]:
    """Empty if there is no such thing."""
    answer = HTTP.get(address)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return {}
    answer.raise_for_status()
    return dict(answer.json())
