"""A written agent without a name that hangs up at the word "bye", in the way that its room is named
for: `tool` and `keep` (LiveKit's EndCallTool, which deletes the room or not), `job`, `session`,
`room`; `end` (`call.end`, and its entrypoint goes on saying and noting things for a while). In a
room whose name ends in "killed" its process is gone in the same moment.

    UNBROKEN_TEST_STATE/<room>.<pid>.json  all that the model was shown by a job
"""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

from livekit.agents import (
    Agent,
    AgentServer,
    AgentSession,
    JobContext,
    RunContext,
    function_tool,
    get_job_context,
)
from livekit.agents.beta import EndCallTool
from livekit.agents.voice.room_io import RoomOptions

from agents.loopback import proxy_for
from agents.worker import run, start
from tests.agents.scripted import ScriptedLLM
from unbroken import LLMMessage
from unbroken.livekit import Call, durable

RULES = [("bye", {"tool": "hang_up"}), ("bye", {"tool": "end_call"}), ("", "You said {heard}.")]


class ShownLLM(ScriptedLLM):
    """Shows what it is given to read."""

    def __init__(self) -> None:
        super().__init__(RULES)
        self.read: list[str] = []

    def chat(self, **given: Any) -> Any:
        self.read.append(str(given["chat_ctx"].to_dict()))
        room = get_job_context().room.name
        path = Path(os.environ["UNBROKEN_TEST_STATE"]) / f"{room}.{os.getpid()}.json"
        path.write_text(json.dumps(self.read))
        return super().chat(**given)


async def go(_happened: object = None) -> None:
    if get_job_context().room.name.endswith("killed"):
        os.kill(os.getpid(), signal.SIGKILL)


_is_asked = asyncio.Event()  # to hang up; a process has one job


@function_tool
async def hang_up(context: RunContext[None]) -> None:
    """Hang up."""
    job = get_job_context()
    match job.room.name.split("-")[0]:
        case "job":
            job.shutdown("said goodbye")
        case "session":
            context.session.shutdown()
        case "room":
            await job.delete_room()
        case "end":
            return _is_asked.set()
    return await go()


async def end(call: Call[None], session: AgentSession[None]) -> None:
    """The last lines of an entrypoint, behind its own hang-up."""
    await _is_asked.wait()
    await call.end("said goodbye")
    await asyncio.sleep(0.5)
    await session.say("Thank you, and goodbye.")
    call.note("survey", "five stars")
    append(call, "A message was sent to your phone.")


def append(call: Call[None], text: str) -> None:
    call.conversation_history.append(LLMMessage(role="assistant", content=text))


def tools(room: str) -> list[Any]:
    how = room.split("-", maxsplit=1)[0]
    if how in ("tool", "keep"):
        return [EndCallTool(delete_room=how == "tool", on_tool_completed=go)]
    return [hang_up]


async def answer(ctx: JobContext) -> None:
    call = durable(ctx)

    async def save() -> None:
        await asyncio.sleep(0.3)
        call.note("summary", "all that was said")
        append(call, "This call was 1 minute long.")

    ctx.add_shutdown_callback(save)
    session = AgentSession[None](llm=ShownLLM())
    agent = Agent(instructions="", tools=tools(ctx.job.room.name))
    options = RoomOptions(audio_input=False, audio_output=False, close_on_disconnect=False)
    await call.start(session, agent=agent, room_options=options)
    if call.is_new:
        await session.generate_reply(user_input="hello")
    if ctx.job.room.name == "end":
        await end(call, session)


async def main() -> None:
    proxy = proxy_for(os.environ["LIVEKIT_URL"], os.environ)
    server = AgentServer(
        num_idle_processes=1, load_fnc=lambda: 0.1, load_threshold=2.0, host="127.0.0.1", port=0,
        http_proxy=proxy,
    )  # fmt: skip
    server.rtc_session(answer)
    await run(server, os.environ)


if __name__ == "__main__":
    from tests.e2e import hangup_worker  # jobs import this file by its name

    start(hangup_worker.main)
