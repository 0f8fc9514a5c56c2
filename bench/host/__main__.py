"""`python -m bench.host ATTACK [--seconds N] [--seed N] [--folder PATH]`: one attack, alone.

The last line is what it found, as JSON; exit code 1 if a promise did not hold. The same seed is
the same attack again, but for what processes and disks do with time.
"""

import argparse
import importlib
import json
import tempfile
from pathlib import Path

from bench.host import ATTACKS
from bench.host.attack import Attack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.host", description=__doc__)
    parser.add_argument("attack", choices=list(ATTACKS))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="kept afterwards, to look into")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        attack = Attack(asked.attack, asked.folder or Path(folder), asked.seed, asked.seconds)
        importlib.import_module(f"bench.host.{asked.attack}").attack(attack)
    print(json.dumps(attack.found()), flush=True)
    return 1 if attack.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
