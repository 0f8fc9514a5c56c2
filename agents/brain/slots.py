"""What of a wish for a table is in an utterance: day, time, number of people, name.

`expected` is what was asked for: then a bare "seven" or "Ann" is its answer, and words that only
sound like numbers count as such.
"""

import itertools
import re

from rapidfuzz import fuzz

from agents.brain.wish import Slot, Wish
from agents.brain.words import plain
from agents.tools.times import find_time, hour_of
from agents.tools.wishes import NUMBERS, PARTY_MAX, day_in, name_from, name_in, party_in

DAY_ALIKE = 80  # of 100
NUMBER_ALIKE = 84
HEARD_WORDS_MAX = 4
_DAY_NAMES = """
    monday tuesday wednesday thursday friday saturday sunday today tonight tomorrow
"""
_DAYS = _DAY_NAMES.split()
_PEOPLE = r"(?:people|persons|person|guests|of us|adults|in total|altogether|heads|pax)"
_SOUNDS = {
    "to": "two", "too": "two", "tu": "two", "for": "four", "fore": "four", "ate": "eight",
    "won": "one", "tree": "three", "free": "three", "sex": "six", "sicks": "six", "fife": "five",
    "tan": "ten", "fi": "five", "nein": "nine", "sevin": "seven", "ay": "eight", "fir": "four",
    "hate": "eight", "sick": "six", "night": "nine", "fort": "four", "foe": "four",
}  # fmt: skip
_SOUND = "|".join(sorted(_SOUNDS, key=len, reverse=True))
_SOUNDS_LIKE_PARTY = (
    re.compile(rf"\b(?:table|party|reservation) (?:for|of|fore|four) ({_SOUND})\b"),
    re.compile(rf"\b(?:for|of|fore|be|are) ({_SOUND})(?= *(?:$|;|please\b|{_PEOPLE}\b))"),
    re.compile(rf"\b({_SOUND})(?= {_PEOPLE}\b)"),
)
_SUM = re.compile(
    r"\b(\w+) (?:adults?|people|grown ups) (?:and|plus|with) (\w+) (?:kids?|child|children|bab\w+)"
)
_WORDED = (
    (re.compile(r"\b(?:just|only) (?:me|myself|for me)\b|\bby myself\b|\bme alone\b|\balone\b"), 1),
    (re.compile(r"\bme and my (?:wife|husband|girlfriend|boyfriend|friend|partner|mother|father|"
                r"sister|brother|son|daughter)\b|\bmy (?:wife|husband|partner) and (?:i|me)\b|"
                r"\b(?:the|both) two of us\b|\ba couple\b|\bboth of us\b"), 2),
    (re.compile(r"\bhalf a dozen\b"), 6),
    (re.compile(r"\ba dozen\b"), 12),
)  # fmt: skip
_DENIED = re.compile(r"\bnot (?:for |at |on |a table for )?(\w+(?: past \w+| o'clock| pm)?)")
_FILLERS = re.compile(
    r"\b(?:please|thanks|thank you|um|uh|er|oh|well|yes|yeah|okay|ok|just|about|around|it is|"
    r"that is|it will be|we will be|we are|there will be|make it|let us say|say|i think|maybe|at|"
    r"for|on|no|sorry|i mean|actually|rather|instead|would be|will be|fine|good|great|"
    r"in the evening|people)\b"
)
_NAME_LEADS = re.compile(
    r"^\W*(?:(?:um|uh|er|well|oh|yes|yeah|okay|sure|it's|it is|it is for|that's|that is|that would "
    r"be|make it|put it|put|on|under|i'm|i am|just|for|the|its|say|please|mister|mr|mrs|ms|"
    r"missus|no|sorry|in|use|take|book it|under the name of)\b\W*)+",
    re.IGNORECASE,
)
_SLOT_WORDS: dict[str, Slot] = {
    "day": "day", "date": "day", "time": "time", "hour": "time", "people": "party",
    "number": "party", "party": "party", "guests": "party", "persons": "party", "name": "name",
}  # fmt: skip
_TOO_MANY = re.compile(
    r"\b(?:thirty|forty|fifty|sixty|seventy|eighty|ninety|a hundred|one hundred|hundred|"
    r"a thousand|twenty (?:one|two|three|four|five|six|seven|eight|nine))"
    r"(?: \w+)? (?:people|guests|persons)\b"
)
_HEARD_NUMBERS = {
    1: ("one", "won", "at one", "i want", "at one oclock", "i want a clock"),
    2: ("two", "at two", "at to", "too"), 3: ("three", "tree", "at three"),
    4: ("four", "at four", "at for", "for"), 5: ("five", "at five", "fife"),
    6: ("six", "at six", "sicks", "at sicks"), 7: ("seven", "at seven", "sevin"),
    8: ("eight", "at eight", "ate", "at ate", "adate", "ive ate", "ait", "a date"),
    9: ("nine", "at nine", "nein"), 10: ("ten", "at ten", "tan", "attend"),
    11: ("eleven", "at eleven"), 12: ("twelve", "at twelve"),
}  # fmt: skip
_SPELLING_SLIPS = {
    "and": "Ann",
    "an": "Ann",
    "in": "Ann",
    "am": "Ann",
    "en": "Ann",
    "pizza": "Peter",
    "bop": "Bob",
    "mary's": "Mary",
}


def read(said: str, expected: Slot | None = None) -> Wish:
    """What `said` names; None where it does not."""
    text = _without_denied(plain(said))
    found = find_time(text)
    time, rest = (found.time, found.rest) if found else (None, text)
    day = _day(rest)
    party = _party(rest, expected)
    if time is None and expected == "time" and party is not None and _is_bare(rest):
        time, party = hour_of(party, text), None
    return Wish(day=day, time=time, party=party, name=_name(said, expected, day or time or party))


def slot_named(said: str) -> Slot | None:
    """Which part of a wish `said` speaks of, without giving it: "the time"."""
    words = plain(said).split()
    return next((slot for word, slot in _SLOT_WORDS.items() if word in words), None)


def _without_denied(text: str) -> str:
    """ "not four, five" speaks of five."""
    kept = _DENIED.sub(
        lambda m: " ; " if m[1].split()[0] in {*NUMBERS, *_DAYS} or m[1][0].isdigit() else m[0],
        text,
    )
    return kept if kept.strip(" ;no") else text


def _day(text: str) -> str | None:
    if found := day_in(text):
        return found
    words = text.split()
    for heard in [*words, *map("".join, itertools.pairwise(words))]:
        for day in _DAYS:
            if len(heard) >= len("monday") and fuzz.ratio(heard, day) >= DAY_ALIKE:
                return day.title()
    return None


def _party(text: str, expected: Slot | None) -> int | None:
    if found := _SUM.search(text):
        counts = [_number(found[1]), _number(found[2])]
        if None not in counts:
            return sum(count for count in counts if count)
    if _TOO_MANY.search(text):
        return PARTY_MAX + 1
    for pattern, number in _WORDED:
        if pattern.search(text):
            return number
    if (party := party_in(_spoken_numbers(text))) is not None:
        return party
    return _bare(text) if expected in ("party", "time") else None


def _spoken_numbers(text: str) -> str:
    """`text` with numbers where words only sound like them."""
    for pattern in _SOUNDS_LIKE_PARTY:
        text = pattern.sub(lambda m: m[0][: m.start(1) - m.start()] + _SOUNDS[m[1]], text)
    return text


def _bare(text: str) -> int | None:
    """The one number in an answer, also one that is only heard as words like it."""
    if (number := next((n for w in text.split() if (n := _number(w)) is not None), None)) is None:
        left = _FILLERS.sub(" ", text).split() or text.split()
        number = _number(_SOUNDS.get(left[0], "")) if len(left) == 1 else None
    return number or _sounding_like(text)


def _sounding_like(text: str) -> int | None:
    """The number that a short answer sounds most like."""
    joined = re.sub(r"\W", "", text)
    if not joined or len(text.split()) > HEARD_WORDS_MAX:
        return None
    alike = {
        number: max(fuzz.ratio(joined, spoken.replace(" ", "")) for spoken in ways)
        for number, ways in _HEARD_NUMBERS.items()
    }
    best = max(alike, key=lambda number: alike[number])
    return best if alike[best] >= NUMBER_ALIKE else None


def _number(word: str) -> int | None:
    return int(word) if word.isdecimal() and len(word) <= len("999") else NUMBERS.get(word)


def _is_bare(text: str) -> bool:
    left = _FILLERS.sub(" ", text).replace(";", " ").split()
    return len(left) <= 2 or _sounding_like(text) is not None  # noqa: PLR2004 - "add eight" is heard for "at eight"


def _name(said: str, expected: Slot | None, other: object) -> str | None:
    if named := name_in(plain_name(said)):
        return _SPELLING_SLIPS.get(named.lower(), named)
    if expected != "name" or other:
        return None
    if slip := _SPELLING_SLIPS.get(said.lower().strip(" .,!?")):
        return slip
    bare = _NAME_LEADS.sub("", said).strip()
    words = bare.split()
    return name_from(bare) if len(words) <= len("four") else None


def plain_name(said: str) -> str:
    """ "My name's Ann." and what is heard instead of it, with the name as it was heard."""
    text = re.sub(
        r"\b(my)\s+(?:aim|mane|mame|named|games?|main|nay?m)\b",
        r"\1 name",
        said,
        flags=re.IGNORECASE,
    )
    return re.sub(r"\bname(?:s|'s|\u2019s| his| as| it's)\s", "name is ", text, flags=re.IGNORECASE)
