"""The answer to the caller's newest words: something to say, or a tool to call."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from agents.brain import replies, stories
from agents.brain.conversation import Known
from agents.brain.replies import pick
from agents.brain.router import without_lead
from agents.tools.table import SIZE, table
from agents.tools.times import said as clock


class Reply(NamedTuple):
    """Words, then perhaps a tool."""

    text: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] = {}


def answer(known: Known, tools: frozenset[str], now: datetime) -> Reply:
    """`tools` are those that can be called now: at the bookings desk there are others."""
    reply = _ANSWERS[known.act.kind](known, tools, now)
    if reply.tool is not None and reply.tool not in tools:
        return Reply(pick(replies.REPLIES["unclear"], known.turn))
    return reply


# A table.


def _wish(known: Known, tools: frozenset[str], _now: datetime) -> Reply:
    if known.wish.missing is None and "confirm_booking" in tools:
        return Reply(tool="change_booking", arguments={"request": known.wish.request()})
    if known.wish.missing is None:
        said = pick(replies.HAND_OVER, known.turn)
        return Reply(said, "book_table", {"request": known.wish.request()})
    first = f"{pick(replies.GLADLY, known.turn)} " if known.asked is None else ""
    return Reply(first + question(known))


def question(known: Known) -> str:
    """Asks for the part of the wish that is missing."""
    missing = known.wish.missing
    return pick(replies.QUESTIONS[missing], known.turn) if missing else ""


def reminder(known: Known, tools: frozenset[str]) -> str:
    """After something else: what is still open about a table, "" if nothing is."""
    if not known.is_open:
        return ""
    if known.wish.missing:
        asked = question(known)
        return f"And for your table: {asked[0].lower()}{asked[1:]}"
    if "confirm_booking" not in tools:
        return replies.GO_ON_WITH_TABLE
    return f"And your table, {table_of(known)}: shall I book it?"


def table_of(known: Known) -> str:
    wish = known.wish
    said = table(wish.party or 0, wish.day or "", time=wish.time, name=wish.name)
    return said.removeprefix("A table ")


def _too_large(_known: Known, _tools: frozenset[str], _now: datetime) -> Reply:
    return Reply(SIZE)


def _yes(known: Known, tools: frozenset[str], now: datetime) -> Reply:
    match known.asked:
        case "story":
            return _story(known, tools, now)
        case "notes":
            return Reply(tool="read_notes")
        case "change":
            return Reply(replies.CHANGE_WHAT)
    if "confirm_booking" in tools:
        return Reply(tool="confirm_booking")
    if known.is_open:
        return (
            _wish(known, tools, now) if known.wish.missing is None else _unclear(known, tools, now)
        )
    return Reply(pick(replies.REPLIES["yes"], known.turn))


def _no(known: Known, tools: frozenset[str], now: datetime) -> Reply:
    if known.asked in ("go_on", "change"):
        return _cancel(known, tools, now)
    if (known.is_open and known.wish.missing is None) or "confirm_booking" in tools:
        return Reply(replies.CHANGE_WHAT)
    return _unclear(known, tools, now) if known.is_open else Reply(_pick("no", known))


def _cancel(_known: Known, tools: frozenset[str], _now: datetime) -> Reply:
    if "cancel_booking" in tools:
        return Reply(tool="cancel_booking")
    return Reply(replies.NOTHING_BOOKED)


def _unclear(known: Known, tools: frozenset[str], _now: datetime) -> Reply:
    if known.is_open and known.wish.missing:
        return Reply(f"{pick(replies.UNHEARD, known.turn)} {question(known)}")
    if "confirm_booking" in tools and known.is_open:
        return Reply(replies.PLEASE_AGREE)
    if known.is_open:
        return Reply(f"{pick(replies.UNHEARD, known.turn)} {replies.GO_ON_WITH_TABLE}")
    return Reply(_pick("unclear", known))


# Notes, names, and what was booked.


def _note(known: Known, _tools: frozenset[str], _now: datetime) -> Reply:
    """The caller's words are the note, without those that only introduce it."""
    text = without_lead(known.said, "note").strip(" ,:;-")
    text = re.sub(r"^that\s+", "", text, flags=re.IGNORECASE)
    text = f"{text[:1].upper()}{text[1:]}" if any(c.isalnum() for c in text) else ""
    return Reply(tool="keep_note", arguments={"note": text}) if text else _ask_for_note(known)


def _ask_for_note(known: Known) -> Reply:
    return Reply(_pick("note_what", known))


def _name_tell(known: Known, tools: frozenset[str], now: datetime) -> Reply:
    if known.wish.name is None:
        return _unclear(known, tools, now)
    return Reply(tool="call_by_name", arguments={"name": known.wish.name})


# Stories.


def _story(known: Known, _tools: frozenset[str], _now: datetime) -> Reply:
    return Reply(stories.next_story(known.assistant))


def _go_on(known: Known, tools: frozenset[str], now: datetime) -> Reply:
    if known.asked in ("offer", "go_on"):
        return _yes(known, tools, now)
    match stories.rest(known.assistant):
        case None:
            return Reply(_pick("go_on_nothing", known))
        case "":
            return Reply(_pick("story_over", known))
        case rest:
            return Reply(f"{replies.WHERE_WAS_I} {rest}")


def _stop(known: Known, _tools: frozenset[str], _now: datetime) -> Reply:
    return Reply(_pick("stop" if stories.rest(known.assistant[-1:]) else "quiet", known))


# The rest.


def _time(_known: Known, _tools: frozenset[str], now: datetime) -> Reply:
    return Reply(f"It is {clock(f'{now:%H:%M}')}.")


def _date(_known: Known, _tools: frozenset[str], now: datetime) -> Reply:
    return Reply(f"Today is {now:%A}, {now:%B} {now.day}.")


def _again(known: Known, _tools: frozenset[str], _now: datetime) -> Reply:
    return Reply(known.assistant[-1] if known.assistant else _pick("again_nothing", known))


def _pick(intent: str, known: Known) -> str:
    return pick(replies.REPLIES[intent], known.turn)


def _calls(tool: str) -> "_Answer":
    return lambda _known, _tools, _now: Reply(tool=tool)


_Answer = Callable[[Known, frozenset[str], datetime], Reply]
_INTENTS: Mapping[str, _Answer] = {
    "note": _note,
    "notes_read": _calls("read_notes"),
    "booked_ask": _calls("tell_booked"),
    "name_tell": _name_tell,
    "name_ask": _calls("tell_name"),
    "story": _story,
    "story_other": _story,
    "go_on": _go_on,
    "stop": _stop,
    "time": _time,
    "date": _date,
    "again": _again,
}
# After these the open table is not mentioned: they are about it, or want no more words.
_ALONE = frozenset({"again", "go_on", "goodbye"})


def _intent(known: Known, tools: frozenset[str], now: datetime) -> Reply:
    intent = known.act.intent or ""
    if intent in _INTENTS:
        reply = _INTENTS[intent](known, tools, now)
    else:
        reply = Reply(_pick(intent, known))
    if reply.tool or intent in _ALONE or not (open_ := reminder(known, tools)):
        return reply
    return Reply(f"{reply.text} {open_}")


_ANSWERS: Mapping[str, _Answer] = {
    "intent": _intent,
    "wish": _wish,
    "too_large": _too_large,
    "yes": _yes,
    "no": _no,
    "cancel": _cancel,
    "note": _note,
    "unclear": _unclear,
}
