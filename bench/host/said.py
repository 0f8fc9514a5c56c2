"""What the holders of an attack record: every entry can be told from its number alone, so that a
checker needs to be told nothing else."""

import hashlib
import json
import random
from functools import lru_cache
from typing import Any

from unbroken.log.entries import Noted

LARGE_EACH, LARGE_AT = 41, 4  # the 4th, the 45th and so on are too large for an entry
LARGE_CHARS = 40_000


@lru_cache(maxsize=256)
def text(seed: int, n: int) -> str:
    chance = random.Random(f"{seed}:{n}")  # noqa: S311 - no secret
    if n % LARGE_EACH == LARGE_AT:
        return chance.choice("abcdef") * LARGE_CHARS
    return chance.choice("ghijkl") * chance.randrange(chance.choice((50, 500, 3_000)))


def entry(seed: int, n: int) -> Noted:
    """The n-th entry of a holder with this seed."""
    return Noted("n", [n, text(seed, n)])


def is_entry(payload: bytes, seed: int, n: int) -> bool:
    """Whether a payload of the log is the n-th entry, as it was said."""
    try:
        number, found = json.loads(payload)["data"]
    except (ValueError, KeyError, TypeError):
        return False
    return number == n and found in (text(seed, n), reference(text(seed, n).encode()))


def blob_of(payload: bytes) -> str | None:
    """The hash of the blob that an entry refers to."""
    found: Any = json.loads(payload)["data"][1]
    return found["$blob"] if isinstance(found, dict) else None


def reference(content: bytes) -> dict[str, object]:
    """What stands in the log in place of a large part."""
    return {"$blob": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
