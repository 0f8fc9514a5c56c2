"""The keeper's own sign of life: `keeper.beat` in the spool, mapped by the keeper and all agents.

Aligned words as in an ack file. The holder of the keeper's lock writes them; an agent writes only
when it last started a keeper, and holds the start lock for that.
"""

import hashlib

import msgspec

from unbroken.env import Env, SharedWords
from unbroken.journal.spool import Spool
from unbroken.version import __version__

WORDS = 8
_BEAT, _BEAT_AT, _PID, _PID_START, _SETTINGS, _SINCE, _STARTED_AT = range(7)


class KeeperSettings(msgspec.Struct, frozen=True):
    """Where a keeper ships, with which key and version, as one number; 0: nobody asks.

    `since_us`: when the process that wants it so began to, since boot. The latest wins.
    """

    number: int = 0
    since_us: int = 0

    @classmethod
    def of(cls, archive: str, key: str | None, since_us: int) -> "KeeperSettings":
        said = "\0".join((archive.rstrip("/"), key or "", __version__)).encode()
        digest = hashlib.blake2b(said, digest_size=7).digest()
        return cls(int.from_bytes(digest, "big"), since_us)

    def replaces(self, other: "KeeperSettings") -> bool:
        """Whether a keeper with the `other` settings has to make room for one with these."""
        if not self.number or not other.number or self.number == other.number:
            return False
        return (self.since_us, self.number) > (other.since_us, other.number)


class KeeperBeat:
    def __init__(self, words: SharedWords) -> None:
        self._words = words

    @classmethod
    def open(cls, spool: Spool) -> "KeeperBeat":
        """Raises OSError."""
        return cls(spool.env.open_words(f"{spool.folder}/keeper.beat", WORDS))

    def begin(self, env: Env, settings: KeeperSettings) -> None:
        """This process is the keeper now."""
        words, pid = self._words, env.pid()
        words[_PID] = 0  # until all of it is ours
        words[_PID_START] = env.started(pid) or 0
        words[_SETTINGS], words[_SINCE] = settings.number, settings.since_us
        words[_STARTED_AT] = 0
        words[_PID] = pid

    def beat(self, boot_us: int) -> None:
        self._words[_BEAT_AT] = boot_us
        self._words[_BEAT] = self._words[_BEAT] + 1

    def start(self, boot_us: int) -> None:
        """An agent starts a keeper: until it has the lock, no other one shall."""
        self._words[_STARTED_AT] = boot_us

    @property
    def beats(self) -> int:
        return self._words[_BEAT]

    @property
    def process(self) -> tuple[int, int]:
        """The keeper's process: pid and start time; pid 0 if it is not known."""
        return self._words[_PID], self._words[_PID_START]

    @property
    def settings(self) -> KeeperSettings:
        return KeeperSettings(self._words[_SETTINGS], self._words[_SINCE])

    @property
    def started_us(self) -> int:
        """When a keeper was started that has not yet its lock; else 0."""
        return self._words[_STARTED_AT]

    def close(self) -> None:
        self._words.close()
