"""livekit-server: compiled once from its Go module, then kept in .tools."""

import os
import shutil
from pathlib import Path

from scripts import python_env, step
from scripts.step import TOOLS, SetupError

VERSION = "1.13.5"
MODULE = f"github.com/livekit/livekit-server/cmd/server@v{VERSION}"
GO_OLDEST = (1, 26)
SERVER = TOOLS / "livekit-server"
STAMP = "livekit-server"


def is_ready() -> bool:
    return os.access(SERVER, os.X_OK) and step.is_done(STAMP, VERSION)


def prepare() -> None:
    """After it, .tools/livekit-server is livekit-server of exactly VERSION."""
    if is_ready():
        return
    go = _go()
    folder = step.scratch(STAMP)
    env = {
        "GOBIN": str(folder),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOOS": "",  # left over from cross-compiling, it would make GOBIN an error
        "GOARCH": "",
    }
    title = f"Building livekit-server {VERSION} (minutes the first time)"
    step.run(title, [go, "install", "-v", MODULE], env=env)
    if VERSION not in step.tool_output([folder / "server", "--version"]):
        raise SetupError(f"The livekit-server that was built does not say version {VERSION}.")
    (folder / "server").replace(SERVER)
    folder.rmdir()
    step.mark_done(STAMP, VERSION)


def _go() -> Path:
    found = shutil.which("go")
    if found and step.version_of(step.tool_output([found, "version"])) >= GO_OLDEST:
        return Path(found)
    return python_env.tool_group("go") / "go" / "bin" / "go"
