"""A written agent without a name whose tool asks two questions, each in a task of its own."""

import os

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    AgentTask,
    JobContext,
    RunContext,
    function_tool,
)
from livekit.agents.voice.room_io import RoomOptions

from agents.loopback import proxy_for
from agents.worker import run, start
from tests.agents.scripted import ScriptedLLM
from unbroken.livekit import durable

RULES = [
    ("sign me up", {"tool": "sign_up"}),
    ("answer", {"tool": "give", "arguments": {"answer": "{heard}"}}),
    ("", "You said {heard}."),
]


class Ask(AgentTask[str]):
    def __init__(self, what: str) -> None:
        super().__init__(instructions=f"Ask for {what}.")
        self.what = what

    async def on_enter(self) -> None:
        self.session.say(f"What is your {self.what}?")

    @function_tool
    async def give(self, answer: str) -> None:
        """Their answer."""
        self.complete(answer)


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Sign people up.")

    async def on_enter(self) -> None:
        self.session.say("Welcome.")

    @function_tool
    async def sign_up(self, context: RunContext[None]) -> str:
        """Sign somebody up."""
        name, town = await Ask("name"), await Ask("town")
        return f"Signed up: {name}, {town}."


async def answer(ctx: JobContext) -> None:
    session = AgentSession[None](llm=ScriptedLLM(RULES))
    options = RoomOptions(audio_input=False, audio_output=False, close_on_disconnect=False)
    await durable(ctx).start(session, agent=Desk(), room_options=options)


async def main() -> None:
    proxy = proxy_for(os.environ["LIVEKIT_URL"], os.environ)
    server = AgentServer(
        num_idle_processes=1, load_fnc=lambda: 0.1, load_threshold=2.0, host="127.0.0.1", port=0,
        http_proxy=proxy,
    )  # fmt: skip
    server.rtc_session(answer)
    await run(server, os.environ)


if __name__ == "__main__":
    from tests.e2e import task_worker  # jobs import this file by its name

    start(task_worker.main)
