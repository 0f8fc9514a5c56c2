"""Traffic to this machine goes past every proxy.

LiveKit's native library sends even ws://127.0.0.1 through HTTP_PROXY, whatever NO_PROXY says. So
where LiveKit runs on this machine, the proxy variables are taken away, and the one client that
may need the proxy, the language model's, is told of it by UNBROKEN_LLM_PROXY.
"""

from collections.abc import Mapping, MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit

LLM_PROXY = "UNBROKEN_LLM_PROXY"
OWN_HOSTS = ("127.0.0.1", "localhost", "::1")
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def exempt(environ: MutableMapping[str, str]) -> None:
    """Make `environ` so that no client in this process or its children asks a proxy for us."""
    for name in ("NO_PROXY", "no_proxy"):
        named = [host for host in environ.get(name, "").split(",") if host]
        environ[name] = ",".join(dict.fromkeys([*named, *OWN_HOSTS]))
    if is_loopback(environ.get("LIVEKIT_URL", "")):
        if proxy := _first(environ):
            environ.setdefault(LLM_PROXY, proxy)
        for name in PROXIES:
            environ.pop(name, None)


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine; False for what is no URL."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy on the way to `url`: none on the loopback, otherwise what the environment says."""
    return None if is_loopback(url) else environ.get(LLM_PROXY) or _first(environ)


def _first(environ: Mapping[str, str]) -> str | None:
    return next((environ[name] for name in PROXIES if environ.get(name)), None)
