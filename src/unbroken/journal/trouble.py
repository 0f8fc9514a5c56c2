"""What degrades an agent, as a number for its ack file and as words for people."""

import errno
from enum import IntEnum


class Trouble(IntEnum):
    """For ever: an older keeper may read the number of a newer agent."""

    NONE = 0
    FULL = 1
    READ_ONLY = 2
    DISK_FAILED = 3
    UNSYNCED = 4
    NO_FILES = 5
    FORBIDDEN = 6
    LOST = 7


_WORDS = {
    Trouble.FULL: "the disk is full: entries wait in memory",
    Trouble.READ_ONLY: "the disk is read-only: entries wait in memory",
    Trouble.DISK_FAILED: "the disk fails: entries wait in memory",
    Trouble.UNSYNCED: "an fsync failed: entries do not survive a power loss",
    Trouble.NO_FILES: "no more files or threads can be opened",
    Trouble.FORBIDDEN: "the spool may not be written",
    Trouble.LOST: "entries were lost",
}
_OF_ERRNO = {
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.FULL,
    errno.EROFS: Trouble.READ_ONLY,
    errno.EMFILE: Trouble.NO_FILES,
    errno.ENFILE: Trouble.NO_FILES,
    errno.EAGAIN: Trouble.NO_FILES,
    errno.EACCES: Trouble.FORBIDDEN,
    errno.EPERM: Trouble.FORBIDDEN,
}


def describe(code: int) -> str | None:
    """The words for `code`; None: all is well."""
    if code == Trouble.NONE:
        return None
    return _WORDS.get(code) or f"trouble {code}, which this version does not know"  # type: ignore[call-overload]


def words_of(unwritable: OSError | None, unsyncable: OSError | None) -> str | None:
    """Of a journal with these errors; None: it has none."""
    if unwritable:
        return f"journal: {unwritable.strerror or unwritable}"
    return "journal: fsync failed" if unsyncable else None


def code_of(unwritable: OSError | None, unsyncable: OSError | None) -> Trouble:
    """The same as a code."""
    if unwritable:
        return _OF_ERRNO.get(unwritable.errno or 0, Trouble.DISK_FAILED)
    return Trouble.UNSYNCED if unsyncable else Trouble.NONE
