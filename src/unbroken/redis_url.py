"""How a Redis or Valkey is named: one server, a cluster, or the one that sentinels name.

    redis://HOST:PORT/DB                         unix://PATH
    redis-cluster://HOST:PORT                    any node of a cluster
    redis+sentinel://HOST:PORT,HOST:PORT/NAME/DB the master of that name, also after a failover

`rediss` in place of `redis` is TLS. In front of the host USER:PASSWORD@ or :PASSWORD@. Sentinels
that ask for a password of their own: ?sentinel_password=…, with ?sentinel_username=… No driver is
needed to read it.
"""

from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from unbroken.errors import SettingsInvalid

SCHEMES = ("redis", "rediss", "unix")
CLUSTER, SENTINEL = "-cluster", "+sentinel"
SENTINEL_PORT = 26_379
SENTINEL_OWN = ("sentinel_username", "sentinel_password")


class RedisUrl(NamedTuple):
    """`plain`: as redis-py reads it; for `sentinel` its host is the first of the sentinels."""

    kind: Literal["one", "cluster", "sentinel"]
    plain: str
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""
    sentinel_options: tuple[tuple[str, str], ...] = ()


def parse(url: str) -> RedisUrl:
    """Raises SettingsInvalid, without the URL: it may hold a password."""
    scheme, colon, rest = url.partition(":")
    try:
        if colon and scheme.endswith(SENTINEL):
            return _by_sentinels(scheme.removesuffix(SENTINEL), rest)
        plain = scheme.removesuffix(CLUSTER)
        _check_scheme(plain)
        _ = urlsplit(url).port
    except ValueError:
        raise SettingsInvalid("the Redis URL is none: redis://host:port/0") from None
    return RedisUrl("one" if plain == scheme else "cluster", f"{plain}:{rest}")


def _check_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise ValueError(scheme)


def _by_sentinels(scheme: str, rest: str) -> RedisUrl:
    """Raises ValueError."""
    _check_scheme(scheme)
    parts = urlsplit(f"{scheme}:{rest}")
    user, at, hosts = parts.netloc.rpartition("@")
    master, _, db = parts.path.strip("/").partition("/")
    found = tuple(map(_host, hosts.split(",")))
    if not master:
        raise ValueError("no master is named")
    options = parse_qsl(parts.query)
    own = tuple((k, v) for k, v in options if k in SENTINEL_OWN)
    query = urlencode([(k, v) for k, v in options if k not in SENTINEL_OWN])
    plain = f"{scheme}://{user}{at}{hosts.split(',')[0]}/{int(db or 0)}"
    plain += f"?{query}" if query else ""
    return RedisUrl("sentinel", plain, found, master, own)


def _host(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a sentinel has no host")
    return parts.hostname, parts.port or SENTINEL_PORT
