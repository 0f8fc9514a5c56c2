"""Quantiles of what was measured, and how sure a difference of two of them is."""

import math
import random
import statistics
from collections.abc import Sequence

P99_MIN = 100  # with fewer values a p99 is only another name for the largest
P999_MIN = 1_000
RESAMPLES = 2_000


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def described(values: Sequence[float], digits: int = 1) -> dict[str, float | int | None]:
    """n, p50, max, and those of p99 and p99.9 that n allows (None otherwise)."""
    n = len(values)
    return {
        "n": n,
        "p50": round(statistics.median(values), digits),
        "p99": round(quantile(values, 0.99), digits) if n >= P99_MIN else None,
        "p99.9": round(quantile(values, 0.999), digits) if n >= P999_MIN else None,
        "max": round(max(values), digits),
    }


def paired(without: Sequence[float], with_it: Sequence[float]) -> dict[str, float]:
    """The median of the differences of pairs, and its 95 % interval by resampling."""
    differences = [b - a for a, b in zip(without, with_it, strict=True)]
    chance = random.Random(1)  # noqa: S311 - no secret
    medians = sorted(
        statistics.median(chance.choices(differences, k=len(differences))) for _ in range(RESAMPLES)
    )
    return {
        "median_difference": round(statistics.median(differences), 1),
        "from": round(quantile(medians, 0.025), 1),
        "to": round(quantile(medians, 0.975), 1),
        "ratio_of_medians": round(statistics.median(with_it) / statistics.median(without), 3),
    }


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; None is shown as a dash."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
