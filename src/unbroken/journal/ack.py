"""The ack file: what an agent and its keeper tell each other without a system call.

256 bytes, mapped by both sides: aligned 64-bit words, each with one writer. The agent writes
the first eight, the keeper the others. It works on a full disk, too: its page is there from birth.
"""

from uuid import UUID

from unbroken.env import SharedWords

WORDS = 32

FENCED = 1  # somebody else owns the session: stop speaking, leave
DEGRADED = 4  # the archive has not answered for a while
ENDED = 8

_BEAT, _BEAT_AT, _WANTED, _READY, _APPENDED, _TROUBLE, _HUNG_UP = range(7)
_ACKED, _TERM, _CONFIRMED_AT, _FLAGS, _UNUSED, _BASE, _SESSION_HIGH, _SESSION_LOW = range(8, 16)
_LOST, _LOST_RING = 16, range(17, 31)  # how many entries were lost, and the n of the last of them
_LOW = (1 << 64) - 1
_TAKEN_BACK = 1 << 63  # in the word of a hang-up


class Ack:
    """Times are microseconds since boot (CLOCK_BOOTTIME): both sides are on one host."""

    def __init__(self, words: SharedWords) -> None:
        self._words = words

    # The agent's side.

    def beat(self, boot_us: int) -> None:
        self._words[_BEAT_AT] = boot_us
        self._words[_BEAT] = self._words[_BEAT] + 1

    def ready(self) -> None:
        """The start is over: from here on a missing beat means something."""
        self._words[_READY] = 1

    def want(self, n: int) -> None:
        """Somebody waits until entry `n` is stored: ship at once."""
        self._words[_WANTED] = max(n, self._words[_WANTED])

    def append(self, n: int) -> None:
        """Entry `n` was recorded; if it is in no file when we are gone, the keeper names it."""
        self._words[_APPENDED] = n

    def tell(self, trouble: int) -> None:
        """What makes us degraded: see `trouble`; 0 when all is well."""
        self._words[_TROUBLE] = trouble

    def hang_up(self, n: int) -> None:
        """Entry `n` says that the call is over. Behind a slow or full disk that entry still waits
        when we are killed: then the keeper writes it."""
        self._words[_HUNG_UP] = n

    def take_back(self, n: int) -> None:
        """Entry `n` says that it goes on after all. Likewise."""
        self._words[_HUNG_UP] = n | _TAKEN_BACK

    # The keeper's side.

    def confirm(self, *, acked: int, term: int, boot_us: int) -> None:
        """All up to entry `acked` is stored, and the archive named our term just now."""
        self._words[_ACKED] = acked
        self._words[_TERM] = term
        self._words[_CONFIRMED_AT] = boot_us

    def bind(self, session_id: UUID, *, base: int) -> None:
        """The session of a provisional start became known."""
        self._words[_BASE] = base
        self._words[_SESSION_LOW] = session_id.int & _LOW
        self._words[_SESSION_HIGH] = session_id.int >> 64

    def flag(self, flags: int) -> None:
        self._words[_FLAGS] = flags

    def lose(self, n: int) -> None:
        """Entry `n` is not in the log as it was written, and never will be. Said before anything
        behind it is confirmed."""
        count = self._words[_LOST]
        self._words[_LOST_RING[count % len(_LOST_RING)]] = n
        self._words[_LOST] = count + 1

    # Both read.

    @property
    def beats(self) -> tuple[int, int]:
        return self._words[_BEAT], self._words[_BEAT_AT]

    @property
    def is_ready(self) -> bool:
        return bool(self._words[_READY])

    @property
    def wanted(self) -> int:
        return self._words[_WANTED]

    @property
    def appended(self) -> int:
        return self._words[_APPENDED]

    @property
    def hung_up(self) -> int:
        """0 if the call goes on."""
        word = self._words[_HUNG_UP]
        return 0 if word & _TAKEN_BACK else word

    @property
    def taken_back(self) -> int:
        """0 if no hang-up was taken back."""
        word = self._words[_HUNG_UP]
        return word & ~_TAKEN_BACK if word & _TAKEN_BACK else 0

    @property
    def trouble(self) -> int:
        return self._words[_TROUBLE]

    @property
    def lost_count(self) -> int:
        return self._words[_LOST]

    def lost_since(self, count: int) -> list[int] | None:
        """The n of the entries lost since there were `count`; None if they are too many to tell."""
        found = self._words[_LOST]
        if found - count > len(_LOST_RING):
            return None
        return [self._words[_LOST_RING[k % len(_LOST_RING)]] for k in range(count, found)]

    @property
    def acked(self) -> int:
        return self._words[_ACKED]

    @property
    def term(self) -> int:
        return self._words[_TERM]

    @property
    def confirmed_us(self) -> int:
        return self._words[_CONFIRMED_AT]

    @property
    def flags(self) -> int:
        return self._words[_FLAGS]

    @property
    def base(self) -> int:
        return self._words[_BASE]

    @property
    def session_id(self) -> UUID | None:
        """None until it is known."""
        high = self._words[_SESSION_HIGH]
        return UUID(int=high << 64 | self._words[_SESSION_LOW]) if high else None

    def close(self) -> None:
        self._words.close()
