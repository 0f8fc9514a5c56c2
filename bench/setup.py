"""`make run` on a fresh clone, `unbroken up` again, and Ctrl-C: how long a person waits.

Everything on free ports and in a folder of its own. Caches of packages are as they are on this
machine: the summary says how large, and what could not be measured with them.
"""

import os
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from bench import figures
from bench.report import ROOT, Noise, Run, descendants

STARTS, STARTS_QUICK = 5, 2  # the first one sets up
SETUP_S, START_S, END_S = 1_800.0, 180.0, 30.0
FREE_PORTS = "--port 0 --livekit-port 0 --media-port 0"
STEP = re.compile(r"^(\S.*): done in ([\d.]+) s$")
READY = re.compile(r"^ {2}(\S.*?) +ready +([\d.]+) s$")
ALL = re.compile(r"^All parts work after ([\d.]+) s\.$")
OPEN = re.compile(r"^Open (http://\S+)")
CACHES = {
    "uv": ("uv", "cache", "dir"),
    "Go modules": ("go", "env", "GOMODCACHE"),
    "Go builds": ("go", "env", "GOCACHE"),
    "npm": ("npm", "config", "get", "cache"),
}
NOT_MEASURED = (
    "the same with empty caches, where uv, Go and npm download everything first",
    "a machine without Go or Node, where the set-up fetches them",
    "other disks, more cores",
)


class House:
    """One `make run`, its output line by line, until it has ended."""

    def __init__(self, checkout: Path, data: Path) -> None:
        self.began_s = time.monotonic()
        self.seen: list[str] = []
        self._process = subprocess.Popen(
            ["make", "run", f"ARGS={FREE_PORTS}"],
            cwd=checkout,
            env=environment(data),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[tuple[float, str] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put((time.monotonic(), line.rstrip("\n")))
        self._lines.put(None)

    def line(self, wanted: re.Pattern[str], within_s: float) -> tuple[float, str]:
        """When the line came, and its first group. Ends everything if it does not come."""
        until_s = time.monotonic() + within_s
        while True:
            try:
                said = self._lines.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                said = None
            if said is None:
                self.kill()
                raise SystemExit(f"no {wanted.pattern!r} from make run:\n" + "\n".join(self.seen))
            at_s, text = said
            self.seen.append(text)
            if found := wanted.match(text):
                return at_s, found.group(1)

    def end(self) -> float:
        """Ctrl-C; seconds until no process of it is left."""
        pids = {pid: born(pid) for pid in descendants(self._process.pid)}
        began_s = time.monotonic()
        os.killpg(self._process.pid, signal.SIGINT)
        while any(born(pid) == birth for pid, birth in pids.items()):
            self._process.poll()
            if time.monotonic() - began_s > END_S:
                self.kill()
                raise SystemExit(f"after Ctrl-C, something still ran after {END_S:g} s")
            time.sleep(0.005)
        took_s = time.monotonic() - began_s
        self._process.wait(END_S)
        return took_s

    def kill(self) -> None:
        """`unbroken up` takes its parts along when it is asked; make does when it is killed."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(END_S)


def born(pid: int) -> str | None:
    """The start time of a process that runs, as the kernel has it; None: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def environment(data: Path) -> dict[str, str]:
    """This one, without settings of ours, and with a data folder of its own."""
    own = ("UNBROKEN_", "LIVEKIT_", "VIRTUAL_ENV", "MAKE", "MFLAGS")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    return kept | {"UNBROKEN_DATA": str(data)}


def start(checkout: Path, data: Path, *, within_s: float) -> dict[str, Any]:
    """One life of the house, from `make run` to the end of its last process."""
    house = House(checkout, data)
    _, parts_s = house.line(ALL, within_s)
    open_s, url = house.line(OPEN, START_S)
    page = httpx.get(url, timeout=10, trust_env=False)
    page.raise_for_status()
    ended_s = house.end()
    steps = [found for text in house.seen if (found := STEP.match(text))]
    ready = [found for text in house.seen if (found := READY.match(text))]
    return {
        "make_run_to_open_s": round(open_s - house.began_s, 2),
        "up_to_all_parts_s": float(parts_s),
        "steps_s": {found[1]: float(found[2]) for found in steps},
        "parts_ready_s": {found[1]: float(found[2]) for found in ready},
        "page_bytes": len(page.content),
        "ctrl_c_to_all_ended_s": round(ended_s, 2),
    }


def caches() -> dict[str, int | None]:
    """MB in each package cache; None: the tool or the cache is not there."""
    found: dict[str, int | None] = {}
    for name, command in CACHES.items():
        found[name] = None
        if shutil.which(command[0]):
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            if (folder := Path(said.strip())).is_dir() and said.strip():
                done = subprocess.run(
                    ["du", "-sm", folder], capture_output=True, text=True, check=False
                )
                found[name] = int(done.stdout.split()[0])
    return found


def measure(run: Run) -> None:
    with tempfile.TemporaryDirectory() as folder, Noise.watched() as noise:
        checkout, data = Path(folder) / "clone", Path(folder) / "data"
        before = caches()
        began_s = time.monotonic()
        clone = ["git", "clone", "--quiet", "--no-local", str(ROOT), str(checkout)]
        subprocess.run(clone, check=True)
        clone_s = round(time.monotonic() - began_s, 2)
        lives = []
        for number in range(STARTS_QUICK if run.is_quick else STARTS):
            lives.append(start(checkout, data, within_s=START_S if number else SETUP_S))
            run.say(f"start {number + 1}: {lives[-1]}")
    found = {
        "git_clone_s": clone_s,
        "caches_mb_before": before,
        "first": lives[0],
        "later": lives[1:],
        "not_measured": NOT_MEASURED,
    }
    run.keep(found, noise, page_of(found))


def page_of(found: dict[str, Any]) -> str:
    first, later = found["first"], found["later"]
    ends = [life["ctrl_c_to_all_ended_s"] for life in (first, *later)]
    rows: list[list[object]] = [
        ["git clone of the local checkout", 1, found["git_clone_s"], None],
        ["`make run` to the page, fresh clone", 1, first["make_run_to_open_s"], None],
        *([f"of that: {title}", 1, took, None] for title, took in first["steps_s"].items()),
        ["`unbroken up` to all parts healthy, first start", 1, first["up_to_all_parts_s"], None],
        spread("the same, later starts", [life["up_to_all_parts_s"] for life in later]),
        *(
            spread(f"of that: {name}", [life["parts_ready_s"][name] for life in later])
            for name in later[0]["parts_ready_s"]
        ),
        spread("`make run` to the page, later", [life["make_run_to_open_s"] for life in later]),
        spread("Ctrl-C to the end of the last process", ends),
    ]
    sizes = ", ".join(
        f"{name} {size:,} MB" if size is not None else f"{name}: none"
        for name, size in found["caches_mb_before"].items()
    )
    return "\n".join(
        [
            figures.table(["seconds", "n", "p50", "max"], rows),
            "",
            "The clone has the commit, without changes that were not committed. Parts start side",
            "by side; each one's time counts from its own start.",
            f"Package caches were warm: {sizes}.",
            "",
            "Not measured: " + "; ".join(found["not_measured"]) + ".",
        ]
    )


def spread(what: str, values: list[float]) -> list[object]:
    of = figures.described(values, 2)
    return [what, of["n"], of["p50"], of["max"]]
