"""Shapes with several agents, that hand over to each other."""

from dataclasses import dataclass, field
from typing import Any

from livekit.agents import Agent, RunContext, function_tool
from livekit.agents.llm import ChatContext
from pydantic import BaseModel

from tests.e2e.shapes.shape import Shape, listening, speaking

KEPT_ITEMS = 6


# A restaurant: agents held in userdata, each of which takes over what the last one heard.


@dataclass
class Guest:
    name: str | None = None
    table_for: int | None = None
    agents: dict[str, Agent] = field(default_factory=dict)
    previous: Agent | None = None

    def __post_init__(self) -> None:
        self.agents = self.agents or {"greeter": Greeter(), "reservation": Reservation()}

    def first(self) -> Agent:
        return self.agents["greeter"]


class Staff(Agent):
    """Whoever takes over knows what the one before has heard, and what is known of the guest."""

    async def on_enter(self) -> None:
        guest: Guest = self.session.userdata
        context = self.chat_ctx.copy()
        if guest.previous:
            heard = guest.previous.chat_ctx.copy(exclude_instructions=True)
            known = {item.id for item in context.items}
            newest = heard.truncate(max_items=KEPT_ITEMS).items
            context.items.extend(item for item in newest if item.id not in known)
        context.add_message(
            role="system", content=f"You are the {type(self).__name__}. Guest: {guest.name}."
        )
        await self.update_chat_ctx(context)
        self.session.generate_reply(tool_choice="none")

    def hand_over(self, context: RunContext[Guest], name: str) -> Agent:
        context.userdata.previous = self
        return context.userdata.agents[name]


class Greeter(Staff):
    def __init__(self) -> None:
        super().__init__(instructions="Greet.")

    @function_tool
    async def to_reservation(self, context: RunContext[Guest], name: str) -> Agent:
        """Reserve a table."""
        context.userdata.name = name
        return self.hand_over(context, "reservation")


class Reservation(Staff):
    def __init__(self) -> None:
        super().__init__(instructions="Reserve.")

    @function_tool
    async def seats(self, context: RunContext[Guest], count: int) -> str:
        """For how many."""
        context.userdata.table_for = count
        return f"A table for {count}, {context.userdata.name}."

    @function_tool
    async def to_greeter(self, context: RunContext[Guest]) -> Agent:
        """Back to the greeter."""
        return self.hand_over(context, "greeter")


RESTAURANT = Shape(
    name="restaurant",
    what="hands over between agents held in userdata, who copy the last one's messages",
    session=lambda: {"userdata": Guest()},
    agents=[Greeter, Reservation],
    rules=(
        ("reserve", {"tool": "to_reservation", "arguments": {"name": "Ann"}}),
        (
            "reserve",
            "Reservations here, I shall find a table. Some by the window are left. For how many?",
        ),
        ("four", {"tool": "seats", "arguments": {"count": 4}}),
        ("back", {"tool": "to_greeter"}),
        ("", "Welcome."),
    ),
    greets="Welcome",
    last="I am Ann and want to reserve.",
    killed="behind a hand-over, in the new agent's first sentence",
    at=speaking("I shall"),
    back="the guest, the agents in userdata, who was there before",
    told="the rest of the question, no second welcome",
    said="how many",
    then=(("For four.", "table for 4, Ann"), ("Go back.", "Welcome")),
)


# A drive-through: a typed order in userdata.


class Burger(BaseModel):
    size: str
    extras: set[str] = set()


@dataclass
class Order:
    items: dict[int, Burger] = field(default_factory=dict)


class Counter(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Take the order.")

    @function_tool
    async def order(self, context: RunContext[Order], size: str) -> str:
        """Add a burger."""
        items = context.userdata.items
        items[len(items) + 1] = Burger(size=size, extras={"onions"})
        told = f"{len(items)} burgers so far, the last one is {size}."
        return f"{told} All of them come with onions. Anything else for you today?"


DRIVE_THROUGH = Shape(
    name="drive-through",
    what="keeps a typed order in userdata (pydantic models in a dict by number, sets)",
    first=Counter,
    session=lambda: {"userdata": Order()},
    rules=(
        ("burger", {"tool": "order", "arguments": {"size": "large"}}),
        ("", "You said {heard}."),
    ),
    talk=(("A burger.", "for you today"),),
    last="Another burger.",
    killed="while the order is read back",
    at=speaking("burgers so far"),
    back="the order, typed",
    told="the rest of the sentence",
    said="else for you today",
    then=(("One more burger.", "3 burgers so far"),),
)


# A supervisor, made with arguments.


@dataclass
class Complaint:
    reason: str = ""


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Help.")

    @function_tool
    async def to_supervisor(self, context: RunContext[Complaint], reason: str) -> Any:
        """Call the supervisor."""
        context.userdata.reason = reason
        heard = self.chat_ctx.copy(exclude_instructions=True)
        return Supervisor(reason, chat_ctx=heard), "One moment."


class Supervisor(Agent):
    def __init__(self, reason: str, chat_ctx: ChatContext) -> None:
        super().__init__(instructions=f"The caller complains: {reason}.", chat_ctx=chat_ctx)
        self.reason = reason

    async def on_enter(self) -> None:
        self.session.say(
            f"I am the supervisor. I hear that {self.reason}. I am very sorry to hear such a thing."
            " Please tell me more about it."
        )


SUPERVISOR = Shape(
    name="supervisor",
    what="transfers to a supervisor who is made with arguments and a chat context",
    first=Clerk,
    session=lambda: {"userdata": Complaint()},
    agents={
        "Supervisor": lambda restored: Supervisor(
            restored.session.userdata["reason"], chat_ctx=ChatContext()
        )
    },
    rules=(
        ("supervisor", {"tool": "to_supervisor", "arguments": {"reason": "it was late"}}),
        ("", "I heard {heard}."),
    ),
    talk=(("Hello.", "I heard Hello"),),
    last="It was late, I want your supervisor.",
    killed="in the supervisor's first sentence",
    at=speaking("I hear that"),
    back="the supervisor, with the reason and the copied context",
    told="the rest of the sentence, no second welcome",
    said="Tell me more",
    then=(("It was two hours.", "I heard It was two hours"),),
)


# There and back: a second agent of the same class.


class Sales(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Sell.")

    async def on_enter(self) -> None:
        self.session.say("Sales, hello.")

    @function_tool
    async def to_support(self) -> Agent:
        """Ask support."""
        return Support()


class Support(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Support.")

    async def on_enter(self) -> None:
        self.session.say("Support, hello.")

    @function_tool
    async def to_sales(self) -> Agent:
        """Ask sales."""
        return Sales()


THERE_AND_BACK = Shape(
    name="there-and-back",
    what="hands over and back, to a new agent of the same class each time",
    first=Sales,
    agents=[Sales, Support],
    rules=(
        ("support", {"tool": "to_support"}),
        ("sales", {"tool": "to_sales"}),
        ("", "You said {heard}."),
    ),
    greets="Sales, hello",
    talk=(
        ("Support, please.", "Support, hello"),
        ("Sales, please.", "Sales, hello"),
        ("My number is four.", "You said My number is four"),
    ),
    killed="in the second one of a class",
    at=listening,
    back="that one, with its own context",
    told="nothing, until it is asked",
    then=(("Support, please.", "Support, hello"),),
)


# A survey: a new agent for each question.


@dataclass
class Answers:
    number: int = 1
    said: list[str] = field(default_factory=list)


class Question(Agent):
    def __init__(self, number: int) -> None:
        super().__init__(instructions=f"Ask question {number}.")
        self.number = number

    async def on_enter(self) -> None:
        self.session.say(
            f"This is question number {self.number}. Please answer in one or two words."
            " How do you like it on the whole?"
        )

    @function_tool
    async def answer(self, context: RunContext[Answers], text: str) -> Agent:
        """Keep an answer."""
        context.userdata.said.append(text)
        context.userdata.number = self.number + 1
        return Question(self.number + 1)


SURVEY = Shape(
    name="survey",
    what="asks each question by a new agent, made with its number",
    first=lambda: Question(1),
    session=lambda: {"userdata": Answers()},
    agents={"Question": lambda restored: Question(restored.session.userdata["number"])},
    rules=(("", {"tool": "answer", "arguments": {"text": "{heard}"}}),),
    greets="number 1.*on the whole",
    talk=(("Very much.", "number 2.*on the whole"),),
    last="Not at all.",
    killed="while the third question is asked",
    at=speaking("question number 3"),
    back="the third question, and two answers",
    told="the rest of the third question",
    said="on the whole",
    then=(("So so.", "question number 4"),),
)
