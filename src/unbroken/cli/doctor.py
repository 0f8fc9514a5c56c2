"""`unbroken doctor`: is everything here that `unbroken up` needs, and who answers?"""

import asyncio
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from unbroken.cli import folders, health, ports
from unbroken.cli.parts import livekit_server
from unbroken.cli.refusal import Refusal

Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port of the service.")]
LivekitPort = Annotated[int, typer.Option(min=1, max=65_535, help="Port of LiveKit.")]
GOOD, BAD = "ok  ", "BAD "


def doctor(*, port: Port = 8000, livekit_port: LivekitPort = 7880) -> None:
    """Check versions, folders, ports and the model. Exit code 1 when something is bad."""
    is_bad = False
    for name, check in _checks(port, livekit_port):
        try:
            print(f"{GOOD}{name}: {check()}")
        except Refusal as refusal:
            is_bad = True
            print(f"{BAD}{name}: {refusal}")
    if is_bad:
        raise typer.Exit(1)


def _checks(port: int, livekit_port: int) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "unbroken", lambda: f"{version('unbroken')}, Python {platform.python_version()}"
    yield "livekit-agents", _livekit_agents
    yield "livekit-server", _livekit_server
    yield "data folder", lambda: _folder(folders.data_folder(os.environ))
    yield "spool", lambda: _folder(folders.spool_folder(os.environ))
    running = asyncio.run(_system(port))
    if running is None:
        yield "service port", lambda: f"{ports.claim(port, 'service')} is free"
        yield "LiveKit port", lambda: f"{ports.claim(livekit_port, 'LiveKit')} is free"
        yield "language model", _configured_model
    else:
        yield "service", lambda: f"version {running.get('version')} answers on port {port}"
        yield "language model", lambda: str(running.get("model") or "none is known to the service")


def _livekit_agents() -> str:
    try:
        return version("livekit-agents")
    except PackageNotFoundError:
        raise Refusal("not installed; pip install 'unbroken[livekit]'") from None


def _livekit_server() -> str:
    if url := os.environ.get("LIVEKIT_URL"):
        return f"the one at {url}"
    program = livekit_server(os.environ)
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refusal(f"{program} does not run: {error}") from error
    return f"{said.stdout.strip()} ({program})"


def _folder(folder: os.PathLike[str]) -> str:
    path = Path(folder)
    folders.make_folder(path)
    return f"{path}, {shutil.disk_usage(path).free / 1e9:.1f} GB free"


async def _system(port: int) -> dict[str, object] | None:
    """What the service that runs says about itself; None when none does."""
    try:
        status, body = await health.get(f"http://{ports.LOOPBACK}:{port}/api/v1/system")
        found = json.loads(body)
    except (health.NoAnswerError, ValueError):
        return None
    return found if status == 200 and isinstance(found, dict) else None  # noqa: PLR2004  HTTP


def _configured_model() -> str:
    if url := os.environ.get("UNBROKEN_LLM_URL"):
        return f"{os.environ.get('UNBROKEN_LLM_MODEL') or 'the default model'} at {url}"
    return "none: the written assistant needs none"
