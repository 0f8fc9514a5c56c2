"""What is known of an owner's state: changes, each with the version that it made.

An owner has one revision, which grows with each change. The version of a value is the revision of
the change that made it: one number says how new a value is, where a watcher stands, and what a
compare-and-set expects. It begins at the time of the owner's first change, in microseconds since
1970, so that an owner that was erased and is there again repeats no number.
"""

from typing import NamedTuple

import msgspec

from unbroken.errors import Corrupt
from unbroken.log.plain import JSON

NO_VERSION = 0  # of what is not there

KEYS_MAX = 10_000  # of an owner
OWNER_BYTES_MAX = 64 << 20  # of all its values: each process that watches it has them in memory
# How many changes of an owner are kept at least, and how much of them: who watches and was away
# for longer is given all values anew.
CHANGES_MIN, CHANGES_BYTES_MIN = 10_000, 8 << 20
CHANGES_MAX, CHANGES_BYTES_MAX = 12_500, 10 << 20  # then they are cut back to these


class StateChange(NamedTuple):
    """What a key is from `version` on. `content` is JSON; None: it was deleted, or, if it is not
    whole, what is kept is not what was stored."""

    key: str
    version: int
    content: bytes | None
    at_us: int
    is_whole: bool = True

    @property
    def value(self) -> JSON:
        """As Python has it; None for what was deleted. Raises Corrupt."""
        if not self.is_whole:
            raise Corrupt(f"what was kept under {self.key} is damaged")
        return None if self.content is None else msgspec.json.decode(self.content)

    @property
    def is_deleted(self) -> bool:
        return self.content is None and self.is_whole

    @property
    def size_bytes(self) -> int:
        return size_bytes(self.key, self.content)


class StatePage(NamedTuple):
    """Values of an owner in the order of their keys; more follow behind the key `next`."""

    values: list[StateChange]
    revision: int  # of the owner, when they were read; 0: it has no state
    next: str | None


class StateChanges(NamedTuple):
    """What came behind a revision, in order. `is_known` False: some of it is no longer there."""

    changes: list[StateChange]
    revision: int
    is_known: bool = True


def beyond(scope: str) -> str:
    """What is said at a bound."""
    return f"the state of a {scope} has at most {KEYS_MAX} keys and {OWNER_BYTES_MAX >> 20} MiB"


def size_bytes(key: str, content: bytes | None) -> int:
    """What a value counts for in the bounds of its owner."""
    return len(key.encode()) + len(content or b"")
