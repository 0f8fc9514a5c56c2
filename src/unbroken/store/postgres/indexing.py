"""What PostgreSQL's text search has of a line, and what it is asked.

Its own parser is not asked: the words are ours, the same as in the other store.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unbroken.store import indexing

LEXEME_BYTES_MAX = 2_046  # of PostgreSQL; of a longer word its beginning is found
SEARCHED = {"user", "assistant"}  # whose lines


def line(role: str, text: str) -> str | None:
    """The vector of a line; None: it is not searched."""
    return _vector(indexing.indexed(text.encode())) if role in SEARCHED else None


def caller(row: Mapping[str, Any]) -> str:
    return _vector(indexing.caller(*_bytes(row["identity"], row["name"], row["attributes"])))


def conversation(row: Mapping[str, Any]) -> str:
    return _vector(indexing.caller(*_bytes(row["user_id"], row["title"], None)))


def matching(terms: Sequence[str]) -> list[str] | None:
    """A query for each term as it stands, the last one as a beginning, too."""
    last = len(terms) - 1
    return [_phrase(term, is_open=n == last) for n, term in enumerate(terms)] or None


def _phrase(term: str, *, is_open: bool) -> str:
    return " <-> ".join(map(_lexeme, term.split(" "))) + (":*" if is_open else "")


def _vector(words: str) -> str:
    return " ".join(f"{_lexeme(word)}:{n}" for n, word in enumerate(words.split(), 1))


def _lexeme(word: str) -> str:
    cut = word.encode()[:LEXEME_BYTES_MAX].decode(errors="ignore")
    return "'" + cut.replace("\\", "\\\\").replace("'", "''") + "'"


def _bytes(*texts: str | None) -> Iterable[bytes | None]:
    return (None if text is None else text.encode() for text in texts)
