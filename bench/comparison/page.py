"""docs/comparison.md and its plots, made of nothing but the newest results.

`python -m bench.comparison.page` writes them anew.
"""

import json
from pathlib import Path

from bench import figures
from bench.comparison import claims, plots, tables
from bench.comparison.names import (
    DOCUMENT,
    JOURNAL,
    NATIVE,
    NOTHING,
    OURS,
    REDIS,
    SHORT_LIST,
    THERE,
)
from bench.comparison.plots import Bar, Series
from bench.comparison.tables import Found
from bench.report import RESULTS, ROOT

PAGE = ROOT / "docs" / "comparison.md"
IMAGES = PAGE.parent / "images"
TEMPLATE = Path(__file__).with_name("page.md")
SUMS = ("kills", "said", "lost", "went_on")


def newest() -> Path:
    return max(RESULTS.glob("*-comparison.json"))


def write() -> None:
    for path, content in files(newest()).items():
        path.write_text(content, encoding="utf-8")


def files(results: Path) -> dict[Path, str]:
    """All that is made of these results."""
    found = json.loads(results.read_text(encoding="utf-8"))
    return {
        PAGE: text(found, results.name),
        IMAGES / "comparison-adding.svg": _adding_plot(found),
        IMAGES / "comparison-losses.svg": _losses_plot(found),
    }


def text(found: Found, name: str) -> str:
    """The page; its words stand in `page.md`."""
    made = (tables.losses, tables.adding, tables.times, tables.access, tables.pipeline)
    return TEMPLATE.read_text(encoding="utf-8").format(
        results=name,
        conditions=_conditions(found),
        verdicts=_verdicts(found),
        memory=tables.memory(found),
        versions=tables.versions(found),
        **{table.__name__: table(found) for table in made},
        **_of_losses(found),
        **_of_memory(found),
        SHORT_LIST=SHORT_LIST,
        DOCUMENT=DOCUMENT,
        JOURNAL=JOURNAL,
        NOTHING=NOTHING,
    )


def _conditions(found: Found) -> str:
    machine, noise = found["machine"], found["noise"]
    return (
        f"Finished {found['finished_at']}, commit {found['commit']}, in {noise['seconds']} s; "
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gb']} GB, "
        f"Python {machine['python']}, Linux {machine['kernel']}.\n"
        f"**Other work ran beside it**: load average {noise['load_first']} at first, median "
        f"{noise['load_median']}, at most {noise['load_max']}; others used "
        f"{noise['foreign_cores']} of the {machine['cores']} cores on average "
        f"(this run had nice {found['nice']}).\nLoad slows down what waits for another process "
        "more than what does not, which flatters us: trust the order and large factors, no single "
        "time."
    )


def _verdicts(found: Found) -> str:
    head = ["it says", "measured (p50)", "so it is"]
    rows = [[one.said, one.measured, one.verdict] for one in claims.all_of(found)]
    return figures.table(head, rows)


def _of_losses(found: Found) -> dict[str, int]:
    return {f"ours_{what}": sum(r[what] for r in claims.of_ours(found)) for what in SUMS}


def _of_memory(found: Found) -> dict[str, object]:
    """How much a process grows for each message."""
    agents = found["memory"]["agents"]
    few, many = (least(r["messages"] for r in agents) for least in (min, max))
    mb = {(r["way"], r["messages"]): r["mb"] for r in agents}

    def kb(way: str) -> str:
        return f"{max(0.0, 1024 * (mb[way, many] - mb[way, few]) / (many - few)):.2f} KB"

    return {
        "few": few,
        "many": many,
        "native_kb": kb(NATIVE),
        "redis_kb": kb(REDIS),
        "ours_kb": kb(OURS["SQLite"]),
    }


def _adding_plot(found: Found) -> str:
    series = [Series(name, points) for name, points in tables.series(found)]
    return plots.lines("Time to add one message (p50)", "turns in the call", series)


def _losses_plot(found: Found) -> str:
    ways = tables.names(found, "losses")
    bars = [
        Bar(
            f"{r['way']}, servers {'up' if r['servers'] == THERE else 'down'}",
            2 + ways.index(r["way"]),
            100 * r["lost"] / r["said"],
            f"{r['lost']:,} of {r['said']:,}",
        )
        for way in ways
        for r in found["losses"]
        if r["way"] == way
    ]
    return plots.bars("Said and in no store after SIGKILL, % of the messages", bars)


if __name__ == "__main__":
    write()
