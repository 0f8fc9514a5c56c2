"""`python -m bench [NAME|all] [--quick] [--date YYYY-MM-DD] [--minutes N] [--seed N]`: measure.

NAME is append, talk, setup, failover, kills, long, first, mutants, host, wishes, api,
roundtrip, scans, ingest, watch, blobs, restoring or coordination; `host`, `api` and `coordination`
know minutes and a seed, `wishes` and `roundtrip` a seed.

Each writes bench/results/DATE-NAME.json (raw) and .md (summary). `--quick` measures few times, to
see that all works, and writes nothing. Needs what `make test` needs.
"""

import argparse
import importlib
from datetime import UTC, datetime

from bench.report import Run

NAMES = (
    "append", "talk", "setup", "kills", "failover", "long", "first", "mutants", "host", "wishes",
    "api", "roundtrip", "scans", "ingest", "watch", "blobs", "restoring", "coordination",
)  # fmt: skip
ELSEWHERE = ("comparison",)  # in an environment of its own: `make bench-comparison`


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=[*NAMES, *ELSEWHERE, "all"])
    parser.add_argument("--quick", action="store_true", help="few repetitions, nothing is written")
    parser.add_argument("--date", help="in the names of the results (today, UTC)")
    parser.add_argument(
        "--minutes",
        type=float,
        help="of `host` (30), `coordination`; the kills of `api` (no bound)",
    )
    parser.add_argument(
        "--seed", type=int, help="of `host` (drawn): the same attacks again; of the others (0)"
    )
    asked = parser.parse_args()
    date = asked.date or datetime.now(UTC).date().isoformat()
    for name in NAMES if asked.name == "all" else (asked.name,):
        run = Run(name, date, is_quick=asked.quick, minutes=asked.minutes, seed=asked.seed)
        importlib.import_module(f"bench.{name}").measure(run)


if __name__ == "__main__":
    main()
