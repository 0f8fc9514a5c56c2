"""Two agents for one room, each a session of its own: the assistant on the first host, the
supervisor on the second. They share an order, and pass the floor.

    UNBROKEN_TEST_STATE/<room>.<role>.<pid>.json  what an agent sees of the room, as it changes
"""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, get_job_context

from agents.loopback import proxy_for
from agents.worker import run, start
from tests.agents.scripted import ScriptedLLM
from tests.e2e.shapes.shape import Tone
from unbroken import CallTaken
from unbroken.livekit import Call, durable

ASSISTANT, SUPERVISOR = "assistant", "supervisor"
ASKS = "I am sorry that it was late. Let me ask my supervisor."
HEARS = "I am the supervisor, and I hear that {}. I am very sorry to hear such a thing. "
OFFERS = "The soup is on the house. I also add a cake for you, and wish you a good evening."
TELLS = "You have {} and a {} free."


heard: list[tuple[str, str]] = []  # by the assistant, of the room, when it has the floor again


@dataclass
class Complaint:
    reason: str


@dataclass
class Verdict:
    free: list[str]


def my_role() -> str:
    return SUPERVISOR if os.environ["UNBROKEN_SPOOL"].endswith("host2") else ASSISTANT


async def assist(call: Call[Any], session: AgentSession[Any]) -> None:
    await call.room.ready()
    floor = await call.floor.take()
    await session.say(ASKS)
    await call.room.set("order", {"soup": 1}, fence=floor.fence)
    await floor.pass_to(SUPERVISOR, Complaint("it was late"))
    verdict = await floor.receive(Verdict)
    heard[:] = [(line.agent, line.content) for line in await call.heard()]
    await session.say(TELLS.format(*verdict.free))
    await floor.release()


async def supervise(call: Call[Any], session: AgentSession[Any]) -> None:
    await call.room.ready()
    complaint = await call.floor.receive(Complaint)
    if call.restored is None:
        await session.say(HEARS.format(complaint.reason) + OFFERS)
    elif speech := session.current_speech:
        await speech
    await call.room.patch("order", {"cake": 1}, fence=call.floor.fence)
    await call.floor.pass_to(ASSISTANT, Verdict(sorted(call.room.get("order"))))


async def answer(ctx: JobContext) -> None:
    role = my_role()
    session = AgentSession[None](llm=ScriptedLLM([("", "You said {heard}.")]), tts=Tone())
    call = durable(ctx, role=role, floor=True)
    ctx.proc.userdata["showing"] = asyncio.create_task(show(call, role))
    try:
        await call.start(session, agent=Agent(instructions=role), room=ctx.room)
    except CallTaken:
        return
    await (assist if role == ASSISTANT else supervise)(call, session)


async def show(call: Call[Any], role: str) -> None:
    path = Path(os.environ["UNBROKEN_TEST_STATE"])
    path /= f"{get_job_context().job.room.name}.{role}.{os.getpid()}.json"
    known = None
    while True:
        await asyncio.sleep(0.02)
        try:
            seen = {"holder": call.floor.holder, "is_held": call.floor.is_held, "term": call.term}
            seen["heard"] = list(heard)
            seen["order"] = call.room.get("order")
            seen["restored"] = call.restored.report if call.restored else None
        except Exception:  # noqa: BLE001, S112 - not started yet
            continue
        if seen != known:
            known = seen
            path.with_suffix(".new").write_text(json.dumps(seen))
            path.with_suffix(".new").rename(path)


async def main() -> None:
    server = AgentServer(
        num_idle_processes=1, load_fnc=lambda: 0.1, load_threshold=2.0, host="127.0.0.1", port=0,
        http_proxy=proxy_for(os.environ["LIVEKIT_URL"], os.environ), initialize_process_timeout=60,
    )  # fmt: skip
    server.rtc_session(answer, agent_name=my_role())
    await run(server, os.environ)


if __name__ == "__main__":
    from tests.e2e import floor_worker  # jobs import this file by its name

    start(floor_worker.main)
