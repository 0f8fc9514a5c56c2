"""A place that is run again: the results that it is given, and what it does not say again."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from livekit.agents import Agent, AgentSession, AgentTask
from livekit.agents.llm import LLM, ChatChunk, ChoiceDelta, FunctionToolCall, ToolContext
from livekit.agents.utils import is_given

from unbroken.livekit import fragile
from unbroken.livekit.saying import by_voice_or_model
from unbroken.log.awaiting import AwaitingPlace, Speeches, Task
from unbroken.log.entries import Item, text_of
from unbroken.log.session import Session
from unbroken.log.tool import Tool


class Rerunning(Protocol):
    """Of code that is run again."""

    def was_said(self, what: object) -> bool:
        """Whether a speech that it begins now was heard before. `what` is its text, or None where
        a model makes it."""

    def rest(self) -> str:
        """What is left of the speech that it begins now, if that was cut; it is asked once."""


class AgentKeys(Protocol):
    """What an agent is called in the log, and what the log knows of it."""

    def key_of(self, agent: Agent) -> str: ...

    def known_key(self, value: object) -> str | None: ...

    def name(self, agent: Agent, key: str) -> None: ...

    def silence(self, agent: Agent) -> None: ...

    def look_at_state(self) -> None: ...


class Back(Protocol):
    """Where a restored session's agents come from."""

    def agent(self, key: str) -> Agent: ...

    def put_back_state(self, session: AgentSession[Any], at: int | None) -> None: ...

    async def put_back_agent(self, key: str, agent: Agent) -> None: ...

    def tasks_settled(self, lost: Mapping[str, str], *, is_told: bool) -> None: ...


WHILE_RUN: ContextVar[tuple[Rerunning, ...]] = ContextVar("unbroken_rerun", default=())


class Rerun:
    """One place, until it has been given all that is recorded of it.

    What its code says before that was said before, all of it once the task that it comes to had
    been entered: LiveKit lets nobody enter before what is said has been heard. Else a text counts
    that is in the history. Of a place whose last task had ended, what it said behind that is left
    out as well: as many speeches as there are.
    """

    def __init__(self, place: AwaitingPlace, session: Session) -> None:
        self.place = place
        self.arrived: Callable[[], None] = lambda: None  # at what nobody has recorded
        self._left = deque(place.tasks)
        running = place.running
        self._all_was_said = running is None or running.begun_at is not None
        self._texts = _said(session, None)
        last = place.tasks[-1] if place.tasks and not running else None
        self._said_behind = len(_said(session, last.ended_behind)) if last else 0

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

    @property
    def over(self) -> int:
        """How many speeches it will leave out, if that is known."""
        return 0

    def rest(self) -> str:
        return ""

    def was_said(self, what: object) -> bool:
        if not self.has_arrived:
            return self._all_was_said or what is None or _is_among(what, self._texts)
        self._said_behind -= 1
        return self._said_behind >= 0


class SpokenAgain(Rerun):
    """An `on_enter` that has awaited no task, until it begins the words that it had come to."""

    def __init__(self, place: AwaitingPlace, session: Session) -> None:
        super().__init__(place, session)
        self._spoken = place.spoken or Speeches(0, 0)
        self._to_skip = self._spoken.over
        self._has_arrived = False

    @property
    def has_arrived(self) -> bool:
        return self._has_arrived

    @property
    def over(self) -> int:
        return self._spoken.over

    @property
    def at(self) -> int | None:
        """The moment, see `earlier.py`, whose state its code finds when it has arrived."""
        return self._spoken.at if self._spoken.begun == self._spoken.over else None

    def go_on(self) -> None:
        self._has_arrived, self._to_skip, self._spoken.rest = True, 0, ""

    def was_said(self, _what: object) -> bool:
        is_known = self._to_skip > 0
        self._to_skip -= is_known
        if not is_known or (not self._to_skip and self._spoken.begun == self._spoken.over):
            self._arrive()
        return is_known

    def rest(self) -> str:
        if self._to_skip or not self._spoken.rest:
            return ""
        rest, self._spoken.rest = self._spoken.rest, ""
        self._arrive()
        return rest

    def _arrive(self) -> None:
        if not self._has_arrived:
            self._has_arrived = True
            self.arrived()


def rerun_of(place: AwaitingPlace, session: Session) -> Rerun:
    return SpokenAgain(place, session) if place.spoken else Rerun(place, session)


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
        if rest := _rest():
            return self.say(rest, **given)
        return fragile.said_already() if _was_said(text) else self.say(text, **given)

    def _reply(self, **given: Any) -> Any:
        if rest := _rest():
            return by_voice_or_model(self.say, self.reply, rest, of_reply=given)
        return fragile.said_already() if _was_said(None) else self.reply(**given)


def _rest() -> str:
    return next((rest for known in WHILE_RUN.get() if (rest := known.rest())), "")


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
    quiet: Quiet, agent: Agent, known: Sequence[Rerunning], tools: Sequence[Tool], **given: Any
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


async def merge(agent: Agent, task: AgentTask[Any]) -> None:
    """As LiveKit does when a task hands back."""
    merged = agent.chat_ctx.copy().merge(
        task.chat_ctx,
        exclude_function_call=not fragile.keeps_calls(task),
        exclude_instructions=True,
    )
    await agent.update_chat_ctx(merged, exclude_invalid_function_calls=False)


def misfit(session: AgentSession[Any], agent: Agent, tool: Tool) -> str | None:
    """Why a tool cannot be called again as it was."""
    if not isinstance(agent.llm if is_given(agent.llm) else session.llm, LLM):
        return f"{tool.name} was called by a realtime model, or there is no model now"
    found = ToolContext([*agent.tools, *session.tools]).get_function_tool(tool.name)
    if found is None:
        return f"this version has no tool {tool.name}"
    try:
        fragile.check_arguments(found, tool.arguments)
    except Exception as error:  # noqa: BLE001 - pydantic's, and those of the application's types
        return f"the arguments of {tool.name} no longer fit ({type(error).__name__})"
    return None
