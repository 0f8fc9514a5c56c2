"""What a measurement leaves behind: raw JSON, a short page, and what else the machine did."""

import json
import os
import platform
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
SAMPLE_S = 2.0
TICKS = os.sysconf("SC_CLK_TCK")
TICK_FIELDS = slice(11, 15)  # utime, stime, cutime, cstime behind the name in /proc/PID/stat


class Run:
    """One measurement: its name, its date, how long and with which seed, and where its results
    go."""

    def __init__(
        self,
        name: str,
        date: str,
        *,
        is_quick: bool,
        minutes: float | None = None,
        seed: int | None = None,
    ) -> None:
        self.name = name
        self.date = date
        self.is_quick = is_quick
        self.minutes = minutes
        self.seed = seed
        self.commit = commit()  # as it was at first: others may go on committing

    def say(self, text: str) -> None:
        print(f"[{self.name}] {text}", flush=True)

    def keep(self, figures: dict[str, Any], noise: "Noise", page: str) -> None:
        """Write both files, or only print them after a quick run."""
        facts = machine()
        whole = {
            "name": self.name,
            "command": self.command,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": self.commit,
            "machine": facts,
            "noise": noise.figures(),
            **figures,
        }
        text = f"# {self.name}, {self.date}\n\n{self._head(whole)}\n\n{page.strip()}\n"
        if self.is_quick:
            self.say(f"quick, nothing written\n\n{text}")
            return
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.date}-{self.name}"
        path.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        self.say(f"written: {path.relative_to(ROOT)}.json and .md\n\n{text}")

    @property
    def command(self) -> str:
        return shlex.join(["python", "-m", "bench", *sys.argv[1:]])

    def _head(self, whole: dict[str, Any]) -> str:
        facts, noise = whole["machine"], whole["noise"]
        return (
            f"Command: `{whole['command']}`, commit {whole['commit']}, "
            f"finished {whole['finished_at']}.\n"
            f"Machine: {facts['cores']} cores ({facts['cpu']}), {facts['memory_gb']} GB, "
            f"Python {facts['python']}, Linux {facts['kernel']}; "
            f"livekit-agents {facts['livekit_agents']}.\n"
            f"Load average during the run: {noise['load_first']} at first, median "
            f"{noise['load_median']}, at most {noise['load_max']}; other work used "
            f"{noise['foreign_cores']} cores on average."
        )


class Noise:
    """Samples the load average, and how much of the machine somebody else used."""

    def __init__(self) -> None:
        self._loads = [os.getloadavg()[0]]
        self._began_s = time.monotonic()
        self._busy, self._own = busy_s(), own_s()
        self._over = threading.Event()
        self._wall_s = 0.0
        self._foreign_s = 0.0

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator["Noise"]:
        """The figures are whole once the block is over; children must still run at its end."""
        noise = cls()
        thread = threading.Thread(target=noise._sample, daemon=True)
        thread.start()
        try:
            yield noise
        finally:
            noise._over.set()
            thread.join()
            noise._wall_s = time.monotonic() - noise._began_s
            noise._foreign_s = max(0.0, busy_s() - noise._busy - (own_s() - noise._own))

    def figures(self) -> dict[str, float]:
        loads = sorted(self._loads)
        return {
            "load_first": round(self._loads[0], 2),
            "load_median": round(loads[len(loads) // 2], 2),
            "load_max": round(loads[-1], 2),
            "foreign_cores": round(self._foreign_s / self._wall_s, 2),
            "seconds": round(self._wall_s, 1),
        }

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._loads.append(os.getloadavg()[0])


def busy_s() -> float:
    """CPU seconds that this machine has worked since boot."""
    user, nice, system, _idle, _wait, irq, softirq = map(
        int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8]
    )
    return (user + nice + system + irq + softirq) / TICKS


def own_s() -> float:
    """CPU seconds of this process, its living descendants, and those that they waited for."""
    total = 0.0
    for pid in descendants(os.getpid()):
        with suppress(OSError):
            total += sum(map(int, _stat(pid)[TICK_FIELDS])) / TICKS
    return total


def descendants(pid: int) -> set[int]:
    """The living ones, and `pid` itself."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from the state on: the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def machine() -> dict[str, Any]:
    cpu = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "model name: unknown",
    )
    return {
        "cores": os.cpu_count(),
        "cpu": cpu.partition(":")[2].strip(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "livekit_agents": version("livekit-agents"),
    }


def commit() -> str:
    """The commit that was measured, and whether measured folders differ from it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "agents", "bench/*.py", "scripts")
    return git("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if changed else "")
