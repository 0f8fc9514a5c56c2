"""An application that does what a generator draws: its agents, its userdata, and its steps.

A step draws its details from its own number, so a session is the list of its steps, and a part of
that list is a session, too.
"""

import copy
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from livekit.agents import Agent, AgentSession, AgentTask, function_tool
from livekit.agents.beta import Instructions
from livekit.agents.llm import (
    AgentHandoff,
    ChatContext,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    ToolError,
)

from tests.agents.scripted import ScriptedLLM
from tests.core import shapes
from tests.sessions.stacks import ASKING, calm

WORDS = (
    "",
    "hello",
    "an order of 2",
    "你好。",
    "naïve 👍🏽",
    '"quoted"\n',
    "$type",
    "\x00",
    "long " * 60,
)
CONTEXT_MAX = 24  # items; longer lists are looked at over several scans
FIELDS = tuple(shapes.Everything.__dataclass_fields__)


class Thinker(ScriptedLLM):
    """A model with settings."""

    def __init__(self) -> None:
        super().__init__([])
        self._temperature = 1.0

    def update_options(self, *, temperature: float) -> None:
        self._temperature = temperature


class Greeter(Agent):
    not_durable = ("token",)

    def __init__(self, desk: str = "front", told: Any = "Greet.") -> None:
        super().__init__(instructions=told)
        self.desk = desk
        self.token = object()
        self.light_on = False
        self.slots: dict[Any, Any] = {}

    @function_tool
    async def book(self) -> str:
        """Book."""
        return "Booked."

    @function_tool
    async def look(self) -> str:
        """Look."""
        return "Seen."


class Clerk(Greeter):
    """Can only be made with what it was made with."""

    def __init__(self, desk: str, *, number: int) -> None:
        super().__init__(desk, "Serve.")
        self.number = number


class Stranger(Greeter):
    """Nothing makes one again."""


class Survey(Greeter):
    """Asks as many questions as it was told while it enters; each is a task."""

    def __init__(self, questions: int) -> None:
        super().__init__("desk", "Ask.")
        self.questions, self.answers = questions, []

    async def on_enter(self) -> None:
        for n in range(self.questions):
            self.answers.append(await _asked(self, n))


class Question(AgentTask[str]):
    """Every third one asks another first."""

    def __init__(self, n: int) -> None:
        super().__init__(instructions="Ask.")
        self.desk, self.number = "question", n
        self.light_on = False
        self.slots: dict[Any, Any] = {}

    async def on_enter(self) -> None:
        if self.number % 3 == 1:
            self.slots["first"] = await _asked(self, self.number + 1)

    @function_tool
    async def book(self) -> str:
        """Book."""
        return "Booked."


async def _asked(by: Agent, n: int) -> str:
    try:
        return await ASKING.get().ask(by, Question(n))
    except ToolError as error:
        return error.message


MADE_AGAIN = (Greeter, Clerk, Survey)
USERDATA: tuple[Callable[[], Any], ...] = (
    dict, shapes.Everything, shapes.Line, shapes.Struct, shapes.Model, shapes.Slotted,
)  # fmt: skip


class World(Protocol):
    """What a step works on: one process's part of a session."""

    session: AgentSession[Any]
    agents: list[Agent]  # those that were there, the newest last
    excused: set[str]  # fields of which something is the process's own, or cannot be made again

    def scan(self) -> None: ...

    def meet(self, agent: Agent) -> None: ...

    def tell(self, update: str, call: FunctionCall) -> None: ...

    def report(self, text: str) -> None: ...

    async def enters(self, agent: Agent) -> None: ...


class Step(NamedTuple):
    """One act of the application; `number` is what it draws from."""

    name: str
    number: int

    async def act(self, world: World) -> None:
        await STEPS[self.name](world, Random(self.number))


async def user_speaks(world: World, draw: Random) -> None:
    _said(world, ChatMessage(role="user", content=[draw.choice(WORDS)]))


async def agent_speaks(world: World, draw: Random) -> None:
    item = ChatMessage(role="assistant", content=[draw.choice(WORDS)])
    item.interrupted = draw.random() < 0.4
    item.extra = {"n": draw.random()} if draw.random() < 0.2 else {}
    item.metrics = {"llm_node_ttft": draw.random()} if draw.random() < 0.4 else {}
    _said(world, item)


async def application_reports_a_line(world: World, draw: Random) -> None:
    """That LiveKit knows nothing of."""
    world.report(f"announcement {draw.random()}")


async def shows_a_picture(world: World, draw: Random) -> None:
    picture = ImageContent(image=f"data:image/png;base64,iVBORw0KG{draw.randrange(10)}=")
    _said(world, ChatMessage(role="user", content=["look", picture]))


async def tool_is_called(world: World, draw: Random) -> None:
    call, output = _call(draw)
    world.tell("started", call)
    for item in (call, output):
        world.session.history.insert(item)
        world.session.current_agent._chat_ctx.insert(item)
        if draw.random() < 0.3:
            world.scan()
    world.tell("ended", call)


async def tool_still_runs(world: World, draw: Random) -> None:
    call, _ = _call(draw)
    world.tell("started", call)


async def hands_over(world: World, draw: Random) -> None:
    """To a new agent: it copies what was said, and adds a line of its own, or it does not."""
    before, agent = world.session.current_agent, _agent(draw)
    if isinstance(before, AgentTask):
        return  # LiveKit lets none hand over but by its end
    if isinstance(agent, Stranger):
        world.excused |= {"agent", "userdata", "Stranger"}
    _switch(world, agent)
    if draw.random() < 0.6:
        said = before.chat_ctx.copy(exclude_instructions=True, exclude_handoff=True)
        said.add_message(role="system", content=f"You are at the {draw.choice(WORDS)}.")
        await agent.update_chat_ctx(said)
    await agent.on_enter()


async def hands_back(world: World, draw: Random) -> None:
    agents = [agent for agent in world.agents if not isinstance(agent, AgentTask | Survey)]
    if agents and not isinstance(world.session.current_agent, AgentTask):
        _switch(world, draw.choice(agents))
        await world.session.current_agent.on_enter()


async def asks_questions(world: World, draw: Random) -> None:
    """By a hand-over to an agent that does so, each in a task."""
    if not isinstance(world.session.current_agent, AgentTask):
        _switch(world, agent := Survey(draw.randrange(1, 4)))
        await world.enters(agent)


async def question_is_answered(world: World, draw: Random) -> None:
    task = world.session.current_agent
    if isinstance(task, AgentTask):
        answer = f"answer {draw.random()}"
        _said(world, ChatMessage(role="user", content=[answer]))
        task.complete(ToolError(answer) if draw.random() < 0.3 else answer)
        await calm()


async def edits_in_place(world: World, draw: Random) -> None:
    """Silent: no event tells of it."""
    items = [*world.session.history.items, *world.session.current_agent.chat_ctx.items]
    if items:
        _edit(draw.choice(items), draw)


async def edits_a_copy(world: World, draw: Random) -> None:
    """An item is another in the context than in the history."""
    items = [*world.session.current_agent.chat_ctx.items]
    if items:
        at = draw.randrange(len(items))
        items[at] = copy.deepcopy(items[at])
        _edit(items[at], draw)
        await _put_context(world, items)


async def removes_of_the_history(world: World, draw: Random) -> None:
    if items := world.session.history.items:
        del items[draw.randrange(len(items))]


async def adds_silently(world: World, draw: Random) -> None:
    role = draw.choice(["system", "developer", "assistant"])
    item = ChatMessage(role=role, content=[draw.choice(WORDS)], created_at=draw.random())
    items = world.session.history.items
    items.insert(draw.randrange(len(items) + 1), item)


async def changes_the_order(world: World, draw: Random) -> None:
    draw.shuffle(world.session.history.items)


async def changes_the_context(world: World, draw: Random) -> None:
    """Removes, adds, turns around, cuts short, or takes something of the history."""
    items = [*world.session.current_agent.chat_ctx.items]
    match draw.randrange(5):
        case 0 if items:
            del items[draw.randrange(len(items))]
        case 1:
            line = ChatMessage(role="system", content=[draw.choice(WORDS)])
            items.insert(draw.randrange(len(items) + 1), line)
        case 2:
            draw.shuffle(items)
        case 3:
            items = ChatContext(items).truncate(max_items=draw.randrange(1, 6)).items
        case _:
            known = {item.id for item in items}
            items += [i for i in world.session.history.items if i.id not in known][:3]
    await _put_context(world, items)


async def userdata_changes(world: World, draw: Random) -> None:
    data, value = world.session.userdata, _value(draw)
    if isinstance(data, dict):
        key = draw.choice(["a", "b", 1, "$type", (1, "x")])
        if key in data and draw.random() < 0.4:
            del data[key]
        else:
            data[key] = value
    elif isinstance(data, shapes.Everything):
        setattr(data, draw.choice(FIELDS), value)
    else:
        name = {shapes.Line: "what", shapes.Struct: "first_name"}.get(type(data), "name")
        setattr(data, "_name" if isinstance(data, shapes.Slotted) else name, value)


async def userdata_grows(world: World, draw: Random) -> None:
    """In place: a list in it, or a dict in that."""
    data = world.session.userdata
    if isinstance(data, dict):
        rows = data.setdefault("rows", [])
        rows.insert(draw.randrange(len(rows) + 1), {draw.choice(WORDS): _value(draw)})
        if len(rows) > 3:
            del rows[draw.randrange(len(rows))]
    elif isinstance(data, shapes.Everything):
        by_id = data.by_id if isinstance(data.by_id, dict) else {}
        data.by_id = by_id | {draw.randrange(5): shapes.Line("x", draw.randrange(9))}


async def userdata_holds_what_is_live(world: World, draw: Random) -> None:
    held: Any = threading.Lock()
    if draw.random() < 0.6:
        held = draw.choice(world.agents)
    else:
        world.excused.add("userdata")
    _hold(world.session.userdata, held)


async def one_object_stands_in_two_places(world: World, draw: Random) -> None:
    """In the userdata and in an agent, which may hold it within something of its own."""
    one = _nest(draw, lambda: _value(draw, 1))
    agent: Any = world.session.current_agent
    agent.slots["one"] = [one] if draw.random() < 0.5 else one
    match draw.randrange(3):
        case 0:
            agent.more = one
        case 1:
            agent.slots["data"] = world.session.userdata
        case _:
            _hold(world.session.userdata, one)


def _hold(data: Any, held: Any) -> None:
    if isinstance(data, dict):
        data["held"] = held
    elif isinstance(data, shapes.Line | shapes.Everything):
        setattr(data, "what" if isinstance(data, shapes.Line) else "name", held)


async def attributes_change(world: World, draw: Random) -> None:
    agent: Any = world.session.current_agent
    match draw.randrange(4):
        case 0:
            agent.light_on = not agent.light_on
        case 1:
            agent.slots[draw.choice(["day", 3, "$type"])] = _value(draw)
        case 2:
            agent.more = _value(draw)
        case _ if hasattr(agent, "more"):
            del agent.more


async def options_change(world: World, draw: Random) -> None:
    session = world.session
    match draw.randrange(6):
        case 0:
            session.update_options(endpointing_opts={"min_delay": draw.random()})
        case 1:
            session.update_options(turn_detection=draw.choice(["manual", "stt", "vad", None]))
        case 2:
            session.output.set_transcription_enabled(draw.random() < 0.5)
        case 3:
            session.input.set_audio_enabled(draw.random() < 0.5)
        case 4:
            session.options.max_tool_steps = draw.randrange(9)
        case _:
            session.llm.update_options(temperature=draw.random())  # type: ignore[union-attr]


async def instructions_change(world: World, draw: Random) -> None:
    text = draw.choice(WORDS)
    told = Instructions(audio=text, text="written") if draw.random() < 0.4 else text
    await world.session.current_agent.update_instructions(told)  # type: ignore[arg-type]


async def a_tool_goes(world: World, draw: Random) -> None:
    agent = world.session.current_agent
    if agent.tools:
        gone = draw.choice(agent.tools)
        await agent.update_tools([tool for tool in agent.tools if tool is not gone])


async def is_looked_at(world: World, draw: Random) -> None:
    for _ in range(draw.randrange(1, 3)):
        world.scan()


STEPS: dict[str, Callable[[World, Random], Awaitable[None]]] = {
    step.__name__: step
    for step in (
        user_speaks, agent_speaks, application_reports_a_line, shows_a_picture, tool_is_called,
        tool_still_runs, hands_over, hands_back, asks_questions, question_is_answered,
        edits_in_place, edits_a_copy,
        removes_of_the_history, adds_silently, changes_the_order, changes_the_context,
        userdata_changes, userdata_grows, userdata_holds_what_is_live,
        one_object_stands_in_two_places, attributes_change,
        options_change, instructions_change, a_tool_goes, is_looked_at,
    )
}  # fmt: skip


def _said(world: World, item: ChatMessage) -> None:
    """As LiveKit does: into the agent's context, then into the history, of which it tells."""
    world.session.current_agent._chat_ctx.insert(item)
    world.session._conversation_item_added(item)


def _call(draw: Random) -> tuple[FunctionCall, FunctionCallOutput]:
    call_id, name = f"call_{draw.getrandbits(40):x}", draw.choice(["book", "look"])
    call = FunctionCall(call_id=call_id, name=name, arguments='{"n": 1}')
    output = FunctionCallOutput(
        call_id=call_id, name=name, output=draw.choice(WORDS), is_error=draw.random() < 0.2
    )
    return call, output


def _agent(draw: Random) -> Agent:
    kind = draw.choice([Greeter, Greeter, Clerk, Clerk, Stranger])
    desk = draw.choice(WORDS)
    return Clerk(desk, number=draw.randrange(9)) if kind is Clerk else kind(desk)


def _switch(world: World, agent: Agent) -> None:
    before = world.session.current_agent
    world.session.update_agent(agent)
    world.session.history.insert(AgentHandoff(old_agent_id=before.id, new_agent_id=agent.id))
    world.meet(agent)


async def _put_context(world: World, items: list[ChatItem]) -> None:
    context = ChatContext(items[-CONTEXT_MAX:])
    await world.session.current_agent.update_chat_ctx(context, exclude_invalid_function_calls=False)


def _edit(item: ChatItem, draw: Random) -> None:
    match item:
        case ChatMessage():
            match draw.randrange(4):
                case 0:
                    item.content = [draw.choice(WORDS)]
                case 1:
                    item.content.append(f"more {draw.random()}")
                case 2:
                    item.interrupted = not item.interrupted
                case _:
                    item.extra["edited"] = draw.random()
        case FunctionCall():
            item.arguments = f'{{"n": {draw.random()}}}'
        case FunctionCallOutput():
            item.output = f"edited {draw.random()}"
        case AgentHandoff():
            item.new_agent_id = f"other {draw.random()}"


def _value(draw: Random, depth: int = 0) -> Any:
    """Anything that comes back typed."""
    if depth < 2 and draw.random() < 0.4:
        return _nest(draw, lambda: _value(draw, depth + 1))
    return draw.choice(
        (
            None, True, draw.randrange(-9, 9), draw.random(), 2**70, draw.choice(WORDS), b"\xff",
            *shapes.Mood, *shapes.Step, shapes.Right.READ, shapes.UserId("u"),
            datetime(2026, 1, 2, 3, tzinfo=UTC), date(2026, 1, draw.randrange(1, 9)),
            timedelta(seconds=draw.randrange(99)), Decimal("1.10"), UUID(int=draw.randrange(9)),
        )
    )  # fmt: skip


def _nest(draw: Random, part: Callable[[], Any]) -> Any:
    key = draw.choice(["a", 1, None, (1, "x"), shapes.Mood.GOOD, "$type"])
    made: list[Callable[[], Any]] = [
        lambda: [part(), part()], lambda: (part(),), lambda: deque([part()], 4),
        lambda: {key: part()}, lambda: {1, "x"}, lambda: frozenset({draw.randrange(3)}),
        lambda: OrderedDict(b=part(), a=part()), lambda: Counter({"a": draw.randrange(3)}),
        lambda: shapes.Cart([part()]), lambda: shapes.Line(part(), part()),
        lambda: shapes.Place(part()), lambda: shapes.Struct(part()),
        lambda: shapes.FrozenStruct(part()), lambda: shapes.model(part(), part(), part()),
        lambda: shapes.Slotted(part()), lambda: shapes.Pair(part(), part()),
    ]  # fmt: skip
    return draw.choice(made)()
