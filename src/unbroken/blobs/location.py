"""Where blobs are kept, as a URL that anybody may read."""

from urllib.parse import SplitResult, urlsplit

SCHEMES = ("s3", "gs", "az")
FORM = "blobs are at s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"


def check(url: str) -> str:
    """The URL, if it is one and holds nothing but a place. Raises ValueError, which does not
    repeat it: credentials that somebody wrote into it are told to nobody."""
    parts = _split(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError(FORM)
    if parts.query or parts.fragment or "@" in parts.netloc or ":" in parts.netloc:
        raise ValueError(f"{FORM}, and nothing else: credentials have variables of their own")
    if ".." in parts.path.split("/") or "//" in parts.path:
        raise ValueError(f"{FORM}; a prefix has no empty part and no '..'")
    return url


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(FORM) from None
