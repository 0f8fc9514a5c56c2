"""Refusal: why a command does not go on, in words for the person who typed it."""

import errno


class Refusal(Exception):
    """One sentence for stderr, and the exit code of the process."""

    def __init__(self, sentence: str, *, code: int = 2) -> None:
        super().__init__(sentence)
        self.code = code


def refusal_of(error: OSError, doing: str) -> Refusal:
    """The operating system's refusal to do `doing`."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Refusal(f"{doing} failed: the disk is full.", code=1)
    return Refusal(f"{doing} failed: {error.strerror or error}.", code=1)
