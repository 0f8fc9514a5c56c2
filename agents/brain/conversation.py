"""What a conversation comes to: its newest messages, read in order.

`read` is all the memory that the brain has. The same messages give the same `Known`, in whichever
process; messages before the newest `MESSAGES_MAX` no longer count.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from livekit.agents import llm

from agents.brain import agreement
from agents.brain.router import Match, route
from agents.brain.slots import read as read_slots
from agents.brain.slots import slot_named
from agents.brain.wish import ORDER, Slot, Wish

MESSAGES_MAX = 60
CERTAIN = 0.93  # so clear an intent is no answer to a question, even if it names a day
SLOTS_OF_A_WISH = 2  # "four people, tomorrow at eight" asks for a table without the word

Asked: TypeAlias = Slot | Literal["offer", "note", "change", "go_on", "story", "notes"] | None

_ASKS: tuple[tuple[Asked, str], ...] = (
    ("offer", r"shall i book it\b"),
    ("change", r"what shall i change"),
    ("note", r"what shall i note"),
    ("go_on", r"shall i go on with"),
    ("story", r"shall i tell you a story"),
    ("notes", r"shall i read them"),
    ("day", r"\b(?:which|what) day\b"),
    ("time", r"\bwhat time\b"),
    ("party", r"\bhow many\b"),
    ("name", r"\bwhat name\b"),
)
_OVER = re.compile(r"\b(?:is|nothing is) booked\b", re.IGNORECASE)
_NO_ANSWERS = frozenset({"book", "name_tell"})  # these name a wish's parts themselves


class Act(NamedTuple):
    """What the caller did with their last words."""

    kind: Literal["intent", "wish", "yes", "no", "cancel", "note", "unclear", "too_large"]
    intent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    wish: Wish = field(default_factory=Wish)
    is_open: bool = False  # a table is being arranged
    asked: Asked = None  # what the assistant's newest words ask for
    said: str = ""  # the caller's newest words
    turn: int = 0  # how often the caller has spoken
    assistant: tuple[str, ...] = ()  # what the assistant said, oldest first
    act: Act = field(default_factory=lambda: Act("unclear"))

    @property
    def expected(self) -> Slot | None:
        """Which part of the wish an answer without more gives."""
        named = next((slot for slot in ORDER if slot == self.asked), None)
        return named or (self.wish.missing if self.is_open else None)


def read(context: llm.ChatContext) -> Known:
    messages = [item for item in context.items if item.type == "message"]
    spoken = [m for m in messages if m.role in ("user", "assistant")]
    known = Known(turn=max(0, len(spoken) - MESSAGES_MAX))
    for message in spoken[-MESSAGES_MAX:]:
        text = message.text_content or ""
        known = _heard(known, text) if message.role == "user" else _told(known, text)
    return known


def asked_by(text: str) -> Asked:
    """The last thing that `text` asks for."""
    lowered = text.lower()
    places = [(f.start(), asked) for asked, words in _ASKS for f in re.finditer(words, lowered)]
    return max(places, key=lambda place: place[0])[1] if places else None


def _told(known: Known, text: str) -> Known:
    """After words of the assistant. A booking that was made or given up is over; the name stays."""
    known = replace(known, asked=asked_by(text), assistant=(*known.assistant, text))
    if _OVER.search(text):
        return replace(known, is_open=False, wish=Wish(name=known.wish.name))
    return known


def _heard(known: Known, said: str) -> Known:
    """After words of the caller."""
    known = replace(known, said=said, turn=known.turn + 1)
    match = route(said)
    if known.asked == "note" and not agreement.is_cancel(said) and match.intent != "note":
        return replace(known, act=Act("note"))
    if known.is_open or known.asked in ("offer", "change"):
        return _in_a_booking(known, match)
    return _at_large(known, match)


def _at_large(known: Known, match: Match) -> Known:
    """No table is being arranged."""
    slots = read_slots(known.said)
    named = sum(value is not None for value in vars(slots).values())
    wishes = match.intent is None and named >= SLOTS_OF_A_WISH
    answers = known.expected is not None and not match.is_sure and not slots.is_empty
    if match.intent == "book" or wishes or answers:
        return _wished(replace(known, is_open=True), slots)
    if match.intent == "name_tell" and slots.name:
        known = replace(known, wish=replace(known.wish, name=slots.name))
    if match.intent is None:
        return replace(known, act=_agreement(known.said) or Act("unclear"))
    return replace(known, act=Act("intent", match.intent))


def _in_a_booking(known: Known, match: Match) -> Known:
    slots = read_slots(known.said, known.expected)
    if known.asked == "change" and slots.is_empty and (slot := slot_named(known.said)):
        return replace(known, wish=replace(known.wish, **{slot: None}), act=Act("wish"))
    if _is_elsewhere(match, slots):
        return replace(known, act=Act("intent", match.intent))
    if agreement.is_cancel(known.said):
        return replace(known, act=Act("cancel"))
    if known.wish.changed_by(slots) != known.wish:
        return _wished(known, slots)
    return replace(known, act=_agreement(known.said) or _rest(match, slots))


def _rest(match: Match, slots: Wish) -> Act:
    """What neither changes the wish nor agrees to it."""
    if not slots.is_empty:
        return Act("wish")
    if match.intent not in (None, "book"):
        return Act("intent", match.intent)
    return Act("unclear")


def _wished(known: Known, slots: Wish) -> Known:
    if slots.is_too_large:
        rest = known.wish.changed_by(replace(slots, party=None))
        return replace(known, wish=replace(rest, party=None), act=Act("too_large"))
    return replace(known, wish=known.wish.changed_by(slots), is_open=True, act=Act("wish"))


def _is_elsewhere(match: Match, slots: Wish) -> bool:
    """Whether the caller speaks of something else than the table that is being arranged."""
    if match.intent in _NO_ANSWERS or not match.is_sure or match.intent == "booked_undo":
        return False
    return slots.is_empty or match.score >= CERTAIN


def _agreement(said: str) -> Act | None:
    if agreement.is_yes(said):
        return Act("yes")
    return Act("no") if agreement.is_no(said) else None
