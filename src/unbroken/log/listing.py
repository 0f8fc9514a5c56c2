"""Lists in a text, as they are read out: each item begins with its number, its letter or a bullet.

What looks like a number of a list is one only where the next one follows it: "I have 3." is none.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

ITEM_CHARS_MAX = 300  # a longer item is taken up at one of its sentences
NEAR = 20  # characters in front of a marker that say whether a list may begin there

_HAN = "一二三四五六七八九十"
_LETTERS = "[A-Za-z]|[ivx]{2,4}|[IVX]{2,4}"
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_MARKER = re.compile(
    r"(?P<bullet>[•‣◦▪●]|^[ \t]*[-*+–—](?=\s))(?=(?P<gap>\s*)\S)"  # noqa: RUF001
    rf"|(?<![\w.:,+-])(?P<open>[*_]*\(?)(?:(?P<number>\d{{1,3}})|(?P<letters>{_LETTERS})"
    rf"|(?P<han>[{_HAN}]))(?:、|(?P<close>[.:)])[*_]*(?=\s))(?=(?P<space>\s*)\S)",
    re.MULTILINE,
)
_BEGINS = re.compile(r"[\n.:;,!?\u3002\uff1a\uff1b\uff0c\u2014\u2013-][\s\"'(*_]*\Z")

Style = tuple[str, str, str]


class Marker(NamedTuple):
    """Where an item begins, and where its words do. `values` are the numbers that it may be."""

    begin: int
    words: int
    is_first: bool
    values: Mapping[Style, int]


class ListItem(NamedTuple):
    """`end` is where the next item begins; None of the last one, whose end nothing shows."""

    begin: int
    words: int
    end: int | None


def items(text: str) -> list[ListItem]:
    """All items of all lists, in their order."""
    runs: list[list[Marker]] = []
    going: dict[Style, tuple[int, list[Marker]]] = {}  # what comes next, of each style
    for marker in _markers(text):
        for style, value in marker.values.items():
            due, run = going.get(style, (value, []))
            if run and due == value:
                run.append(marker)
            elif marker.is_first:
                runs.append(run := [marker])
            else:
                continue
            going[style] = value + (style[0] != "bullet"), run
            break
    lists = [run for run in runs if len(run) > 1]
    begins = sorted(marker.begin for run in lists for marker in run)
    next_of = dict(itertools.pairwise(begins))
    found = [
        ListItem(marker.begin, marker.words, next_of[marker.begin] if more else None)
        for run in lists
        for marker, more in zip(run, [*run[1:], None], strict=True)
    ]
    return sorted(found)


def _markers(text: str) -> Iterator[Marker]:
    for match in _MARKER.finditer(text):
        values = dict(_values(match))
        begin, is_bracketed = match.start(), "(" in (match["open"] or "")
        is_behind = bool(_BEGINS.search(text, max(begin - NEAR, 0), begin)) or is_bracketed
        is_first = not text[:begin].strip() or (1 in values.values() and is_behind)
        words = max(match.end("gap"), match.end("space"))
        yield Marker(begin, words, is_first, values)


def _values(match: re.Match[str]) -> Iterator[tuple[Style, int]]:
    if bullet := match["bullet"]:
        yield ("bullet", bullet, ""), 1
        return
    style = match["open"], match["close"] or "、"
    if match["number"]:
        yield ("number", *style), int(match["number"])
    elif match["han"]:
        yield ("han", *style), _HAN.index(match["han"]) + 1
    elif match["close"] != ":":
        letters = match["letters"]
        if letters.lower() in _ROMAN:
            yield (f"roman {letters.islower()}", *style), _ROMAN.index(letters.lower()) + 1
        if len(letters) == 1:
            yield (f"letter {letters.islower()}", *style), ord(letters.lower()) - ord("a") + 1
