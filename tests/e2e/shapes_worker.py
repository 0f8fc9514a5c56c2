"""A worker for all shapes: the room's name says which one its job is.

UNBROKEN_TEST_STATE/<room>.<pid>.json        the live objects, as they change
UNBROKEN_TEST_STATE/<room>.<pid>.started.json  the same when `start` had returned
"""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from livekit.agents import AgentServer, AgentSession, JobContext

from agents.loopback import proxy_for
from agents.worker import run, start
from tests.agents.scripted import ScriptedLLM
from tests.e2e.shapes.all import SHAPES
from tests.e2e.shapes.realtime import REALTIME
from tests.e2e.shapes.seen import seen
from tests.e2e.shapes.shape import Shape, Tone
from unbroken import CallTaken
from unbroken.livekit import durable

LOOK_S = 0.02


async def answer(ctx: JobContext) -> None:
    shape = (SHAPES | {REALTIME.name: REALTIME})[ctx.job.room.name]
    given = {"llm": ScriptedLLM(shape.rules), "tts": Tone()} | shape.session()
    session = AgentSession[Any](**given)
    ctx.proc.userdata["showing"] = asyncio.create_task(show(ctx, shape, session))
    try:
        agent = (shape.first or session.userdata.first)()
        await durable(ctx, agents=shape.agents).start(session, agent=agent)
    except CallTaken:
        return
    write(ctx, "started.json", seen(session))
    if shape.begin:
        shape.begin(ctx, session)


async def show(ctx: JobContext, shape: Shape, session: AgentSession[Any]) -> None:
    """Each change of state, until the process is killed."""
    last = None
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            state = seen(session) | {"people": sorted(ctx.room.remote_participants)}
        except RuntimeError:  # not started yet, or over
            continue
        if state != last:
            last = state
            write(ctx, "json", state)


def write(ctx: JobContext, suffix: str, state: dict[str, Any]) -> None:
    folder = Path(os.environ["UNBROKEN_TEST_STATE"])
    path = folder / f"{ctx.job.room.name}.{os.getpid()}.{suffix}"
    new = path.with_suffix(".new")
    shown = state | {"at": time.time(), "identity": ctx.local_participant_identity}
    new.write_text(json.dumps(shown))
    new.rename(path)


async def main() -> None:
    server = AgentServer(
        num_idle_processes=5, load_fnc=lambda: 0.1, load_threshold=2.0, host="127.0.0.1", port=0,
        http_proxy=proxy_for(os.environ["LIVEKIT_URL"], os.environ), initialize_process_timeout=30,
    )  # fmt: skip
    server.rtc_session(answer, agent_name=os.environ["UNBROKEN_AGENT_NAME"])
    await run(server, os.environ)


if __name__ == "__main__":
    from tests.e2e import shapes_worker  # jobs import this file by its name

    start(shapes_worker.main)
