"""The parts of `unbroken up`: which processes, with which words, folders and addresses."""

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import unbroken
from unbroken.cli.folders import LiveKitKeys, write_private
from unbroken.cli.model import EMBEDDED_MODEL, Model
from unbroken.cli.part import Part
from unbroken.cli.refusal import Refusal
from unbroken.machine import LOOPBACK, OWN_NAMES

MODELS_READY_S = 120.0  # loading speech and language models on a small, busy machine


REDIS_SERVERS = ("redis-server", "valkey-server")
REDIS_MEMORY = "256mb"  # beyond it Redis refuses to write; some 5,000 long calls
DEMO_CRASHES_MAX = "20"  # in two minutes
# All that servers of others are told: LiveKit's keys are in its file, ours are not their business.
SERVER_VARIABLES = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "GOMAXPROCS", "GOMEMLIMIT"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one `unbroken up` runs. Ports are real ones; None: the part is not ours to start."""

    data: Path
    spool: Path
    keys: LiveKitKeys
    livekit_url: str | None
    service_port: int
    livekit_port: int | None
    media_port: int | None
    model: Model | None  # None: the server in UNBROKEN_LLM_URL
    llm_port: int | None
    worker_port: int | None
    redis_port: int | None
    agent: str
    demo: bool

    @property
    def service_url(self) -> str:
        return f"http://{LOOPBACK}:{self.service_port}"


def parts(plan: Plan, environ: Mapping[str, str]) -> list[Part]:
    """The processes of `plan`, in the order in which they are told."""
    env = shared_environ(plan, environ)
    found = [_service(plan, env)]
    if plan.redis_port is not None:
        found.append(_redis(plan, plan.redis_port, env))
    if plan.livekit_port is not None:
        found.insert(0, _livekit(plan, env))
    if plan.llm_port is not None:
        found.append(_llm(plan.llm_port, env))
    if plan.worker_port is not None:
        found.append(_worker(plan, plan.worker_port, env))
    return found


def shared_environ(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """What every part is told: where the others are. Proxies are not for this machine."""
    no_proxy = ",".join(filter(None, [environ.get("NO_PROXY", ""), *OWN_NAMES]))
    env = {
        **environ,
        "LIVEKIT_URL": plan.livekit_url or f"ws://{LOOPBACK}:{plan.livekit_port}",
        "LIVEKIT_API_KEY": plan.keys.api_key,
        "LIVEKIT_API_SECRET": plan.keys.api_secret,
        "UNBROKEN_ARCHIVE": plan.service_url,
        "UNBROKEN_DATA": str(plan.data),
        "UNBROKEN_SPOOL": str(plan.spool),
        "UNBROKEN_DEMO": "1" if plan.demo else "0",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }
    if plan.demo:
        # Whoever presses the button three times wants to see it a fourth time.
        env.setdefault("UNBROKEN_CRASHES_MAX", DEMO_CRASHES_MAX)
    if plan.model is Model.WRITTEN:
        env |= {"UNBROKEN_LLM_URL": "", "UNBROKEN_LLM_MODEL": Model.WRITTEN}
    if plan.redis_port is not None:
        env["UNBROKEN_REDIS"] = redis_url(plan.redis_port)
    if plan.llm_port is not None:
        env["UNBROKEN_LLM_URL"] = f"http://{LOOPBACK}:{plan.llm_port}/v1"
        env["UNBROKEN_LLM_MODEL"] = EMBEDDED_MODEL
    return env


def _livekit(plan: Plan, env: Mapping[str, str]) -> Part:
    config = plan.data / "livekit.yaml"
    write_private(config, livekit_config(plan))
    return Part(
        name="livekit-server",
        command=(livekit_server(env), "--config", str(config)),
        health_url=f"http://{LOOPBACK}:{plan.livekit_port}/",
        environ={name: value for name, value in env.items() if name in SERVER_VARIABLES},
        stops_last=True,
    )


def livekit_config(plan: Plan) -> str:
    """Signalling and media on the loopback interface only; without `interfaces` and `ips`
    the media socket would be open on every interface.
    """
    return f"""\
port: {plan.livekit_port}
bind_addresses: ["{LOOPBACK}"]
keys: {{{plan.keys.api_key}: {plan.keys.api_secret}}}
rtc:
  tcp_port: 0
  udp_port: {plan.media_port}
  use_external_ip: false
  node_ip: {LOOPBACK}
  enable_loopback_candidate: true
  interfaces: {{includes: [lo]}}
  ips: {{includes: ["{LOOPBACK}/32"]}}
logging: {{level: info, json: false}}
"""


def livekit_server(environ: Mapping[str, str]) -> str:
    """The program: UNBROKEN_LIVEKIT_SERVER, the checkout's own, or the PATH's."""
    checkout = Path(unbroken.__file__).parents[2] / ".tools" / "livekit-server"
    for found in (
        environ.get("UNBROKEN_LIVEKIT_SERVER"),
        str(checkout),
        shutil.which("livekit-server"),
    ):
        if found and os.access(found, os.X_OK):
            return found
    raise Refusal(
        "livekit-server was not found. In a checkout `make run` builds it; else install it, "
        "or name it in UNBROKEN_LIVEKIT_SERVER, or set LIVEKIT_URL to a server that runs.",
    )


def redis_server(environ: Mapping[str, str]) -> str:
    """The program: UNBROKEN_REDIS_SERVER, or Redis or Valkey on the PATH."""
    named = (environ.get("UNBROKEN_REDIS_SERVER"), *map(shutil.which, REDIS_SERVERS))
    for found in named:
        if found and os.access(found, os.X_OK):
            return found
    raise Refusal(
        "redis-server was not found, and nothing needs it: go without --redis, or install it, or "
        "name it in UNBROKEN_REDIS_SERVER."
    )


def redis_url(port: int) -> str:
    return f"redis://{LOOPBACK}:{port}/0"


def _redis(plan: Plan, port: int, env: Mapping[str, str]) -> Part:
    """Nothing of it is kept: it is a view, and its writers put it back."""
    options = {
        "port": str(port),
        "bind": LOOPBACK,
        "save": "",
        "appendonly": "no",
        "dir": str(plan.data),
        "maxmemory": REDIS_MEMORY,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Part(
        name="redis-server",
        command=(redis_server(env), *words),
        health_url=redis_url(port),
        environ={name: value for name, value in env.items() if name in SERVER_VARIABLES},
        stops_last=True,
    )


def _service(plan: Plan, env: Mapping[str, str]) -> Part:
    return Part(
        name="service",
        command=(sys.executable, "-m", "unbroken", "serve", "--port", str(plan.service_port)),
        health_url=f"{plan.service_url}/healthz",
        environ=env,
        stops_last=True,
    )


def _llm(port: int, env: Mapping[str, str]) -> Part:
    return Part(
        name="language model",
        command=(sys.executable, "-m", "agents.llm_server", "--port", str(port)),
        health_url=f"http://{LOOPBACK}:{port}/health",
        environ=env,
        cwd=home_of("agents.llm_server"),
        ready_within_s=MODELS_READY_S,
    )


def _worker(plan: Plan, port: int, env: Mapping[str, str]) -> Part:
    module, *words = shlex.split(plan.agent)
    return Part(
        name="agent",
        command=(sys.executable, "-m", module, *words),
        health_url=f"http://{LOOPBACK}:{port}/",
        ready_text=b"registered worker",  # a room that is made before finds nobody
        environ={**env, "UNBROKEN_WORKER_PORT": str(port)},
        cwd=home_of(module),
        ready_within_s=MODELS_READY_S,
    )


def home_of(module: str) -> str:
    """The folder from which `python -m module` works: this one, the checkout, or the wheel's demo.

    Raises Refusal when there is no such module.
    """
    path = Path(*module.split("."))
    package = Path(unbroken.__file__).parent
    for folder in (Path.cwd(), package.parents[1], package / "demo"):
        if (folder / path).with_suffix(".py").exists() or (folder / path).is_dir():
            return str(folder)
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if found:
        return str(Path.cwd())
    raise Refusal(f"There is no agent module {module}; name yours with --agent, or use --no-agent.")
