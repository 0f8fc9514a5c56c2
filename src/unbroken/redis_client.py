"""A client of the Redis or Valkey that a URL names (`unbroken.redis_url`)."""

from typing import Any, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from unbroken import redis_url
from unbroken.errors import SettingsInvalid
from unbroken.redis_url import RedisUrl

Client: TypeAlias = Any  # a Redis or a RedisCluster: what they declare differs


def client_at(url: str, *, answer_s: float) -> Client:
    """Each step of an answer, and of connecting, may take `answer_s`; nothing is tried again.
    Nothing is reached yet. Raises SettingsInvalid, without the URL: it may hold a password."""
    place = redis_url.parse(url)
    options: dict[str, Any] = {
        "socket_timeout": answer_s,
        "socket_connect_timeout": answer_s,
        "retry": Retry(NoBackoff(), 0),  # whoever is asked again is asked by us
    }
    try:
        if place.kind == "sentinel":
            return _by_sentinels(place, options)
        kind = Redis if place.kind == "one" else RedisCluster
        return kind.from_url(place.plain, **options)
    except (ValueError, TypeError, RedisError) as error:
        raise SettingsInvalid("the Redis URL is none: redis://host:port/0") from error


class MasterClient(Redis):
    """Of the master that sentinels name; they are asked again for each new connection."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _by_sentinels(place: RedisUrl, options: dict[str, Any]) -> Client:
    given: dict[str, Any] = dict(parse_url(place.plain))
    is_tls = given.pop("connection_class", None) is not None
    of_tls = {"ssl": True} if is_tls else {}
    of_tls |= {name: value for name, value in given.items() if name.startswith("ssl_")}
    own = {name.removeprefix("sentinel_"): value for name, value in place.sentinel_options}
    asking: Any = Sentinel  # it declares no types
    asked = asking(place.sentinels, sentinel_kwargs=options | of_tls | own)
    of_master = {k: v for k, v in given.items() if k not in {"host", "port"}}
    return asked.master_for(place.master, redis_class=MasterClient, **options, **of_tls | of_master)
