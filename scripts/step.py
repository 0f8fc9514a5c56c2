"""One step of the set-up: is it done, how to run its commands, and why it failed, in a sentence.

Every step writes its stamp last. A step that was broken off has no stamp, or an old one, and is
done again by the next run; nothing half-made is ever in the place of something finished.
"""

import errno
import hashlib
import os
import queue
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from scripts.say import Progress

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
# uv, pip and Node bring their own; behind a company's proxy only the machine's will do.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CERTIFICATE_SETTINGS = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
TAIL_LINES = 15
REDRAW_S = 0.5

NETWORK = re.compile(
    r"name resolution|no such host|dns error|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET"
    r"|Network is unreachable|network is unreachable|[Cc]onnection refused|i/o timeout"
    r"|NewConnectionError|Failed to fetch|error sending request|tcp connect error"
    r"|proxyconnect|Could not resolve|Temporary failure|connection reset by peer",
)
FULL_DISK = re.compile(r"[Nn]o space left|ENOSPC|[Dd]isk quota exceeded")


class SetupError(Exception):
    """The set-up cannot go on; the text is one sentence (and evidence) for a person."""


def digest(*parts: str | Path) -> str:
    """The same text as long as the given texts and files stay the same."""
    whole = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        name = str(part.relative_to(ROOT)) if isinstance(part, Path) else ""
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()


def is_done(name: str, inputs: str) -> bool:
    """Whether step `name` was finished with exactly these inputs."""
    try:
        return (TOOLS / "stamps" / name).read_text(encoding="utf-8") == inputs
    except FileNotFoundError:
        return False


def mark_done(name: str, inputs: str) -> None:
    stamps = TOOLS / "stamps"
    stamps.mkdir(parents=True, exist_ok=True)
    fresh = stamps / f".{name}.{os.getpid()}"
    fresh.write_text(inputs, encoding="utf-8")
    fresh.replace(stamps / name)


def mark_open(name: str) -> None:
    """Forget that the step was done: what follows may leave it half-done."""
    (TOOLS / "stamps" / name).unlink(missing_ok=True)


def scratch(name: str) -> Path:
    """An empty folder beside the finished tools, so that a rename puts its content in place."""
    folder = TOOLS / f".making-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(
    title: str,
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> None:
    """Run `command` and show its last line of output while it works.

    Raises SetupError with the cause in a sentence when it fails.
    """
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env={**_trust(), **os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with process, Progress(title) as progress:
        try:
            for text in _lines(process):
                if text:
                    tail.append(text)
                progress.at(tail[-1] if tail else "")
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            raise SetupError(reason(title, tail))


def _trust() -> dict[str, str]:
    if not CERTIFICATES.exists():
        return {}
    return dict.fromkeys(CERTIFICATE_SETTINGS, str(CERTIFICATES))


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    """The output line by line; an empty text twice a second in between, so that seconds count."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for text in process.stdout or ():
            lines.put(text.strip())
        lines.put(None)

    threading.Thread(target=read, name="output", daemon=True).start()
    while True:
        try:
            text = lines.get(timeout=REDRAW_S)
        except queue.Empty:
            yield ""
            continue
        if text is None:
            return
        yield text


def reason(title: str, output: Iterable[str]) -> str:
    """Why a command failed, told from its last lines."""
    tail = "\n".join(output)
    if FULL_DISK.search(tail):
        return f"{title} failed: the disk is full. Free some space and run the same command again."
    if NETWORK.search(tail):
        return (
            f"{title} failed: its package registry cannot be reached. "
            "Run the same command again when the network is back; what is finished is kept."
            f"\n{_evidence(tail)}"
        )
    return f"{title} failed. Its last words were:\n{tail}"


def _evidence(tail: str) -> str:
    return next((text for text in reversed(tail.splitlines()) if NETWORK.search(text)), "")


def explain(error: OSError) -> str:
    """An operating system's refusal as a sentence."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Free some space and run the same command again."
    return f"{error.strerror or error}: {error.filename or 'no file named'}."


def tool_output(command: Sequence[str | Path]) -> str:
    """What a tool prints about itself; empty when it is absent or broken."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def version_of(text: str) -> tuple[int, ...]:
    """The first dotted number in `text`, (0,) when there is none."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(n) for n in found.group().split(".")) if found else (0,)
