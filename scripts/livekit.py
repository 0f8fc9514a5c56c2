"""livekit-server: compiled once from its Go module, then kept in .tools.

Its go.mod puts LiveKit's own forks in place of three modules, and the module proxy does not give
them out. One call needs them: the switch of WARP, an experiment that is off by default. So the
server is built with the modules as they are published, and without that switch.
"""

import os
import shutil
import zipfile
from pathlib import Path

from scripts import python_env, step
from scripts.step import TOOLS, SetupError

VERSION = "1.13.11"
MODULE = "github.com/livekit/livekit-server"
FORKED = ("github.com/pion/webrtc/v4", "github.com/pion/dtls/v3", "github.com/pion/ice/v4")
WARP = ("pkg/rtc/transport.go", "\t\tse.EnableSped(true)\n")
GO_OLDEST = (1, 26)
GO_ENV = {
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    "GOFLAGS": "-mod=mod",  # without the forks go.sum has other lines; Go checks those, too
    "GOOS": "",  # left over from cross-compiling
    "GOARCH": "",
}
SERVER = TOOLS / "livekit-server"
STAMP = "livekit-server"


def is_ready() -> bool:
    return os.access(SERVER, os.X_OK) and step.is_done(STAMP, VERSION)


def prepare() -> None:
    """After it, .tools/livekit-server is livekit-server of exactly VERSION."""
    if is_ready():
        return
    compiler = go()
    folder = step.scratch(STAMP)
    source, built = _source(compiler, folder), folder / "server"
    _do_without_forks(compiler, source)
    title = f"Building livekit-server {VERSION} (minutes the first time)"
    step.run(title, [compiler, "build", "-v", "-o", built, "./cmd/server"], env=GO_ENV, cwd=source)
    if VERSION not in step.tool_output([built, "--version"]):
        raise SetupError(f"The livekit-server that was built does not say version {VERSION}.")
    built.replace(SERVER)
    shutil.rmtree(folder)
    step.mark_done(STAMP, VERSION)


def _source(go: Path, folder: Path) -> Path:
    """The module's own files in `folder`; Go has compared their checksum."""
    title = f"Fetching livekit-server {VERSION}"
    step.run(title, [go, "mod", "download", f"{MODULE}@v{VERSION}"], env=GO_ENV, cwd=folder)
    cache = Path(step.tool_output([go, "env", "GOMODCACHE"]).strip())
    with zipfile.ZipFile(cache / "cache" / "download" / MODULE / "@v" / f"v{VERSION}.zip") as files:
        files.extractall(folder)
    return folder / f"{MODULE}@v{VERSION}"


def _do_without_forks(go: Path, source: Path) -> None:
    dropped = [f"-dropreplace={module}" for module in FORKED]
    step.run("Choosing its modules", [go, "mod", "edit", *dropped], env=GO_ENV, cwd=source)
    path, switch = source / WARP[0], WARP[1]
    code = path.read_text(encoding="utf-8")
    if code.count(switch) != 1:
        raise SetupError(f"livekit-server {VERSION} is not as this set-up knows it: {WARP[0]}.")
    path.write_text(code.replace(switch, ""), encoding="utf-8")


def go() -> Path:
    found = shutil.which("go")
    if found and step.version_of(step.tool_output([found, "version"])) >= GO_OLDEST:
        return Path(found)
    return python_env.tool_group("go") / "go" / "bin" / "go"
