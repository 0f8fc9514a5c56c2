"""Reading day and number of people out of what a caller said. Unknown is None, never a guess."""

import re
from datetime import date

TEXT_MAX = 300  # characters; nobody says more about a table
PARTY_MAX = 20

_NUMBER_WORDS = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty
"""
_NUMBERS = _NUMBER_WORDS.split()
_N = rf"(\d{{1,9}}|{'|'.join(_NUMBERS)})"
_NOT_A_TIME = r"(?!\s*(?:o'?clock|am\b|pm\b|a\.m|p\.m|:|thirty\b|fifteen\b))"
_PARTY = (
    re.compile(rf"\b{_N}\s+(?:people|persons|person|guests|of us|adults)\b"),
    re.compile(rf"\b(?:for|of|make it|we are)\s+{_N}\b{_NOT_A_TIME}"),
    re.compile(rf"^\W*(?:just )?{_N}\W*(?:please\W*)?$"),
)
_DAY = re.compile(
    r"\b(?:(?:this|next)\s+)?"
    r"(?:mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?"
    r"|today|tonight|tomorrow)\b"
)
_ISO_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")


def day_in(text: str) -> str | None:
    """A day as one says it ("next Friday", "tomorrow") or an ISO date that exists."""
    lowered = _lowered(text)
    if found := _ISO_DAY.search(lowered):
        return _iso(found[0])
    found = _DAY.search(lowered)
    return re.sub(r"\s+", " ", found[0]).rstrip("s").title() if found else None


def party_in(text: str) -> int | None:
    """How many people, as large as it was said: the caller of this judges the size."""
    lowered = _lowered(text)
    for pattern in _PARTY:
        if found := pattern.search(lowered):
            said = found[1]
            return int(said) if said.isdigit() else _NUMBERS.index(said) + 1
    return None


def _iso(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None  # the thirtieth of February


def _lowered(text: str) -> str:
    return text[:TEXT_MAX].lower().replace("\u2019", "'")
