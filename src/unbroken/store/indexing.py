"""What the search index has of a row.

They get bytes: a row that a disk has changed may be no text, and concerns nobody else.
"""

import json

from unbroken.people import PHONE
from unbroken.store import search


def indexed(text: bytes | None) -> str:
    """The words of a line."""
    return search.indexed((text or b"").decode("utf-8", "replace"))


def caller(name: bytes | None, other: bytes | None, attributes: bytes | None) -> str:
    """The words by which people look for a caller: names, and the number of a telephone."""
    return " ".join(filter(None, map(indexed, (name, other, _phone(attributes)))))


def _phone(attributes: bytes | None) -> bytes:
    try:
        known = json.loads(attributes or b"{}")
    except ValueError:
        return b""
    return str(known.get(PHONE, "")).encode() if isinstance(known, dict) else b""
