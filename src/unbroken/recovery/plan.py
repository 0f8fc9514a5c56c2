"""What to do about what was in flight when a holder died: facts, and the plan made from them.

Pure: the facts come from the fold of the log and the last mark. Nothing here speaks.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec

from unbroken.log.cause import ENTRYPOINT_FAILED, LEFT, SERVER_SHUTDOWN
from unbroken.log.entries import Item, ItemPut, ToolEnded, text_of
from unbroken.log.mark import Mark, Speech, left_of
from unbroken.log.said import message
from unbroken.log.segments import ends_sentence, sentence_ends, sentences
from unbroken.log.session import Session
from unbroken.log.tool import Tool
from unbroken.recovery.again import Again, again

CUT_OFF = "Sorry, I was cut off for a moment."
UNSURE = "Sorry, I was cut off. I do not know whether this was done: {tool}. Shall I do it now?"
APOLOGY = "Sorry, there was a problem on my side. Please say that again."
NOT_KNOWN = "This was cut off: whether it was done is not known."  # what the model is told
NOT_HANDED_OVER = "the agent handoff was interrupted and did not happen"  # LiveKit's own words
CUTTING = (LEFT, ENTRYPOINT_FAILED, SERVER_SHUTDOWN)  # LiveKit cuts what is being said
ASIDES = "unbroken.asides"  # the note of what was said in a turn, and is in no item
SAFE_MODE_CRASHES = 2  # from then on one short line instead of what was being said


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What was going on. Texts are what people would have heard or said."""

    cause: str
    gap_s: float
    crashes: int  # in the last two minutes, this one included; an orderly shutdown is none
    agent: str | None
    heard: str = ""  # of the sentence or reply that was cut
    heard_ms: int = 0
    unheard: str = ""  # what was written and not heard, from the beginning of the cut sentence
    rest: str = ""  # the same from the word on
    is_whole: bool = False  # all that was written was heard
    is_aside: bool = False  # it stays out of the chat context
    unanswered: str | None = None  # what the person said last (or ""), if an answer is owed
    partial_user: tuple[str, ...] = ()  # final transcripts that were no item yet
    unknown_tools: tuple[Tool, ...] = ()  # started, outcome not known
    called_again: tuple[Tool, ...] = ()  # of these: with their answer, as they were called
    asides: tuple[str, ...] = ()  # heard to their end in this turn, and out of the chat context

    @property
    def last_sentence(self) -> str:
        """The last whole sentence that was heard."""
        *before, last = sentences(self.heard) or [""]
        return last if ends_sentence(last) else next(reversed(before), "")


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
    unsure = [tool.name for tool in facts.unknown_tools if tool.retry == "ask"]
    if unsure:
        return Bridge(UNSURE.format(tool=", ".join(dict.fromkeys(unsure)).replace("_", " ")))
    if facts.unanswered is not None:
        return Answer()
    if facts.is_whole or not facts.heard:
        return Resume() if facts.unheard else Silent()
    if facts.crashes >= SAFE_MODE_CRASHES:
        return Bridge(CUT_OFF)  # what was being said may be what kills us
    return Resume() if facts.unheard else Bridge(CUT_OFF)


def facts_of(
    session: Session, mark: Mark | None, *, cause: str, gap_s: float, crashes: int
) -> Facts:
    """`mark` is what is still in flight behind the log (see `in_flight`)."""
    speech = (mark.speech if mark else None) or _cut_by(cause, session)
    heard, unheard, rest = split(speech.generated, speech.heard) if speech else ("", "", "")
    partial = mark.transcripts if mark else ()
    rerun = again(session)
    unknown = tuple(_unknown(session, {place.name for place in rerun.places}))
    asides = tuple(asides_of(session))
    has_come_to = bool(heard or asides or _said_in_turn(session) or _has_results(session))
    called_again = tuple(_called_again(session, unknown)) if has_come_to and not partial else ()
    is_open = bool(unknown) or _is_owed(session, mark, speech)
    unanswered = _unanswered(session, partial, is_cut=bool(heard), is_open=is_open)
    return Facts(
        cause=cause,
        gap_s=gap_s,
        crashes=crashes,
        agent=session.agent,
        heard=heard,
        heard_ms=speech.heard_ms if speech else 0,
        unheard=unheard,
        rest=rest,
        is_whole=speech is not None and heard == speech.generated.strip(),
        is_aside=speech is not None and speech.is_aside,
        unanswered=None if rerun.speaks else unanswered,
        partial_user=partial,
        unknown_tools=unknown,
        called_again=() if rerun.places else called_again,
        asides=asides,
    )


def without_own_words(facts: Facts, rerun: Again) -> Facts:
    """Without what an `on_enter` waited for that is run again: it says what is left of that by
    itself, and all of it where nobody has heard any, or its model had not written all."""
    places = (place.spoken for place in rerun.places if place.spoken)
    cut = [spoken for spoken in places if spoken.begun > spoken.over]
    for spoken in cut:
        if facts.partial_user or (facts.heard and not facts.unheard):
            spoken.over, spoken.at = spoken.over + 1, None
        elif facts.heard and facts.unanswered is None:
            spoken.rest = facts.unheard
    if not cut or facts.partial_user:
        return facts
    return msgspec.structs.replace(facts, unanswered=None, heard="", unheard="", rest="")


def _unknown(session: Session, known: Collection[str]) -> Iterator[Tool]:
    """The tools that were running, but for those that are `known` to be gone into again. A tool
    of an earlier turn is one too, until its outcome is in the history, or people know of it."""
    outputs = _outputs(session)
    for tool in session.tools.values():
        is_settled = tool.status is not None or tool.is_told or _final(tool) in outputs
        if not (is_settled or tool.call_id in known):
            yield tool


def _called_again(session: Session, unknown: Iterable[Tool]) -> Iterator[Tool]:
    """The tools of this turn that an answer calls again itself, because something was said before
    or in them, or another one had ended: a model that is asked once more would say that again, or
    speak of the one alone. None, if one of them may not be done again without a question."""
    outputs = _outputs(session)
    tools = [t for t in unknown if t.turn == session.turn and t.call_id not in outputs]
    is_free = all(tool.retry != "ask" and _is_ours(session, tool) for tool in tools)
    yield from tools if is_free else ()


def _has_results(session: Session) -> bool:
    """Whether a tool of this turn has ended."""
    return any(t.turn == session.turn and t.status is not None for t in session.tools.values())


def _said_in_turn(session: Session) -> bool:
    for item_id in reversed(session.order):
        if item_id == session.turn:
            return False
        if session.items[item_id].get("role") == "assistant":
            return True
    return False


def asides_of(session: Session) -> list[str]:
    """The asides that were heard to their end in this turn, the oldest first."""
    noted = session.notes.get(ASIDES)
    if not isinstance(noted, dict) or noted.get("turn") != session.turn:
        return []
    said = noted.get("said")
    return [text for text in said if isinstance(text, str)] if isinstance(said, list) else []


def _is_owed(session: Session, mark: Mark | None, speech: Speech | None) -> bool:
    """Whether what is being said, if anything, is not yet the answer: words before or during a
    tool, or while a model is still thinking."""
    ended = (outcome for tool, _, outcome in _dark(session) if _is_ours(session, tool))
    if any(outcome["reply_required"] for outcome in ended):
        return True
    if speech and speech.goes_on:
        return True
    return mark is not None and mark.is_owed and (speech is None or speech.is_said)


def _outputs(session: Session) -> set[str]:
    """The ids of the calls whose output is in the history. A tool that reports progress has one
    while it runs; its outcome is a call of its own then, see `_final`."""
    items = session.items.values()
    return {i.get("call_id", "") for i in items if i.get("type") == "function_call_output"}


def _final(tool: Tool) -> str:
    return f"{tool.call_id}_final"


def _cut_by(cause: str, session: Session) -> Speech | None:
    """The last words, if it was the holder's leaving that cut them: they are in the log."""
    last = session.placed[session.order[-1]] if session.order else None
    if cause not in CUTTING or last is None or last.generated is None:
        return None
    return Speech(last.agent or "", last.generated, text_of(last.item), last.heard_ms or 0)


def in_flight(session: Session, mark: Mark | None, newer: Iterable[str]) -> Mark | None:
    """The part of the mark that no later item has taken up. `newer` are the ids of the items
    recorded behind the mark."""
    if mark is None:
        return None
    roles = {session.items[i].get("role") for i in newer if i in session.items}
    return left_of(mark, said="assistant" in roles, heard="user" in roles)


def split(generated: str, heard: str) -> tuple[str, str, str]:
    """What was heard, what is left to say from the beginning of the sentence that was cut, and
    what is left from the word on.

    A person who heard a sentence to its end does not want it again.
    """
    heard, generated = heard.strip(), generated.strip()
    if not generated.startswith(heard) or len(heard) >= len(generated):
        return heard, "", ""
    ends = (at for at in sentence_ends(generated) if len(generated[:at].rstrip()) <= len(heard))
    cut_at = max(ends, default=0)
    return heard, generated[cut_at:].strip(), generated[len(heard) :].strip()


def repairs(
    session: Session, mark: Mark | None, facts: Facts, *, new_id: Callable[[], str], now_s: float
) -> Iterator[ItemPut]:
    """The items that were under way, as far as they are known. Apply each before the next."""
    pairs = [*_dark(session), *_not_known(session, facts)]
    if mark and mark.speech and facts.heard and not facts.is_aside:
        written = mark.speech.generated
        said = message(new_id(), "assistant", facts.heard, now_s, interrupted=True)
        yield _put(session, facts.agent, said, heard_ms=facts.heard_ms, generated=written)
    there = {(i.get("type"), i.get("call_id")) for i in session.items.values()}
    for tool, *pair in pairs:
        whose = tool.agent if tool.end and tool.agent else facts.agent
        for part in pair:
            if (part["type"], part["call_id"]) not in there:
                yield _put(session, whose, {**part, "created_at": now_s})
    if facts.partial_user:
        text = " ".join(facts.partial_user)
        yield _put(session, facts.agent, message(new_id(), "user", text, now_s))


def _dark(session: Session) -> Iterator[tuple[Tool, Item, Item]]:
    """Call and outcome of tools that ended before these became items: LiveKit waits until what is
    said before or during them has been played."""
    outputs = _outputs(session)
    for tool in session.tools.values():
        if tool.end and tool.ended_in == session.turn and tool.call_id not in outputs:
            yield tool, *_pair(tool, tool.call_id, tool.end)


def _not_known(session: Session, facts: Facts) -> Iterator[tuple[Tool, Item, Item]]:
    """What the model is told of tools that are not called again by answering the turn again."""
    outputs = _outputs(session)
    for tool in facts.unknown_tools:
        is_of_the_turn = tool.turn == session.turn and not facts.partial_user
        if not is_of_the_turn or tool.call_id in outputs:
            yield tool, *_pair(tool, _final(tool), ToolEnded(tool.call_id, "error", NOT_KNOWN))


def _pair(tool: Tool, call_id: str, end: ToolEnded) -> tuple[Item, Item]:
    """As LiveKit would have made them."""
    output = end.output if end.told is None else end.told
    call = {"type": "function_call", "name": tool.name, "arguments": tool.arguments}
    outcome = {
        "type": "function_call_output",
        "name": tool.name,
        "output": NOT_HANDED_OVER if end.hands_over else output or "",
        "is_error": end.status == "error" or end.hands_over or end.told is not None,
        "reply_required": end.hands_over or (end.reply_required and end.status != "cancelled"),
    }
    return _of_call(call, call_id), _of_call(outcome, call_id)


def _of_call(part: Item, call_id: str) -> Item:
    return {**part, "id": f"{call_id}/{part['type']}", "call_id": call_id}


def _put(session: Session, agent: str | None, item: Item, **more: Any) -> ItemPut:
    """The newest of the history and, as LiveKit would have it, of the agent's own context."""
    after = session.order[-1] if session.order else None
    return ItemPut(item, after=after, agent=agent, is_last=agent is not None, **more)


def _unanswered(
    session: Session, partial: tuple[str, ...], *, is_cut: bool, is_open: bool
) -> str | None:
    """The person's last words, if nothing has answered them yet."""
    if partial:
        return " ".join(partial)
    if is_cut and not is_open:
        return None
    has_begun = is_cut or session.message_count > 0  # else `on_enter` begins again
    for item_id in reversed(session.order):
        item = session.items[item_id]
        if item.get("role") == "assistant" and not is_open:
            return None  # it said something; while a tool runs that is not yet the answer
        is_open = is_open or _wants_an_answer(session, item)
        if item.get("role") == "user":
            needs_none = session.placed[item_id].skip_reply or _was_acted_on(session, item_id)
            return None if needs_none and not is_open else text_of(item)
    return "" if is_open and has_begun else None


def _was_acted_on(session: Session, item_id: str) -> bool:
    """Whether tools were all that came of a person's words: one was called for them, and one of the
    current agent, which may be the one that awaited the caller's answer, has come to its end."""
    done = [tool for tool in session.tools.values() if tool.status == "done"]
    is_called = any(tool.turn == item_id for tool in done)
    return is_called and any(t.ended_in == item_id and t.agent == session.agent for t in done)


def _wants_an_answer(session: Session, item: Item) -> bool:
    """What a tool of the current agent returned is for its model to answer, unless there was
    nothing to say."""
    if item.get("type") != "function_call_output" or not item.get("output"):
        return False
    tool = session.tools.get(item.get("call_id", ""))
    return _is_ours(session, tool) and bool(item.get("reply_required", True))


def _is_ours(session: Session, tool: Tool | None) -> bool:
    return tool is None or tool.agent in (None, session.agent)
