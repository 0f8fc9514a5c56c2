"""Finding what was said: a question's terms, and the part of a line that has them.

A term is what stands between two spaces of the question. It is found where the same words follow
each other, in the sense of `words`: case, accents and punctuation do not count, and in scripts
without spaces any run of characters is found. The last term may be the beginning of a word. A
telephone number is one term, however it is grouped.
"""

import re
import unicodedata
from collections.abc import Sequence

import msgspec

from unbroken.log.words import words

TERMS_MAX = 16  # of one question; further ones are not looked for
INDEXED_CHARS_MAX = 32 << 10  # of one line: what it says beyond is not found
BEFORE, LENGTH = 60, 200  # characters of an excerpt: in front of what was found, and in all
_NUMBER = re.compile(r"[+\d][\d\s()/.\-]*\Z")
_DIGITS_MIN = 4  # shorter ones are numbers like others
_CHUNK = re.compile(r"\S+")


class Piece(msgspec.Struct, frozen=True):
    """A part of an excerpt; `is_match`: it is what was asked for."""

    text: str
    is_match: bool


def indexed(text: str) -> str:
    """The words of a line, with a space between any two: what an index has of it."""
    found = words(text[:INDEXED_CHARS_MAX])
    return " ".join(filter(None, (found.bare, " ".join(found.pictures))))


def terms_of(question: str) -> list[str]:
    """Each as `indexed` would write it; none for a question without words."""
    if _NUMBER.match(question.strip()):
        digits = "".join(filter(str.isdecimal, question))
        if len(digits) >= _DIGITS_MIN:
            return [digits]
    found = (indexed(chunk) for chunk in question.split())
    return list(dict.fromkeys(filter(None, found)))[:TERMS_MAX]


def excerpt(text: str, terms: Sequence[str]) -> tuple[Piece, ...]:
    """The part of `text` around the first of `terms` that stands in it."""
    wanted = [_folded(term) for term in terms]
    chunks = [(m.start(), m.end(), _is_match(m.group(), wanted)) for m in _CHUNK.finditer(text)]
    first = next((start for start, _, is_match in chunks if is_match), 0)
    begin = 0 if first <= BEFORE else text.rfind(" ", 0, first - BEFORE) + 1 or first - BEFORE
    end = min(len(text), begin + LENGTH)
    pieces, at = [_mark(begin)], begin
    for start, stop, is_match in chunks:
        if is_match and begin <= start < end:
            pieces += [Piece(text[at:start], False), Piece(text[start : min(stop, end)], True)]
            at = min(stop, end)
    pieces += [Piece(text[at:end], False), _mark(len(text) - end)]
    return tuple(piece for piece in pieces if piece.text)


def _mark(left_out: int) -> Piece:
    return Piece("…" if left_out else "", False)


def _is_match(chunk: str, wanted: list[str]) -> bool:
    """Whether a term begins with a word of it, or, as the beginning of one, may be meant."""
    said = f" {_folded(indexed(chunk))}"
    if not said[1:]:
        return False
    return any(f" {term}" in said or f"{term} ".startswith(f"{said[1:]} ") for term in wanted)


def _folded(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
