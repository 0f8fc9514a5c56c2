"""Traffic to this machine goes past every proxy."""

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit

OWN_HOSTS = ("127.0.0.1", "localhost", "::1")


def exempt(environ: MutableMapping[str, str]) -> None:
    """Name our own hosts in NO_PROXY, in both spellings, beside what stands there."""
    for name in ("NO_PROXY", "no_proxy"):
        named = [host for host in environ.get(name, "").split(",") if host]
        environ[name] = ",".join(dict.fromkeys([*named, *OWN_HOSTS]))


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine; False for what is no URL."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy on the way to `url`: none on the loopback, otherwise what the environment says."""
    if is_loopback(url):
        return None
    return environ.get("HTTPS_PROXY") or environ.get("HTTP_PROXY")
