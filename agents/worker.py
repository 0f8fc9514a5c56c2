"""The assistant as a LiveKit worker: `python -m agents.worker [--port N]`.

LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET   whom it works for
UNBROKEN_ARCHIVE, UNBROKEN_SPOOL                   where calls are kept
UNBROKEN_AGENT_NAME     whom rooms dispatch (concierge)
UNBROKEN_LLM_URL, ...   which model answers: see agents/llm.py; unset, the written brain does
UNBROKEN_IDLE_JOBS      warm processes that wait for a call (1)
UNBROKEN_DRAIN_S        how long calls may last after SIGTERM (0: they are left for others at once)
UNBROKEN_WORKER_PORT    of the health answer (agents/health.py; 0: any free one), as is --port
"""

import argparse
import asyncio
import importlib
import logging
import math
import os
import signal
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from livekit.agents import (
    AgentServer,
    AgentSession,
    APIConnectOptions,
    JobContext,
    JobProcess,
    inference,
    llm,
)
from livekit.agents.voice.agent_session import SessionConnectOptions

from agents.brain.llm import WrittenLLM
from agents.core.agent import AGENTS, VoiceAssistantAgent
from agents.core.order import Order
from agents.health import health
from agents.loopback import exempt, proxy_for
from agents.persona import READ_S
from agents.services.backend_client import BackendClient
from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from unbroken import CallTaken, SettingsInvalid
from unbroken.livekit import durable

log = logging.getLogger(__name__)

AGENT_NAME = "concierge"
PREWARM_WITHIN_S = 30.0  # models load slowly on a busy host, and a slow start is no failure

# Job processes get it by pickling: a function of a module, or a partial of one.
MakeLLM: TypeAlias = Callable[[], llm.LLM[Any]]


def make_llm() -> llm.LLM[Any]:
    """The written brain, or the model that the environment names. Raises SettingsInvalid."""
    if not os.environ.get("UNBROKEN_LLM_URL"):
        return WrittenLLM()
    from agents import llm as models  # noqa: PLC0415 - loads the client of model servers

    return models.make(models.choose(os.environ))


def build_server(environ: Mapping[str, str], *, make: MakeLLM = make_llm) -> AgentServer:
    """A worker whose jobs run the assistant on the model that `make` makes in each of them."""
    server = AgentServer(
        num_idle_processes=_number(environ, "UNBROKEN_IDLE_JOBS", 1),
        # A busy small host must not refuse calls: LiveKit's own threshold would.
        load_fnc=_no_load,
        load_threshold=math.inf,
        host="127.0.0.1",
        port=0,  # ours answers in its place: see agents/health.py
        http_proxy=proxy_for(environ.get("LIVEKIT_URL", ""), environ),
        initialize_process_timeout=PREWARM_WITHIN_S,
        setup_fnc=prewarm,
    )
    name = environ.get("UNBROKEN_AGENT_NAME") or AGENT_NAME
    server.rtc_session(partial(answer, make=make), agent_name=name, on_session_end=finish)
    return server


def prewarm(process: JobProcess) -> None:
    """Load ears and voice before a call comes."""
    _quiet_clients()
    importlib.import_module("anyio._backends._asyncio")  # else the first call waits 0.1 s for it
    ears, voice = MoonshineSTT(), HibariTTS()
    ears.warm_up()
    voice.warm_up()
    process.userdata.update(ears=ears, voice=voice)


async def answer(ctx: JobContext, *, make: MakeLLM) -> None:
    """One call. Returns when the assistant speaks; the job lasts until the room is empty."""
    session = AgentSession[Order](
        vad=inference.VAD(),
        stt=ctx.proc.userdata["ears"],
        llm=make(),
        tts=ctx.proc.userdata["voice"],
        turn_handling={
            "turn_detection": inference.TurnDetector(version="v1-mini"),
            "preemptive_generation": {"enabled": False},  # first interims are often wrong
        },
        use_tts_aligned_transcript=True,
        conn_options=SessionConnectOptions(llm_conn_options=APIConnectOptions(timeout=READ_S)),
        userdata=Order(),
    )
    agent = ctx.proc.userdata["agent"] = VoiceAssistantAgent(ctx, BackendClient())
    try:
        call = await durable(ctx, agents=AGENTS).start(session, agent=agent)
    except CallTaken:
        log.info("call left to another agent", extra={"room": ctx.job.room.name})
        return
    await agent.attach(call)


async def finish(ctx: JobContext) -> None:
    """The session's summary, while the job still has its journal."""
    agent: VoiceAssistantAgent | None = ctx.proc.userdata.get("agent")
    if agent:
        await agent.cleanup()


async def run(server: AgentServer, environ: Mapping[str, str]) -> None:
    """Work until SIGTERM or SIGINT; a second one is not needed: draining is bounded."""
    drain_s = _number(environ, "UNBROKEN_DRAIN_S", 0)
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with health(server, port=_number(environ, "UNBROKEN_WORKER_PORT", 0)):
        working = asyncio.create_task(server.run(), name="worker")
        ending = asyncio.create_task(told.wait(), name="told to end")
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not working.done():
            await _end(server, drain_s)
        await working


async def _end(server: AgentServer, drain_s: int) -> None:
    if drain_s:  # LiveKit takes 0 for no bound
        try:
            await server.drain(timeout=drain_s)
        except TimeoutError:
            log.info("calls left for other agents")
    await server.aclose()


async def _main() -> None:
    if os.environ.get("UNBROKEN_LLM_URL"):
        from agents import llm as models  # noqa: PLC0415 - loads the client of model servers

        await models.name_model_in(os.environ)
        log.info("answers come from %s", models.choose(os.environ))
    await run(build_server(os.environ), os.environ)


def start(work: Callable[[], Any], arguments: Sequence[str] | None = None) -> None:
    """Run the coroutine function `work` with the command line's settings in the environment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, help="of the HTTP health answer")
    if (port := parser.parse_args(arguments).port) is not None:
        os.environ["UNBROKEN_WORKER_PORT"] = str(port)
    exempt(os.environ)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _quiet_clients()
    try:
        asyncio.run(work())
    except SettingsInvalid as error:
        raise SystemExit(f"agents.worker: {error}") from error


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal():
        raise SettingsInvalid(f"{name} is a whole number, not {text!r}")
    return int(text)


def _quiet_clients() -> None:
    """No line for each request that went well, and none for each token that is signed with a short
    secret: only this host may use one, see `unbroken.service.server.bind`."""
    warnings.filterwarnings("ignore", message="The HMAC key is")
    for name in ("httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _no_load() -> float:
    return 0.1


if __name__ == "__main__":
    start(_main)
