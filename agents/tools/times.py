"""Times of day: read out of what a caller said, and said back. Unknown is None, never a guess."""

import re
from typing import NamedTuple

NOON, DAY_HOURS = 12, 24
LATEST_BARE = 10  # "at ten" without more is in the evening; "at eleven" is before noon

_HOUR_NAMES = """
    one two three four five six seven eight nine ten eleven twelve
"""
_HOURS = _HOUR_NAMES.split()
_MINUTES = {
    "five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty five": 25, "thirty": 30,
    "forty": 40, "forty five": 45, "fifty": 50, "quarter": 15, "a quarter": 15,
}  # fmt: skip
_H = rf"(\d{{1,2}}|{'|'.join(_HOURS)})"
_M = rf"({'|'.join(sorted(_MINUTES, key=len, reverse=True))}|\d{{1,2}})"
_PART = r"(?:\s*(am|pm|in the (?:morning|afternoon|evening)|at night|tonight)\b)?"
_NOT_PEOPLE = r"(?!\s*(?:people|persons|person|guests|of us|adults|kids|children|of december))"
_CLOCK = re.compile(rf"\b(\d{{1,2}}):(\d\d)\b(?:\s*o'clock)?{_PART}")
_HALF = re.compile(rf"\bhalf past {_H}\b(?:\s*o'clock)?{_PART}")
_PAST = re.compile(rf"\b{_M}(?: minutes)? (past|after|to|before) {_H}\b{_NOT_PEOPLE}{_PART}")
_SPOKEN = re.compile(
    rf"\b{_H} (fifteen|thirty|forty five|fifteen|15|30|45|oh five)\b{_NOT_PEOPLE}{_PART}"
)
_HOUR = re.compile(
    rf"\b{_H}\s*(?:o'clock{_PART}|(am|pm|in the (?:morning|afternoon|evening)|at night)\b)"
)
_AT = re.compile(
    rf"\b(?:at|around|about|by|from|time (?:to|is)|@) {_H}\b{_NOT_PEOPLE}(?!\s*:){_PART}"
)
_PACKED = re.compile(rf"\b(?:at )?(\d{{1,2}})([0-5][05])\b(?!-){_NOT_PEOPLE}{_PART}")
_NOON = re.compile(r"\b(noon|midday|mid day)\b")
_AFTERNOON = re.compile(r"\b(pm|afternoon|evening|tonight|night|dinner|supper)\b")
_MORNING = re.compile(r"\b(am|morning|breakfast)\b")


class Found(NamedTuple):
    """A time of day ("19:30"), and the text without it."""

    time: str
    rest: str


def find_time(text: str) -> Found | None:
    """`text` in lower case. Hours without more are taken for a restaurant's: seven is 19:00."""
    for pattern, reader in _READERS:
        found = pattern.search(text)
        if found and (time := reader(found, text)):
            return Found(time, f"{text[: found.start()]} ; {text[found.end() :]}")
    return None


def time_in(text: str) -> str | None:
    found = find_time(text.lower().replace("\u2019", "'"))
    return found.time if found else None


def hour_of(number: int, text: str = "") -> str | None:
    """A bare number as the hour of a table."""
    return _time(number, 0, None, text)


def said(time: str) -> str:
    """ "19:30" as one says it: "7:30 pm"."""
    hour, minute = int(time[:2]), int(time[3:])
    if minute == 0 and hour == NOON:
        return "noon"
    clock = str((hour - 1) % NOON + 1) + (f":{minute:02}" if minute else "")
    return f"{clock} {'am' if hour < NOON else 'pm'}"


def _time(hour: int, minute: int, part: str | None, text: str) -> str | None:
    if hour >= DAY_HOURS or minute >= 60 or (hour == 0 and part):  # noqa: PLR2004 - of a clock
        return None
    if 0 < hour <= NOON:
        hour = hour % NOON + (NOON if _is_late(hour, part, text) else 0)
    return f"{hour:02}:{minute:02}"


def _is_late(hour: int, part: str | None, text: str) -> bool:
    where = part or text
    if _MORNING.search(where):
        return False
    return bool(_AFTERNOON.search(where)) or hour <= LATEST_BARE or hour == NOON


def _hour(word: str) -> int:
    return int(word) if word.isdecimal() else _HOURS.index(word) + 1


def _minute(word: str) -> int:
    return int(word) if word.isdecimal() else _MINUTES.get(word, 5)


def _clock(found: re.Match[str], text: str) -> str | None:
    return _time(int(found[1]), int(found[2]), found[3], text)


def _half(found: re.Match[str], text: str) -> str | None:
    return _time(_hour(found[1]), 30, found[2], text)


def _past(found: re.Match[str], text: str) -> str | None:
    minute, hour = _minute(found[1]), _hour(found[3])
    if found[2] in ("past", "after"):
        return _time(hour, minute, found[4], text)
    before = hour - 1 or NOON
    return _time(before, 60 - minute, found[4], text) if minute else None


def _spoken(found: re.Match[str], text: str) -> str | None:
    return _time(_hour(found[1]), _minute(found[2]), found[3], text)


def _whole(found: re.Match[str], text: str) -> str | None:
    return _time(_hour(found[1]), 0, found[2] or found[3], text)


def _at(found: re.Match[str], text: str) -> str | None:
    return _time(_hour(found[1]), 0, found[2], text)


_READERS = (
    (_CLOCK, _clock), (_HALF, _half), (_PAST, _past), (_SPOKEN, _spoken), (_HOUR, _whole),
    (_AT, _at), (_PACKED, _clock), (_NOON, lambda _found, _text: "12:00"),
)  # fmt: skip
