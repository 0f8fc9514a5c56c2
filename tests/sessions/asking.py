"""Generated sessions whose agent awaits tasks: in a tool or while it enters, one or several, within
one another, with words and changes of state before, between and behind them.

All is drawn from a number. What code does is a list of steps, which a test can make shorter.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from livekit.agents import Agent, AgentTask, RunContext, function_tool
from livekit.agents.beta.workflows import TaskGroup
from livekit.agents.llm import ToolError

WELCOME = "Welcome."
SIGN_UP = "sign me up"
RULES = [
    ("^sign", {"tool": "sign_up", "arguments": {"plan": "gold"}}),
    ("^yes", {"tool": "confirm", "arguments": {}}),
    ("^never", {"tool": "refuse", "arguments": {}}),
    ("^it is", {"tool": "give", "arguments": {"answer": "{heard}"}}),
]
STEPS_MAX = 4
KILLS = (1, 1, 2, 3)
ROUNDS = (1, 1, 2)  # of a tool


class Refused(ToolError):
    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


class Ask(AgentTask[str]):
    """Asks one question. `answer` is what a person says to it."""

    def __init__(self, question: str) -> None:
        super().__init__(instructions="Ask.")
        self.question, self.answer = question, f"it is {question.lower()}"
        self.tries = 0

    async def on_enter(self) -> None:
        self.session.say(self.question)

    @function_tool
    async def give(self, answer: str) -> None:
        """The answer."""
        self.tries += 1
        self.session.userdata["answers"] += 1
        self.complete(f"{answer} {self.tries}")


class Never(Ask):
    """Is not answered."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.answer = "never"

    @function_tool
    async def refuse(self) -> None:
        """They will not say."""
        self.complete(Refused(7))


class Sure(AgentTask[bool]):
    def __init__(self, question: str) -> None:
        super().__init__(instructions="Ask whether they are sure.")
        self.question, self.answer = f"{question} Are you sure?", "yes"

    async def on_enter(self) -> None:
        await self.session.say(self.question)

    @function_tool
    async def confirm(self) -> None:
        """They are."""
        self.complete(True)


class Careful(Ask):
    """Awaits another task in its tool."""

    @function_tool
    async def give(self, answer: str) -> None:
        """The answer."""
        self.tries += 1
        if await Sure(self.question):
            self.tries += 1
            self.complete(f"{answer} {self.tries}")


class Both(AgentTask[list[str]]):
    """Awaits two others while it enters, and has no question of its own."""

    def __init__(self, question: str) -> None:
        super().__init__(instructions="Ask both.")
        self.asked, self.heard = question, []

    async def on_enter(self) -> None:
        self.heard.append(await Ask(f"{self.asked} First?"))
        self.heard.append(await Ask(f"{self.asked} Second?"))
        self.complete(self.heard)


async def in_a_group(question: str) -> list[str]:
    group = TaskGroup(summarize_chat_ctx=False)
    for name in ("one", "two"):
        at = f"{question} Number {name}?"
        group.add(lambda at=at: Ask(at), id=name, description=at)
    return list((await group).task_results.values())


async def refused(question: str) -> int:
    try:
        await Never(question)
    except Refused as error:
        return error.code
    return 0


async def asked(question: str) -> str:
    return await Ask(question)


async def asked_carefully(question: str) -> str:
    return await Careful(question)


async def asked_both(question: str) -> list[str]:
    return await Both(question)


WAYS: dict[str, Callable[[str], Any]] = {
    "asked": asked,
    "carefully": asked_carefully,
    "both": asked_both,
    "refused": refused,
    "group": in_a_group,
}


class Step(NamedTuple):
    """What code does next: `kind` is a name of STEPS; `n` tells it from others."""

    kind: str
    n: int
    way: str = ""


class Desk(Agent):
    """Does its steps in its tool, and says what came of it."""

    not_durable = ("steps",)

    def __init__(self, steps: list[Step]) -> None:
        super().__init__(instructions="Sign people up.")
        self.steps = steps
        self.found: list[Any] = []
        self.count = 0
        self.notes: dict[str, Any] = {}

    async def on_enter(self) -> None:
        self.session.say(WELCOME)

    @function_tool
    async def sign_up(self, context: RunContext, plan: str) -> str:
        """Sign somebody up."""
        return await self.do(f"Round {self.session.userdata['rounds'] + 1}")

    async def do(self, name: str) -> str:
        results: list[Any] = []
        for step in self.steps:
            await STEPS[step.kind](self, step, f"{name}, {step.n}", results)
        self.session.userdata["rounds"] += 1
        return f"{name} is done: {results}"


class Entering(Desk):
    """Does them while it enters."""

    async def on_enter(self) -> None:
        self.session.say(WELCOME)
        self.session.say(await self.do("Round 1"))


async def says(desk: Desk, step: Step, at: str, _results: list[Any]) -> None:
    desk.session.say(f"{at}: I said that.")


async def says_and_waits(desk: Desk, step: Step, at: str, _results: list[Any]) -> None:
    await desk.session.say(f"{at}: I waited.")


async def counts(desk: Desk, _step: Step, _at: str, results: list[Any]) -> None:
    desk.count += 1
    results.append(desk.count)


async def notes(desk: Desk, step: Step, _at: str, _results: list[Any]) -> None:
    noted = desk.notes.setdefault("of", {})
    noted[str(step.n)] = noted.get(str(step.n), 0) + 1


async def sets(desk: Desk, step: Step, at: str, _results: list[Any]) -> None:
    desk.session.userdata[f"new {step.n}"] = [at]
    desk.newest = {"at": at}


async def grows(desk: Desk, step: Step, at: str, _results: list[Any]) -> None:
    desk.session.userdata["list"].append({"at": at})


async def asks(desk: Desk, step: Step, at: str, results: list[Any]) -> None:
    results.append(await WAYS[step.way](f"{at}?"))


async def keeps(desk: Desk, step: Step, at: str, results: list[Any]) -> None:
    desk.found.append(await WAYS[step.way](f"{at}?"))
    results.append(len(desk.found))


async def keeps_in_userdata(desk: Desk, step: Step, at: str, _results: list[Any]) -> None:
    desk.session.userdata["list"].append(await WAYS[step.way](f"{at}?"))


async def fills(desk: Desk, step: Step, at: str, results: list[Any]) -> None:
    """A slot, unless it is filled."""
    if at not in desk.session.userdata:
        desk.session.userdata[at] = await WAYS[step.way](f"{at}?")
    results.append(len(desk.session.userdata))


STEPS: dict[str, Callable[..., Any]] = {
    step.__name__: step
    for step in (
        says, says_and_waits, counts, notes, sets, grows, asks, keeps, keeps_in_userdata, fills
    )
}  # fmt: skip
ASKING = ("asks", "keeps", "keeps_in_userdata", "fills")


class Drawn(NamedTuple):
    """A session: its agent's class and steps, how often people sign up, and at which part of what
    each holder records it is killed."""

    kind: type[Desk]
    steps: list[Step]
    rounds: int
    kills: list[float]


def userdata() -> dict[str, Any]:
    return {"answers": 0, "rounds": 0, "list": []}


def drawn(number: int) -> Drawn:
    draw = Random(number)
    names = draw.choices([*STEPS], k=draw.randint(1, STEPS_MAX))
    if not set(names) & {*ASKING}:
        names.append(draw.choice(ASKING))
    steps = [
        Step(name, n, draw.choice([*WAYS]) if name in ASKING else "")
        for n, name in enumerate(names, 1)
    ]
    kind = draw.choice([Desk, Desk, Entering])
    rounds = 1 if kind is Entering else draw.choice(ROUNDS)
    return Drawn(kind, steps, rounds, [draw.random() for _ in range(draw.choice(KILLS))])


def heard(steps: list[Step]) -> list[Step]:
    """Nothing is waited for in front of the first task: until then no place is open, and a tool
    that was cut off is called anew. What is said behind the last one is waited for: the mark,
    which tells a successor what was being said, is not a part of these sessions."""
    asking = [at for at, step in enumerate(steps) if step.kind in ASKING]
    return [
        step._replace(kind="says_and_waits") if step.kind == "says" and at > asking[-1] else step
        for at, step in enumerate(steps)
        if at > asking[0] or step.kind != "says_and_waits"
    ]
