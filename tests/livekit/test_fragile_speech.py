"""What we count on of LiveKit's speech, turns and running tools."""

import asyncio
import inspect
from typing import Any

from livekit.agents import Agent, AgentSession, RunContext, ToolError, function_tool
from livekit.agents.llm import ChatContext, FunctionCall, FunctionCallOutput
from livekit.agents.voice import SpeechHandle, generation, room_io

from tests.agents.scripted import ScriptedLLM
from tests.livekit.speaking import Ears, Microphone, until
from tests.trees import source_of
from unbroken.livekit import fragile
from unbroken.recovery import plan

RULES = [("look", {"tool": "look", "arguments": {}}), ("", "Yes.")]


class Host(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="x")
        self.seen: list[Any] = []

    @function_tool
    async def look(self, context: RunContext) -> str:
        """Look."""
        call_id = context.function_call.call_id
        self.seen.append(fragile.running_tool(context.session, call_id))
        async with context.with_filler("One moment."):
            await asyncio.sleep(0.05)
        return "Seen."


async def test_running_tool():
    session = AgentSession[Any](llm=ScriptedLLM(RULES))
    agent, started = Host(), []

    def updated(event: Any) -> None:
        if event.update.type == "tool_call_started":
            call_id = event.update.function_call.call_id
            started.append(fragile.running_tool(session, call_id))

    session.on("tool_execution_updated", updated)
    await session.start(agent)
    await session.generate_reply(user_input="look")
    assert started == agent.seen
    assert started[0].result() == "Seen."
    assert fragile.running_tool(session, "another") is None
    await session.aclose()


async def test_speech_of_the_instance():
    session = AgentSession[Any](llm=ScriptedLLM(RULES))
    said, replies, created = [], [], []
    say, reply = session.say, session.generate_reply
    session.say = lambda *args, **given: said.append(args) or say(*args, **given)
    session.generate_reply = lambda **given: replies.append(given) or reply(**given)
    session.on("speech_created", lambda e: created.append((e.source, bool(session.current_speech))))
    await session.start(Host())
    await session.generate_reply(user_input="look")
    assert said == [("One moment.",)]  # the filler of LiveKit's own with_filler
    assert len(replies) == 1
    assert [source for source, _ in created] == ["generate_reply", "say"]
    await session.aclose()


async def test_turns_of_the_instance():
    ears, agent, called = Ears(), Host(), []
    session = AgentSession[Any](
        llm=ScriptedLLM(RULES), stt=ears, turn_handling={"turn_detection": "stt"}
    )
    session.input.audio = Microphone()

    async def completed(_context: Any, new_message: Any) -> None:
        called.append(new_message.text_content)

    agent.on_user_turn_completed = completed
    await session.start(agent)
    ears.said.put_nowait("hello")
    await until(lambda: called == ["hello"], "called")
    await session.aclose()


def test_output_of():
    call = FunctionCall(call_id="c", name="look", arguments="{}")
    told = [fragile.output_of(call, result) for result in ("Seen.", ToolError("No."), KeyError())]
    assert [(out.output, out.is_error) for out in told] == [
        ("Seen.", False), ("No.", True), ("An internal error occurred", True)
    ]  # fmt: skip


async def test_a_guess_is_not_scheduled():
    session = AgentSession[Any](llm=ScriptedLLM(RULES))
    await session.start(Host())
    assert not SpeechHandle.create().scheduled
    reply = session.generate_reply(user_input="hello")
    await reply
    assert reply.scheduled
    await session.aclose()


async def test_progress_has_a_call_of_its_own():
    @function_tool
    async def look(context: RunContext) -> str:
        """Look."""
        await context.update("It takes a while.")
        return "Seen."

    session = AgentSession[Any](llm=ScriptedLLM(RULES))
    await session.start(Agent(instructions="x", tools=[look]))
    await session.generate_reply(user_input="look")

    def outputs() -> dict[str, str]:
        found = (i for i in session.history.items if isinstance(i, FunctionCallOutput))
        return {output.call_id: output.output for output in found}

    await until(lambda: len(outputs()) == 2, "its outcome")
    (told,) = (call_id for call_id, output in outputs().items() if "It takes a while." in output)
    assert outputs()[f"{told}_final"] == "Seen."
    await session.aclose()


def test_words_of_a_cut_handoff():
    assert f'"{plan.NOT_HANDED_OVER}"' in inspect.getsource(generation)


def test_put_by_time():
    context = ChatContext()
    for text, at in (("second", 2.0), ("first", 1.0), ("third", 3.0)):
        context.add_message(role="user", content=text, created_at=at)
    assert [item.text_content for item in context.items] == ["first", "second", "third"]


def test_switches_of_the_instance():
    assert "self.set_participant(participant.identity)" in source_of(room_io.RoomIO)
    assert "__slots__" not in vars(room_io.RoomIO)
