"""The attacks on a host that must go on holding: what is acknowledged is true, and one bad thing
never stops a host.

Each attack is a process of its own, with real journals, real keepers and the real service, for its
share of the time; two of them run at once. Most know what they did only by a seed. At the end of
each a checker compares what was acknowledged with what is stored, entry by entry. One promise that
did not hold, or one attack that hit nothing, fails the campaign.
"""

import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import figures
from bench.report import ROOT, Noise, Run

MINUTES, MINUTES_QUICK = 30.0, 3.0
LANES = (  # side by side; the share of each attack in its lane's time
    {"kills": 0.40, "points": 0.10, "damage": 0.25, "errors": 0.25},
    {"chaos": 0.55, "stopped": 0.20, "clocks": 0.15, "flat": 0.10},
)
ATTACKS = tuple(name for lane in LANES for name in lane)
LATE_S = 600  # what an attack may take longer than its share: ends are waited for
IN_TABLE = ("holders", "acknowledged", "stored")
SHOWN = 20  # violations of an attack on the page


def measure(run: Run) -> None:
    """Exits 1 on any violation."""
    minutes = run.minutes or (MINUTES_QUICK if run.is_quick else MINUTES)
    seed = run.seed if run.seed is not None else random.SystemRandom().randrange(1_000_000)
    with (
        Noise.watched() as noise,
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(len(LANES)) as pool,
    ):
        lanes = pool.map(
            lambda lane: [
                attacked(run, Path(folder), name, seed, minutes * 60 * share)
                for name, share in lane.items()
            ],
            LANES,
        )
        found = [result for lane in lanes for result in lane]
    violations = [f"{f['attack']}: {text}" for f in found for text in f["violations"]]
    kept = {"minutes": minutes, "seed": seed, "violations": violations, "attacks": found}
    run.keep(kept, noise, page(minutes, seed, found))
    if violations:
        raise SystemExit(f"{len(violations)} promises did not hold")


def attacked(run: Run, folder: Path, name: str, seed: int, seconds: float) -> dict[str, Any]:
    """What one attack found. One that ends without a word is a violation itself."""
    run.say(f"{name}: {seconds:.0f} s, seed {seed}")
    command = [sys.executable, "-m", "bench.host", name, "--seconds", f"{seconds:.0f}"]
    command += ["--seed", str(seed), "--folder", str(folder / name)]
    log = folder / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        try:
            process.wait(seconds + LATE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    found = last_word(log.read_text(encoding="utf-8"), name, seed, seconds)
    run.say(f"{name}: {len(found['violations'])} violations after {found['seconds']} s")
    return found


def last_word(said: str, name: str, seed: int, seconds: float) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
    except (IndexError, ValueError):
        found = {"attack": name, "seed": seed, "seconds": seconds, "counts": {}, "notes": {}}
        found["violations"] = [f"did not come to its end: {said[-500:]}"]
    return found


def page(minutes: float, seed: int, found: Sequence[dict[str, Any]]) -> str:
    total: Counter[str] = Counter()
    for result in found:
        total.update(result["counts"])
    rows = [
        [f["attack"], f["seconds"], *(f["counts"].get(n) for n in IN_TABLE), len(f["violations"])]
        for f in found
    ]
    exercised = [f"- {f['attack']}: {_exercised(f)}" for f in found]
    wrong = [
        f"- {f['attack']} (seed {f['seed']}): {text}"
        for f in found
        for text in f["violations"][:SHOWN]
    ]
    return "\n".join(
        [
            f"{minutes:g} minutes in two lanes, seed {seed}: {total['acknowledged']:,} entries of "
            f"{total['holders']:,} holders were acknowledged, each is in the log as it was said, "
            "or, where an attack destroyed it, named lost."
            if not wrong
            else f"{minutes:g} minutes in two lanes, seed {seed}. **Promises did not hold:**",
            *wrong,
            "",
            figures.table(["attack", "s", *IN_TABLE, "violations"], rows),
            "",
            "What was exercised:",
            "",
            *exercised,
            "",
            "One attack again: `python -m bench.host ATTACK --seconds N --seed SEED`.",
        ]
    )


def _exercised(found: dict[str, Any]) -> str:
    said = [f"{n:,} {name}" for name, n in found["counts"].items() if name not in IN_TABLE]
    return "; ".join([*said, *(f"{name}: {more}" for name, more in found["notes"].items())])
