"""Windows: at most so many of something in any stretch of so many seconds.

Exact, and sliding: each one that is admitted is noted with its number and with when it leaves the
window. The next one is admitted unless the one that is `limit` before it is still inside. So
however the times lie, no stretch of `per_s` seconds has more than `limit`; who is refused has
changed nothing.
"""

from typing import NamedTuple

from unbroken import names
from unbroken.coordination.lease import check_limit, spoken
from unbroken.errors import InvalidInput, LimitReached

RATE = "rate"
PER_S_MIN, PER_S_MAX = 0.001, 86_400.0


class Window(NamedTuple):
    """What is counted together: the same name, key and length. `limit` is who asks's own: of two
    with different ones each is kept to its own."""

    name: str
    key: str
    per_us: int
    limit: int

    @property
    def text(self) -> str:
        """As it is stored, without its limit."""
        return f"{RATE}\n{self.name}\n{self.key}\n{self.per_us}"


def window(name: str, key: str, *, limit: int, per_s: float) -> Window:
    """Raises InvalidInput."""
    names.check_new("the limit", name)
    if key:
        names.check_new("the key", key)
    if not PER_S_MIN <= per_s <= PER_S_MAX:
        raise InvalidInput(f"a window is of {PER_S_MIN:g} to {PER_S_MAX:g} s")
    return Window(name, key, int(per_s * 1_000_000), check_limit(limit))


def full(asked: Window, retry_s: float) -> LimitReached:
    """What is raised for one too many."""
    per_s = asked.per_us / 1_000_000
    said = f"{spoken(asked.name, asked.key)} has had its {asked.limit} in {per_s:g} s"
    return LimitReached(said, retry_s=retry_s)
