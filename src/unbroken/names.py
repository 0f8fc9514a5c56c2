"""What a name may be: of a room, its sid, a role, an identity, an agent, a user.

The one rule for agent, keeper, service and store, so that no name is refused only when it has
been written down. LiveKit's own bound is 256 characters for rooms and identities, and it takes
any character; the rule here leaves room for servers that are set up otherwise.
"""

import hashlib
import re
import unicodedata

from unbroken.errors import InvalidInput

CHARS_MAX = 512
NEW_CHARS_MAX = 256  # LiveKit's default for rooms and identities
_IMPOSSIBLE = re.compile("[\0\ud800-\udfff]")  # what no text column and no UTF-8 can say
_MARK_CHARS = 16


def check(what: str, name: str, *, may_be_empty: bool = False) -> str:
    """`name`, as it is. Raises InvalidInput with `what` it was to name, and why it cannot."""
    if not name and not may_be_empty:
        raise InvalidInput(f"{what} is empty")
    if len(name) > CHARS_MAX:
        raise InvalidInput(f"{what} is longer than {CHARS_MAX} characters")
    return check_text(what, name)


def check_text(what: str, text: str) -> str:
    """`text`, as it is. Raises InvalidInput for what no column of text can hold."""
    if _IMPOSSIBLE.search(text):
        raise InvalidInput(f"{what} holds NUL or a lone surrogate")
    return text


def check_new(what: str, name: str) -> str:
    """As `check`, for a name that is given now: as LiveKit takes it, and fit to be read."""
    check(what, name)
    if len(name) > NEW_CHARS_MAX:
        raise InvalidInput(f"{what} is longer than {NEW_CHARS_MAX} characters")
    if any(unicodedata.category(char) == "Cc" for char in name):
        raise InvalidInput(f"{what} holds control characters")
    return name


def fit(name: str) -> str:
    """The nearest name that may be: `name` itself if it may, else with a mark at its end that
    keeps two names two. An empty one stays empty."""
    said = _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", name)
    if said == name and len(name) <= CHARS_MAX:
        return name
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_CHARS]
    return f"{said[: CHARS_MAX - _MARK_CHARS - 1]}~{mark}"
