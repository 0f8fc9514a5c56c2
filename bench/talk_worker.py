"""A worker with one agent, started durably or as plain LiveKit does it: by the room's name.

`python -m bench.talk_worker`. Both take the same job processes, speech, scripted model and options.
All that differs is `durable(ctx).start(...)` in place of `session.start(...)` and `ctx.connect()`.
"""

import math
import os
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, inference, room_io

from agents.persona import GREETING, INSTRUCTIONS
from agents.worker import prewarm, run, start
from bench.costs import Costs
from tests.agents.scripted import ScriptedLLM
from unbroken.livekit import durable

PLAIN = "plain-"  # rooms whose names begin so are without Unbroken
IDLE_JOBS = 2
RULES = [("", "Yes, I can hear you well.")]


class Answering(Agent):
    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTIONS)

    async def on_enter(self) -> None:
        self.session.say(GREETING)


async def answer(ctx: JobContext) -> None:
    Costs(ctx)
    session = AgentSession[None](
        vad=inference.VAD(),
        stt=ctx.proc.userdata["ears"],
        llm=ScriptedLLM(RULES),
        tts=ctx.proc.userdata["voice"],
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "preemptive_generation": {"enabled": False},
        },
        use_tts_aligned_transcript=True,
    )
    if ctx.job.room.name.startswith(PLAIN):
        # The options that `durable` sets by itself: without them plain would do a little more.
        options = room_io.RoomOptions(close_on_disconnect=False)
        await session.start(
            agent=Answering(), room=ctx.room, room_options=options, session_host=False
        )
        await ctx.connect()
    else:
        await durable(ctx).start(session, agent=Answering())


def _no_load(*_: Any) -> float:
    return 0.1


async def main() -> None:
    server = AgentServer(
        num_idle_processes=IDLE_JOBS,
        load_fnc=_no_load,
        load_threshold=math.inf,
        host="127.0.0.1",
        port=0,
        initialize_process_timeout=60.0,
        setup_fnc=prewarm,
    )
    server.rtc_session(answer, agent_name=os.environ["UNBROKEN_AGENT_NAME"])
    await run(server, os.environ)


if __name__ == "__main__":
    start(main)
