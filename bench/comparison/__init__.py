"""The usual StateManager on Redis, the usual native state, ours, and what others offer: side by
side in one run, on real Redis, PostgreSQL and SQLite. `make bench-comparison`.

Only `make` has the packages for it; `counting`, `page` and `plots` need none.
"""

from bench.report import Run


def measure(run: Run) -> None:
    from bench.comparison import whole  # noqa: PLC0415 - what it needs is not everywhere

    whole.measure(run)
