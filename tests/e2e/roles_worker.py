"""A worker whose job has two written sessions in one room, kept at a service of its own.

    UNBROKEN_TEST_ARCHIVE                  the service; the environment's does not answer
    UNBROKEN_TEST_STATE/<room>.<pid>.json  the sessions and histories of a job, as they are
    UNBROKEN_TEST_STATE/<room>.<pid>.fenced  exists once it was told that it is deposed

In a room named "stays" the entrypoint never returns, and being told raises an error.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, get_job_context
from livekit.agents.voice.room_io import RoomOptions

from agents.loopback import proxy_for
from agents.worker import run, start
from tests.agents.scripted import ScriptedLLM
from unbroken import CallTaken
from unbroken.livekit import Call, durable

ROLES = ("left", "right")


def state(suffix: str) -> Path:
    name = get_job_context().job.room.name
    return Path(os.environ["UNBROKEN_TEST_STATE"]) / f"{name}.{os.getpid()}.{suffix}"


async def begin(ctx: JobContext, role: str) -> Call[Any]:
    session = AgentSession[None](llm=ScriptedLLM([("", "You said {heard}.")]))
    options = RoomOptions(
        audio_input=False,
        audio_output=False,
        close_on_disconnect=False,
        participant_identity=role,
    )
    call = durable(ctx, role=role, archive=os.environ["UNBROKEN_TEST_ARCHIVE"])
    call.on_fenced(told)
    await call.start(session, agent=Agent(instructions=role), room=ctx.room, room_options=options)
    if call.is_new:
        await session.generate_reply(user_input=f"hello from {role}")
    return call


def told() -> None:
    state("fenced").touch()
    raise RuntimeError("a fault of the application")


async def answer(ctx: JobContext) -> None:
    try:
        calls = [await begin(ctx, role) for role in ROLES]
    except CallTaken:
        return
    ctx.proc.userdata["showing"] = asyncio.create_task(show(calls))
    if ctx.room.name == "stays":
        await asyncio.Event().wait()


async def show(calls: list[Call[Any]]) -> None:
    while True:
        seen = {
            c.role: [str(c.session_id or ""), [m.content for m in c.conversation_history]]
            for c in calls
        }
        state("new").write_text(json.dumps(seen))
        state("new").rename(state("json"))
        await asyncio.sleep(0.05)


async def main() -> None:
    proxy = proxy_for(os.environ["LIVEKIT_URL"], os.environ)
    server = AgentServer(
        num_idle_processes=1, load_fnc=lambda: 0.1, load_threshold=2.0, host="127.0.0.1", port=0,
        http_proxy=proxy,
    )  # fmt: skip
    server.rtc_session(answer, agent_name=os.environ["UNBROKEN_AGENT_NAME"])
    await run(server, os.environ)


if __name__ == "__main__":
    from tests.e2e import roles_worker  # jobs import this file by its name

    start(roles_worker.main)
