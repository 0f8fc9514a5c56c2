"""Shapes that ask for something in an AgentTask."""

from livekit.agents import Agent, AgentTask, function_tool

from tests.e2e.shapes.shape import Shape, listening


class Ask(AgentTask[str]):
    """Asks until it is told."""

    def __init__(self, what: str) -> None:
        super().__init__(instructions=f"Ask for the {what}.")
        self.what = what

    async def on_enter(self) -> None:
        self.session.say(f"What is your {self.what}?")

    @function_tool
    async def told(self, value: str) -> None:
        """The caller has said it."""
        self.complete(value)


class AskName(Ask):
    def __init__(self) -> None:
        super().__init__("name")


class AskEmail(Ask):
    def __init__(self) -> None:
        super().__init__("address")


class FrontDesk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Make appointments.")

    @function_tool
    async def schedule(self) -> str:
        """Make an appointment."""
        name = await AskName()
        email = await AskEmail()
        return f"{name}, the appointment is sent to {email}."


FRONT_DESK = Shape(
    name="front-desk",
    what="asks for two things in a tool, in a task each",
    first=FrontDesk,
    agents=[AskName, AskEmail],
    rules=(
        ("appointment", {"tool": "schedule"}),
        ("ann$", {"tool": "told", "arguments": {"value": "Ann"}}),
        ("example", {"tool": "told", "arguments": {"value": "ann@example.org"}}),
        ("", "I see."),
    ),
    talk=(
        ("An appointment, please.", "your name"),
        ("I am Ann", "your address"),
        ("Wait a moment.", "I see"),
    ),
    killed="inside the second task",
    at=listening,
    back="the second task; the first one's answer is not asked again",
    told="nothing, until the answer is given",
    then=(("It is ann at example.", "Ann, the appointment is sent to ann@example.org"),),
)
