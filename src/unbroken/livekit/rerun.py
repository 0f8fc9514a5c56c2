"""A place that is run again: the results that it is given, and what it does not say again."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatChunk, ChoiceDelta, FunctionToolCall
from livekit.agents.utils import is_given

from unbroken.livekit import fragile
from unbroken.log.awaiting import Place, Task
from unbroken.log.entries import Item, text_of
from unbroken.log.session import Session
from unbroken.log.tool import Tool


class Known(Protocol):
    """Of code that is run again."""

    def was_said(self, what: object) -> bool:
        """Whether a speech that it begins now was heard before. `what` is its text, or None where
        a model makes it."""


WHILE_RUN: ContextVar[tuple[Known, ...]] = ContextVar("unbroken_rerun", default=())


class Rerun:
    """One place, until it has been given all that is recorded of it.

    What its code says before that was said before, all of it once the task that it comes to had
    been entered: LiveKit lets nobody enter before what is said has been heard. Else a text counts
    that is in the history. Of a place whose last task had ended, what it said behind that is left
    out as well: as many speeches as there are.
    """

    def __init__(self, place: Place, session: Session) -> None:
        self.place = place
        self.arrived: Callable[[], None] = lambda: None  # at what nobody has recorded
        self._left = deque(place.tasks)
        running = place.running
        self._all_was_said = running is None or running.begun_at is not None
        self._texts = _said(session, None)
        self._said_behind = 0 if running else len(_said(session, place.tasks[-1].ended_behind))

    @property
    def has_arrived(self) -> bool:
        return not self._left

    def next(self) -> Task:
        """The next of its tasks."""
        task = self._left.popleft()
        if self.has_arrived:
            self.arrived()
        return task

    def go_on(self) -> None:
        """From here on nothing is as it was."""
        self._left.clear()
        self._said_behind = 0

    def was_said(self, what: object) -> bool:
        if not self.has_arrived:
            return self._all_was_said or what is None or _is_among(what, self._texts)
        self._said_behind -= 1
        return self._said_behind >= 0


def _said(session: Session, behind: str | None) -> list[Item]:
    """What agents have said, behind an item."""
    start = session.order.index(behind) + 1 if behind in session.order else 0
    items = (session.items[item_id] for item_id in session.order[start:])
    return [item for item in items if item.get("role") == "assistant"]


def _is_among(what: object, said: Collection[Item]) -> bool:
    text = str(what).strip()
    return any(
        text == text_of(item).strip()
        or (item.get("interrupted") and text.startswith(text_of(item).strip()))
        for item in said
    )


class Quiet:
    """A session in which code that is run again says nothing that was said."""

    def __init__(self, session: AgentSession[Any]) -> None:
        self.say, self.reply = session.say, session.generate_reply
        session.say = self._say  # type: ignore[method-assign]
        session.generate_reply = self._reply  # type: ignore[method-assign]

    def _say(self, text: Any, **given: Any) -> Any:
        return fragile.said_already() if _was_said(text) else self.say(text, **given)

    def _reply(self, **given: Any) -> Any:
        return fragile.said_already() if _was_said(None) else self.reply(**given)


def _was_said(what: object) -> bool:
    answers = [rerun.was_said(what) for rerun in WHILE_RUN.get()]  # each counts it
    return any(answers)


def call_again(
    session: AgentSession[Any],
    quiet: Quiet,
    agent: Agent,
    reruns: Sequence[Rerun],
    tools: Sequence[Tool],
) -> Any:
    """As `call`, and nobody may stop it until its places have what is recorded of them."""
    speech = call(quiet, agent, reruns, tools, allow_interruptions=False)
    own = agent.allow_interruptions
    allowed = own if is_given(own) else session.options.interruption["enabled"]
    for rerun in reruns:
        rerun.arrived = lambda: _allow(speech, allowed)
    return speech


def call(
    quiet: Quiet, agent: Agent, known: Sequence[Known], tools: Sequence[Tool], **given: Any
) -> Any:
    """Let LiveKit run these tools of `agent` as if its model had just called them, and answer
    their results; what is `known` of them says what they do not say again. Returns the speech.
    To be run in a context of its own."""
    asked = agent.llm_node
    mine = tuple(known)

    def node(*asking: Any) -> Any:
        if WHILE_RUN.get() is not mine:
            return asked(*asking)
        if agent.llm_node is node:
            agent.llm_node = asked  # type: ignore[method-assign]
        return _calls(tools)

    agent.llm_node = node  # type: ignore[method-assign,assignment]
    WHILE_RUN.set(mine)
    return quiet.reply(tool_choice="auto", **given)


def _allow(speech: Any, allowed: bool) -> None:
    if not speech.interrupted:
        speech.allow_interruptions = allowed


async def _calls(tools: Sequence[Tool]) -> AsyncIterator[ChatChunk]:
    calls = [
        FunctionToolCall(name=tool.name, arguments=tool.arguments, call_id=tool.call_id)
        for tool in tools
    ]
    yield ChatChunk(id="unbroken", delta=ChoiceDelta(role="assistant", tool_calls=calls))
