"""How many calls there may be at once: in the installation, and of one user.

A call has a place in each pool that is bounded: from when its room is opened, for as long as an
agent may take to come, and from when its first agent has taken it until it is over. A call that
goes on keeps its place, whoever speaks in it, and whatever the limit has become.
"""

from typing import NamedTuple
from uuid import UUID

from unbroken.coordination.lease import Pool
from unbroken.errors import LimitReached

CALL = "call"
INSTALLATION, USER = "installation", "user"
RETRY_S = 30.0  # nobody knows when a call ends: who was refused asks again after this
SAID = {
    INSTALLATION: "All lines are busy at the moment. Please try again in a little while.",
    USER: "There are as many calls under your name as there may be at once. "
    "Please end one of them, or try again in a little while.",
}


class CallLimits(NamedTuple):
    """`installation`, `user`: so many calls at once, None: any number. `open_us`: a room that was
    opened keeps its place for so long without an agent."""

    installation: int | None = None
    user: int | None = None
    open_us: int = 0

    @property
    def is_any(self) -> bool:
        return self.installation is not None or self.user is not None

    def pools(self, user_id: str | None) -> list[tuple[Pool, int]]:
        """Where a call of that user has to have a place, and how many there are."""
        found = []
        if self.installation is not None:
            found.append((Pool(CALL, INSTALLATION), self.installation))
        if self.user is not None and user_id is not None:
            # What is stored of a pool has a line for each part: an old name may hold a line break.
            found.append((Pool(CALL, USER, user_id.replace("\n", " ")), self.user))
        return found


UNLIMITED = CallLimits()


class OpenedRoom(NamedTuple):
    """A room that is about to be opened. `conversation_id` None: a new one begins there; `user_id`
    None: that of the conversation."""

    name: str
    conversation_id: UUID | None = None
    user_id: str | None = None


def full(pool: Pool, retry_s: float) -> LimitReached:
    """What is said to a person for whom there is no place; `retry_s`: until the first of those who
    have one may be gone by itself."""
    said = SAID[pool.name]
    return LimitReached(said, retry_s=min(retry_s, RETRY_S), said=said)
