"""What to do about what was in flight when a holder died: facts, and the plan made from them.

Pure: the facts come from the fold of the log and the last mark. Nothing here speaks.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from unbroken.again import again
from unbroken.cause import ENTRYPOINT_FAILED, LEFT, SERVER_SHUTDOWN
from unbroken.entries import ContextChanged, Item, ItemPut, text_of
from unbroken.mark import Mark, Speech
from unbroken.session import Session, Tool

CUT_OFF = "Sorry, I was cut off for a moment."
UNSURE = "Sorry, I was cut off. I do not know whether this was done: {tool}. Shall I do it now?"
APOLOGY = "Sorry, there was a problem on my side. Please say that again."
CUTTING = (LEFT, ENTRYPOINT_FAILED, SERVER_SHUTDOWN)  # LiveKit cuts what is being said
SAFE_MODE_CRASHES = 2  # from then on one short line instead of what was being said


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was going on. Texts are what people would have heard or said."""

    cause: str
    gap_s: float
    crashes: int  # in the last two minutes, this one included
    agent: str | None
    heard: str = ""  # of the sentence or reply that was cut
    heard_ms: int = 0
    unheard: str = ""  # what was written and not heard, from the beginning of the cut sentence
    rest: str = ""  # the same from the word on
    unanswered: str | None = None  # what the person said last, if nothing has answered it
    partial_user: tuple[str, ...] = ()  # final transcripts that were no item yet
    unknown_tools: tuple[Tool, ...] = ()  # started, outcome not known

    @property
    def last_sentence(self) -> str:
        """The last whole sentence that was heard."""
        return next(reversed(_sentences(self.heard)), "")


class Silent(msgspec.Struct, frozen=True):
    """Say nothing, listen."""


class Answer(msgspec.Struct, frozen=True):
    """Let the model answer what the person said last."""


class Resume(msgspec.Struct, frozen=True):
    """Say what was not heard, from the beginning of the cut sentence or from the word."""

    from_sentence: bool = True


class Repeat(msgspec.Struct, frozen=True):
    """Say the whole reply again."""


class Bridge(msgspec.Struct, frozen=True):
    """Say one line."""

    text: str


class AskAgain(msgspec.Struct, frozen=True):
    """Ask the person to say it again."""

    text: str = APOLOGY


class Custom(msgspec.Struct, frozen=True):
    """Whatever the application does."""

    run: Callable[[], Awaitable[None]]


Plan: TypeAlias = Silent | Answer | Resume | Repeat | Bridge | AskAgain | Custom


def default_plan(facts: Facts) -> Plan:
    """One short line built from state, and silence when nothing was in flight."""
    unsure = [tool for tool in facts.unknown_tools if tool.retry == "ask"]
    if unsure:
        return Bridge(UNSURE.format(tool=unsure[0].name.replace("_", " ")))
    if facts.crashes >= SAFE_MODE_CRASHES and facts.heard:
        return Bridge(CUT_OFF)  # what was being said may be what kills us
    if facts.unanswered is not None:
        return Answer()
    if facts.unheard:
        return Resume()
    if facts.heard:
        return Bridge(CUT_OFF)
    return Silent()


def facts_of(
    session: Session, mark: Mark | None, *, cause: str, gap_s: float, crashes: int
) -> Facts:
    """`mark` is what is still in flight behind the log (see `in_flight`)."""
    speech = (mark.speech if mark else None) or _cut_by(cause, session)
    heard, unheard, rest = split(speech.generated, speech.heard) if speech else ("", "", "")
    partial = mark.transcripts if mark else ()
    rerun = again(session)
    known = {place.name for place in rerun.places}  # what they await is gone into again
    unknown = tuple(
        tool
        for tool in session.tools.values()
        if tool.status is None and tool.call_id not in known and _is_under_way(session, tool)
    )
    unanswered = _unanswered(session, partial, is_cut=bool(heard), is_unknown=bool(unknown))
    return Facts(
        cause=cause,
        gap_s=gap_s,
        crashes=crashes,
        agent=session.agent,
        heard=heard,
        heard_ms=speech.heard_ms if speech else 0,
        unheard=unheard,
        rest=rest,
        unanswered=None if rerun.speaks else unanswered,
        partial_user=partial,
        unknown_tools=unknown,
    )


def _is_under_way(session: Session, tool: Tool) -> bool:
    places = session.awaiting.places.values()
    return tool.turn == session.turn or any(place.name == tool.call_id for place in places)


def _cut_by(cause: str, session: Session) -> Speech | None:
    """The last words, if it was the holder's leaving that cut them: they are in the log."""
    last = session.placed[session.order[-1]] if session.order else None
    if cause not in CUTTING or last is None or last.generated is None:
        return None
    return Speech(last.agent or "", last.generated, text_of(last.item), last.heard_ms or 0)


def in_flight(session: Session, mark: Mark | None, newer: Iterable[str]) -> Mark | None:
    """The part of the mark that no later item has taken up.

    `newer` are the ids of the items recorded behind the mark: an assistant item voids what was
    being spoken, a person's item the transcripts.
    """
    if mark is None:
        return None
    roles = {session.items[i].get("role") for i in newer if i in session.items}
    return Mark(
        speech=None if "assistant" in roles else mark.speech,
        transcripts=() if "user" in roles else mark.transcripts,
    )


def split(generated: str, heard: str) -> tuple[str, str, str]:
    """What was heard, what is left to say from the beginning of the sentence that was cut, and
    what is left from the word on.

    A person who heard a sentence to its end does not want it again.
    """
    heard, generated = heard.strip(), generated.strip()
    if not generated.startswith(heard) or len(heard) >= len(generated):
        return heard, "", ""
    starts = (match.end() for match in _SENTENCE_END.finditer(generated))
    cut_at = max((at for at in starts if at <= len(heard) + 1), default=0)
    return heard, generated[cut_at:].strip(), generated[len(heard) :].strip()


def repairs(
    session: Session, mark: Mark | None, facts: Facts, *, new_id: Callable[[], str], now_s: float
) -> Iterator[ItemPut | ContextChanged]:
    """The items that were under way, as far as they are known. Apply each before the next."""
    for tool in session.tools.values():
        if tool.status in ("done", "error") and tool.ended_in == session.turn:
            yield from _missing(session, tool, facts.agent, now_s)
    if mark and mark.speech and facts.heard:
        written = mark.speech.generated
        said = _message(new_id(), "assistant", facts.heard, now_s, interrupted=True)
        yield from _put(session, facts.agent, said, heard_ms=facts.heard_ms, generated=written)
    if facts.partial_user:
        text = " ".join(facts.partial_user)
        yield from _put(session, facts.agent, _message(new_id(), "user", text, now_s))


def _missing(
    session: Session, tool: Tool, agent: str | None, now_s: float
) -> Iterator[ItemPut | ContextChanged]:
    """Call and outcome of a tool that ended just before they became items."""
    there = {i.get("type") for i in session.items.values() if i.get("call_id") == tool.call_id}
    call = {"type": "function_call", "name": tool.name, "arguments": tool.arguments}
    outcome = {
        "type": "function_call_output",
        "name": tool.name,
        "output": tool.output or "",
        "is_error": tool.status == "error",
    }
    for part in (part for part in (call, outcome) if part["type"] not in there):
        same = {
            "id": f"{tool.call_id}/{part['type']}",
            "call_id": tool.call_id,
            "created_at": now_s,
        }
        yield from _put(session, tool.agent or agent, {**part, **same})


def _put(
    session: Session, agent: str | None, item: Item, **more: Any
) -> Iterator[ItemPut | ContextChanged]:
    """The newest of the history and, as LiveKit would have it, of the agent's own context."""
    after = session.order[-1] if session.order else None
    yield ItemPut(item, after=after, agent=agent, **more)
    context = session.contexts.get(agent) if agent else None
    if context is None or context.ids[-1] == item["id"]:
        return
    keep = context.ids.index(item["id"])
    behind = [context.own.get(other) or other for other in context.ids[keep + 1 :]]
    yield ContextChanged(str(agent), keep=keep, then=(*behind, item["id"]))


def _message(
    item_id: str, role: str, text: str, created_at: float, *, interrupted: bool = False
) -> Item:
    return {
        "id": item_id,
        "type": "message",
        "role": role,
        "content": [text],
        "interrupted": interrupted,
        "created_at": created_at,
        "extra": {},
        "metrics": {},
    }


def _unanswered(
    session: Session, partial: tuple[str, ...], *, is_cut: bool, is_unknown: bool
) -> str | None:
    """The person's last words, if nothing has answered them yet."""
    if partial:
        return " ".join(partial)
    if is_cut:
        return None
    for item_id in reversed(session.order):
        item = session.items[item_id]
        if item.get("role") == "assistant" and not is_unknown:
            return None  # it said something; with a tool under way that was not yet the answer
        is_unknown = is_unknown or _wants_an_answer(session, item)
        if item.get("role") == "user":
            return text_of(item)
    return None


def _wants_an_answer(session: Session, item: Item) -> bool:
    """What a tool of the current agent returned is for its model to answer, unless there was
    nothing to say."""
    if item.get("type") != "function_call_output" or not item.get("output"):
        return False
    tool = session.tools.get(item.get("call_id", ""))
    is_ours = tool is None or tool.agent in (None, session.agent)
    return is_ours and bool(item.get("reply_required", True))


_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]]*\s+")


def _sentences(text: str) -> list[str]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text + " ")]
    return [text[a:b].strip() for a, b in zip([0, *ends], ends, strict=False)]
