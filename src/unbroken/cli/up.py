"""`unbroken up`: everything on this machine, in the foreground, until Ctrl-C."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from unbroken.cli import extras, folders, ports, remains
from unbroken.cli import model as models
from unbroken.cli.model import Model
from unbroken.cli.parts import Plan, parts, redis_server, redis_url, shared_environ
from unbroken.cli.refusal import Refusal
from unbroken.cli.supervisor import Supervisor
from unbroken.machine import data_folder

PORT_MAX = 65_535
ASSISTANT = "agents.worker"
Port = Annotated[int, typer.Option(min=0, max=PORT_MAX, help="Of the page and the API; 0: any.")]
SignalPort = Annotated[int, typer.Option(min=0, max=PORT_MAX, help="LiveKit's, TCP; 0: any.")]
MediaPort = Annotated[int, typer.Option(min=0, max=PORT_MAX, help="LiveKit's, UDP; 0: any.")]
AgentModule = Annotated[
    str,
    typer.Option(
        help="The worker, as for python -m: a module and its words. Its HTTP health must answer "
        "on the port in UNBROKEN_WORKER_PORT.",
    ),
]
NoAgent = Annotated[bool, typer.Option("--no-agent", help="Start no worker and no model.")]
Demo = Annotated[
    bool, typer.Option("--demo", help="The page may kill the agent in mid call, to see it go on.")
]
Brain = Annotated[
    Model | None,
    typer.Option(
        "--model", help="Who thinks for the assistant: written rules, or a very small model."
    ),
]
Redis = Annotated[
    bool,
    typer.Option(
        "--redis",
        help="Start a Redis, too: what a StateManager shares between processes, and where windows "
        "of limits are counted. Nothing needs it.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show what the parts print.")]


def up(
    *,
    port: Port = 8000,
    livekit_port: SignalPort = 7880,
    media_port: MediaPort = 7882,
    agent: AgentModule = ASSISTANT,
    no_agent: NoAgent = False,
    demo: Demo = False,
    model: Brain = None,
    redis: Redis = False,
    verbose: Verbose = False,
) -> None:
    """Start LiveKit, the service and the agent; keep them alive.

    With LIVEKIT_URL set, that server is used instead of an own one; with UNBROKEN_LLM_URL set, the
    model there answers in place of the written assistant.
    """
    began_s = time.monotonic()
    environ = os.environ
    extras.need(("fastapi", *(() if no_agent else ("livekit", *_speech(agent)))))
    data, spool = data_folder(environ), folders.spool_folder()
    for folder in (data, data / "logs", spool):
        folders.make_folder(folder)
    if redis:
        _check_redis(environ)
    own_livekit = not environ.get("LIVEKIT_URL")
    brain = models.chosen(model, environ)
    own_llm = not no_agent and brain is Model.SMOLLM2
    with folders.lock(data, whose=f"process {os.getpid()}") as held:
        plan = Plan(
            data=data,
            spool=spool,
            keys=_keys(environ, data),
            agent=agent,
            demo=demo,
            model=brain,
            livekit_url=environ.get("LIVEKIT_URL"),
            service_port=ports.claim(port, "service, --port"),
            livekit_port=_claim_if(own_livekit, livekit_port, "LiveKit, --livekit-port"),
            media_port=_claim_if(own_livekit, media_port, "media, --media-port", udp=True),
            llm_port=_claim_if(own_llm, 0, "language model"),
            worker_port=_claim_if(not no_agent, 0, "agent"),
            redis_port=_claim_if(redis, 0, "Redis"),
        )
        folders.note_in(held, f"process {os.getpid()}, {address(plan)}")
        _supervise(plan, environ, began_s=began_s, verbose=verbose)


def _supervise(plan: Plan, environ: Mapping[str, str], *, began_s: float, verbose: bool) -> None:
    async def welcome() -> None:
        remains.ship(plan.spool, shared_environ(plan, environ))
        tell(f"All parts work after {time.monotonic() - began_s:.1f} s.")
        if plan.redis_port is not None:
            tell(f"Redis is at {redis_url(plan.redis_port)}; agents have it in UNBROKEN_REDIS.")
        for line in await _about_the_model(plan, environ):
            tell(line)
        tell(f"Open {address(plan)}  (Ctrl-C ends everything)")

    async def run() -> None:
        logs = plan.data / "logs"
        supervisor = Supervisor(parts(plan, environ), logs=logs, tell=tell, verbose=verbose)
        await supervisor.run(welcome)

    remains.end_keeper(plan.spool)
    try:
        asyncio.run(run())
    finally:
        remains.end_keeper(plan.spool)
    tell("Everything has ended.")


def _check_redis(environ: Mapping[str, str]) -> None:
    """Before anything is started. Raises Refusal."""
    if environ.get("UNBROKEN_REDIS"):
        raise Refusal("UNBROKEN_REDIS names a Redis already: go without --redis, or unset it.")
    extras.need(("redis",))
    redis_server(environ)


def _speech(agent: str) -> tuple[str, ...]:
    """What the assistant needs beside LiveKit; an agent of one's own brings what it needs."""
    return ("onnxruntime", "moonshine_voice", "hibari") if agent == ASSISTANT else ()


def _claim_if(wanted: bool, port: int, purpose: str, *, udp: bool = False) -> int | None:
    return ports.claim(port, purpose, udp=udp) if wanted else None


def _keys(environ: Mapping[str, str], data: Path) -> folders.LiveKitKeys:
    """The keys of the LiveKit server that is named, else those of this machine."""
    if not environ.get("LIVEKIT_URL"):
        return folders.livekit_keys(data)
    keys = folders.LiveKitKeys(
        environ.get("LIVEKIT_API_KEY", ""), environ.get("LIVEKIT_API_SECRET", "")
    )
    if not all(keys):
        raise Refusal("LIVEKIT_URL is set; LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be, too.")
    return keys


def address(plan: Plan) -> str:
    """Where the page is. Browsers give the microphone to localhost, not to a bare address."""
    return f"http://localhost:{plan.service_port}"


async def _about_the_model(plan: Plan, environ: Mapping[str, str]) -> list[str]:
    """Which model answers, and which one could."""
    if plan.worker_port is None:
        return ["No agent was started (--no-agent)."]
    said = [models.line(plan.model, environ)]
    if plan.model is Model.WRITTEN and (other := await models.offer(except_port=plan.service_port)):
        said.append(other)
    return said


def tell(text: str) -> None:
    """Print a line; a terminal that is gone must not keep the parts from being ended."""
    with suppress(OSError):
        print(text, flush=True, file=sys.stdout)
