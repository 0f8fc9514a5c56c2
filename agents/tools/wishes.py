"""Reading day, number of people and name out of what a caller said.

Unknown is None, never a guess. Times are read in `times`.
"""

import re
from datetime import date

TEXT_MAX = 300  # characters; nobody says more about a table
PARTY_MAX = 20

_NUMBER_WORDS = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty
"""
_NUMBERS = _NUMBER_WORDS.split()
NUMBERS = {word: number for number, word in enumerate(_NUMBERS, 1)}
_N = rf"(\d{{1,9}}|{'|'.join(_NUMBERS)})"
_NOT_A_TIME = r"(?!\s*(?:o'?clock|am\b|pm\b|a\.m|p\.m|:|thirty\b|fifteen\b|minutes\b))"
_PARTY = (
    re.compile(rf"\b{_N}\s+(?:people|persons|person|guests|of us|adults)\b"),
    re.compile(rf"\b(?:for|of|make it|we are|be|we're)\s+{_N}\b{_NOT_A_TIME}"),
    re.compile(rf"^\W*(?:just )?{_N}\W*(?:please\W*)?$"),
)
_MONTH_NAMES = """
    january february march april may june july august september october november december
"""
_MONTHS = _MONTH_NAMES.split()
_ORDINAL_NAMES = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
    fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first
    twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh
    twenty-eighth twenty-ninth thirtieth thirty-first
"""
_ORDINALS = _ORDINAL_NAMES.split()
_NTH = rf"(\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join(o.replace('-', '[ -]') for o in _ORDINALS[::-1])})"
_MONTH = rf"({'|'.join(_MONTHS)})"
_DATES = (
    re.compile(rf"\b(?P<day>{_NTH})(?: of)? (?P<month>{_MONTH})\b"),
    re.compile(rf"\b(?P<month>{_MONTH})(?: the)? (?P<day>{_NTH})\b"),
)
_DAY = re.compile(
    r"\b(?:the )?day after tomorrow\b|\b(?:(?:this|next)\s+)?"
    r"(?:mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?"
    r"|today|tonight|tomorrow)\b"
)
_ISO_DAY = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")

NAME_WORDS_MAX = 2
_NAMED = re.compile(
    r"\b(?:name of|name(?: is|'s)?|call me|i am called|i'm called|this is|named)"
    r"(?: is)?[\s,:]+(\S+(?: \S+)?)",
    re.IGNORECASE,
)
_NO_NAMES_LIST = """
    a an and any at be book but by can could do for from good have hello here hi how i in is it
    just make me my name no nope not of on okay or please reservation right so sure table tell
    tell thank thanks that the this to today tomorrow tonight under want was what when who will
    with would yeah yes you your well um uh er speaking people person one two three four five
    six seven eight nine ten monday tuesday wednesday thursday friday saturday sunday
"""
_NO_NAMES = frozenset(_NO_NAMES_LIST.split())


def day_in(text: str) -> str | None:
    """A day as one says it ("next Friday", "tomorrow") or an ISO date that exists."""
    lowered = _lowered(text)
    if found := _ISO_DAY.search(lowered):
        return _iso(found[0])
    if date_ := _date_in(lowered):
        return date_
    found = _DAY.search(lowered)
    return re.sub(r"\s+", " ", found[0]).rstrip("s").title() if found else None


def _date_in(lowered: str) -> str | None:
    """ "the fifth of December" as "5 December"."""
    for pattern in _DATES:
        if found := pattern.search(lowered):
            day = _nth(found["day"])
            longest = 29 if found["month"] == "february" else 31
            return f"{day} {found['month'].title()}" if 1 <= day <= longest else None
    return None


def _nth(word: str) -> int:
    if word[0].isdigit():
        return int(re.sub(r"\D", "", word))
    return _ORDINALS.index(word.replace(" ", "-")) + 1


def party_in(text: str) -> int | None:
    """How many people, as large as it was said: the caller of this judges the size."""
    lowered = _lowered(text)
    for pattern in _PARTY:
        if found := pattern.search(lowered):
            said = found[1]
            return int(said) if said.isdigit() else _NUMBERS.index(said) + 1
    return None


def name_in(text: str) -> str | None:
    """Whose name is given with the words for it: "my name is Ann", "name Ann Miller"."""
    found = _NAMED.search(text[:TEXT_MAX].replace("\u2019", "'"))
    return name_from(found[1]) if found else None


def name_from(text: str) -> str | None:
    """The one or two words at the beginning of `text` that can be a name."""
    kept: list[str] = []
    for word in text.split()[:NAME_WORDS_MAX]:
        bare = word.strip(".,;:!?\"'")
        if bare.lower() in _NO_NAMES or not re.fullmatch(r"[^\W\d_][^\W\d_'-]*", bare):
            break
        kept.append(bare if bare != bare.lower() else bare.capitalize())
        if bare != word.rstrip("'\""):
            break  # a comma or a full stop ends it
    return " ".join(kept) or None


def _iso(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None  # the thirtieth of February


def _lowered(text: str) -> str:
    return text[:TEXT_MAX].lower().replace("\u2019", "'")
