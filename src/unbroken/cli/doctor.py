"""`unbroken doctor`: is everything here that `unbroken up` needs, and who answers?

It only looks: nothing is made, and what runs goes on.
"""

import asyncio
import json
import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from unbroken.archive.destination import Destination
from unbroken.cli import advice, extras, folders, health, ports
from unbroken.cli.parts import livekit_server
from unbroken.cli.refusal import Refusal, refusal_of
from unbroken.cli.remains import keeper_of
from unbroken.cli.variables import misspelt
from unbroken.env import Host
from unbroken.errors import UnbrokenError
from unbroken.journal.spool import Spool
from unbroken.machine import LOOPBACK, data_folder

Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port of the service.")]
LivekitPort = Annotated[int, typer.Option(min=1, max=65_535, help="Port of LiveKit.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
Advise = Annotated[
    bool, typer.Option("--advise", help="Only: are coordination and Redis needed here, and why?")
]
GOOD, BAD = "ok  ", "BAD "
REDIS_S = 2.0  # for each step of an answer
REFUSED = 401  # HTTP: by a service that wants its key

Check = tuple[str, Callable[[], str], str]  # what is looked at, how, and what mends it


class Checked(NamedTuple):
    """`fix`: what to do about it; None: it is good."""

    name: str
    said: str
    fix: str | None


def doctor(
    *,
    port: Port = 8000,
    livekit_port: LivekitPort = 7880,
    as_json: Json = False,
    advise: Advise = False,
) -> None:
    """Check versions, folders, ports, settings and the model. Exit code 1 when one is bad.

    --advise looks at the last 100 conversations of the service instead, and always ends with 0.
    """
    if advise:
        _advise(port, as_json=as_json)
        return
    found = [_look(check) for check in _checks(port, livekit_port)]
    if as_json:
        checks = [{**one._asdict(), "ok": one.fix is None} for one in found]
        print(json.dumps({"ok": all(check["ok"] for check in checks), "checks": checks}))
    else:
        for name, said, fix in found:
            print(f"{BAD}{name}: {said} Fix: {fix}" if fix else f"{GOOD}{name}: {said}")
    if any(f.fix for f in found):
        raise typer.Exit(1)


def _advise(port: int, *, as_json: bool) -> None:
    """Of the service in UNBROKEN_ARCHIVE, else the one at that port."""
    host = Host()
    named = host.variable("UNBROKEN_ARCHIVE") or f"http://{LOOPBACK}:{port}"
    to = Destination.of(host, named)
    try:
        load = asyncio.run(advice.look(to.url, to.key))
    except UnbrokenError:
        load = None
    given = advice.advise(load, redis=bool(host.variable("UNBROKEN_REDIS")))
    if as_json:
        reasons = [reason._asdict() for reason in given.reasons]
        print(json.dumps(given._asdict() | {"reasons": reasons}))
    else:
        print("\n".join(advice.lines(given)))


def _look(check: Check) -> Checked:
    name, look, fix = check
    try:
        return Checked(name, look(), None)
    except Refusal as refusal:
        return Checked(name, str(refusal), fix)


def _checks(port: int, livekit_port: int) -> Iterator[Check]:
    data, spool = data_folder(os.environ), folders.spool_folder()
    unbroken = f"{version('unbroken')}, Python {platform.python_version()}"
    yield "unbroken", lambda: unbroken, ""
    yield "livekit-agents", _livekit_agents, "pip install 'unbroken[all]'."
    yield _livekit()
    if redis := os.environ.get("UNBROKEN_REDIS"):
        yield (
            "Redis",
            partial(_redis, redis),
            "start it, or unset UNBROKEN_REDIS: nothing needs it.",
        )
    yield "data folder", lambda: _folder(data), "set UNBROKEN_DATA to a folder of your own."
    mend_spool = "set UNBROKEN_SPOOL to a folder of your own."
    yield "spool", lambda: _folder(spool), mend_spool
    for sentence in misspelt(os.environ):
        yield "setting", partial(_refuse, sentence), "rename it, or unset it."
    yield "keeper", lambda: _keeper(spool), mend_spool
    runs = folders.runs_on(data)
    if runs:
        yield "unbroken up", lambda: f"runs ({runs})", ""
        port = _port_in(runs) or port
    yield from _network(port, livekit_port, is_up=bool(runs))


def _livekit() -> Check:
    """Of the server that is named, else of the program that would be started."""
    if url := os.environ.get("LIVEKIT_URL"):
        return "livekit-server", partial(_other_livekit, url), "start it, or unset LIVEKIT_URL."
    fix = "install it, or name it in UNBROKEN_LIVEKIT_SERVER."
    return "livekit-server", _livekit_server, fix


def _network(port: int, livekit_port: int, *, is_up: bool) -> Iterator[Check]:
    status, running = asyncio.run(_system(port))
    if running is not None:
        yield "service", lambda: f"version {running.get('version')} answers on port {port}", ""
        model = str(running.get("model") or "none is known to the service")
        yield "language model", lambda: model, ""
    elif status == REFUSED:
        yield "service", lambda: f"one answers on port {port} and wants its key", ""
    else:
        yield (
            "service port",
            partial(_free, port, "service"),
            "end that process, or choose another port with --port.",
        )
        yield "language model", _configured_model, ""
    if not is_up and status is None and not os.environ.get("LIVEKIT_URL"):
        look = partial(_free, livekit_port, "LiveKit")
        yield "LiveKit port", look, "end that process, or choose another with --livekit-port."


def _free(port: int, purpose: str) -> str:
    return f"{ports.claim(port, purpose)} is free"


def _refuse(sentence: str) -> str:
    raise Refusal(sentence)


def _livekit_agents() -> str:
    try:
        return version("livekit-agents")
    except PackageNotFoundError:
        raise Refusal("it is not installed.") from None


def _livekit_server() -> str:
    program = livekit_server(os.environ)
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refusal(f"{program} does not run: {error}.") from error
    return f"{said.stdout.strip()} ({program})"


def _other_livekit(url: str) -> str:
    """Asked only without TLS: what it says to others is its own matter."""
    parts = urlsplit(url)
    if parts.scheme in {"ws", "http"}:
        if not asyncio.run(health.is_healthy(f"http://{parts.netloc}/")):
            raise Refusal(f"nobody answers at {url}, which LIVEKIT_URL names.")
        return f"the one at {url} answers"
    return f"the one at {url} (not asked)"


def _redis(url: str) -> str:
    """Nothing of the URL is told: it may hold a password."""
    extras.need(("redis",))
    from redis.exceptions import RedisError  # noqa: PLC0415  an extra

    try:
        asyncio.run(_ping(url))
    except (UnbrokenError, RedisError, OSError) as error:
        why = str(error) if isinstance(error, UnbrokenError) else type(error).__name__
        said = f"the one that UNBROKEN_REDIS names does not answer, or refuses ({why})."
        raise Refusal(said) from error
    return "the one that UNBROKEN_REDIS names answers"


async def _ping(url: str) -> None:
    """Raises SettingsInvalid, and what redis-py raises."""
    from unbroken.redis_client import client_at  # noqa: PLC0415  an extra

    client = client_at(url, answer_s=REDIS_S)
    try:
        await client.ping()
    finally:
        await client.aclose()


def _folder(folder: Path) -> str:
    free = folders.free_bytes(folder)
    made = "" if folder.exists() else ", not made yet"
    return f"{folder}, {free / 1e9:.1f} GB free{made}"


def _keeper(spool: Path) -> str:
    """Who ships the spool, and what waits for it."""
    host = Host()
    try:
        waiting = len(list(spool.glob("*.journal"))) if spool.is_dir() else 0
        is_kept = host.is_locked(Spool(host, str(spool)).keeper_lock)
    except OSError as error:
        raise refusal_of(error, f"Looking into {spool}") from error
    journals = f"{waiting} journal{'' if waiting == 1 else 's'} in the spool"
    if not is_kept:
        return f"none runs, the first agent starts one; {journals}"
    pid = keeper_of(spool)
    return f"{f'process {pid}' if pid else 'one under a supervisor'} ships; {journals}"


def _port_in(runs: str) -> int | None:
    found = re.search(r"http://localhost:(\d+)", runs)
    return int(found.group(1)) if found else None


async def _system(port: int) -> tuple[int | None, dict[str, object] | None]:
    """Status, and what the service that runs says about itself; None, None when none does."""
    try:
        status, body = await health.get(f"http://{LOOPBACK}:{port}/api/v1/system")
        found = json.loads(body)
    except (health.NoAnswerError, ValueError):
        return None, None
    is_ours = isinstance(found, dict) and ("version" in found or "code" in found)
    return (status, found if "version" in found else None) if is_ours else (None, None)


def _configured_model() -> str:
    if url := os.environ.get("UNBROKEN_LLM_URL"):
        return f"{os.environ.get('UNBROKEN_LLM_MODEL') or 'the default model'} at {url}"
    return "none: the written assistant needs none"
