"""What a run found, as Markdown tables: for its own summary, and for `page`."""

from collections.abc import Sequence
from typing import Any

from bench import figures
from bench.comparison.names import AWAY, DOCUMENT, JOURNAL, NOTHING, THERE
from bench.comparison.plots import micro

Found = dict[str, Any]
ARE = {THERE: "answer", AWAY: "are down after a second"}


def all_of(found: Found) -> str:
    """Every table, for the summary of the run."""
    made = (access, adding, times, pipeline, losses, memory, versions)
    return "\n\n".join(table(found) for table in made)


def row(found: Found, part: str, **wanted: object) -> dict[str, Any]:
    """The only row of `part` that has these values."""
    (one,) = (r for r in found[part] if all(r[key] == value for key, value in wanted.items()))
    return dict(one)


def turns(found: Found, part: str) -> list[int]:
    return list(dict.fromkeys(r["turn"] for r in found[part]))


def names(found: Found, part: str) -> list[str]:
    return list(dict.fromkeys(r["way"] for r in found[part]))


def access(found: Found) -> str:
    rows = [
        [way, *(_times(row(found, "access", way=way, turn=turn, what=what)["us"])
                for turn in turns(found, "access") for what in ("get", "set"))]
        for way in names(found, "access")
    ]  # fmt: skip
    head = [f"{what} at turn {t:,}" for t in turns(found, "access") for what in ("read", "write")]
    return figures.table(["one value of the state", *head], rows)


def adding(found: Found) -> str:
    rows = []
    for way in names(found, "adding"):
        those = [row(found, "adding", way=way, turn=turn) for turn in turns(found, "adding")]
        rows.append([way, those[0]["level"], *(_times(r["us"]) for r in those)])
    head = [f"turn {turn:,}" for turn in turns(found, "adding")]
    return figures.table(["one message is added", "level", *head], rows)


def times(found: Found) -> str:
    """How many times as long as ours."""
    rows = [
        [way, *(ratio(found, way, turn) for turn in turns(found, "adding"))]
        for way in names(found, "adding")
        if way != JOURNAL
    ]
    head = [f"turn {turn:,}" for turn in turns(found, "adding")]
    return figures.table([f"p50, as a multiple of `{JOURNAL}`", *head], rows)


def ratio(found: Found, way: str, turn: int) -> str:
    ours = row(found, "adding", way=JOURNAL, turn=turn)["us"]["p50"]
    return factor(row(found, "adding", way=way, turn=turn)["us"]["p50"] / ours)


def factor(value: float) -> str:
    """Two digits are more than a loaded machine gives."""
    digits = f"{value:.2g}" if value < 100 else f"{float(f'{value:.2g}'):,.0f}"
    return f"{digits} times"


def growth(found: Found, way: str = DOCUMENT) -> str:
    first, *_, last = turns(found, "adding")
    before, now = (row(found, "adding", way=way, turn=t)["us"]["p50"] for t in (first, last))
    return factor(now / before)


def pipeline(found: Found) -> str:
    rows = [
        [r["way"], r["turn"], r["ms"]["n"], r["ms"]["p50"], r["ms"]["max"], _more(r["beyond"])]
        for r in found["pipeline"]
    ]
    beyond = f"beyond `{NOTHING}`, median (95 %)"
    return figures.table(["ms of a turn", "at turn", "n", "p50", "max", beyond], rows)


def _more(beyond: dict[str, Any] | None) -> str | None:
    if beyond is None:
        return None
    return f"{beyond['median_difference']:+} ({beyond['from']:+} … {beyond['to']:+})"


def losses(found: Found) -> str:
    counts = ("kills", "kills_with_loss", "said", "lost", "lost_max", "went_on")
    rows = [
        [ARE[r["servers"]], r["way"], share(r), *(r[name] for name in counts)]
        for r in found["losses"]
    ]
    head = [
        "the servers", "way", "share lost", "kills", "kills that lost", "messages said", "lost",
        "at most in one call", "of the lost: the agent had gone on",
    ]  # fmt: skip
    return figures.table(head, rows)


def share(loss: dict[str, Any]) -> str:
    return f"{100 * loss['lost'] / loss['said']:.1f} %"


def memory(found: Found) -> str:
    mb = found["memory"]
    rows = [[r["way"], r["messages"], r["mb"]] for r in mb["agents"]]
    rows += [
        ["a process that has imported livekit.agents", None, mb["livekit_agents_alone_mb"]],
        ["our keeper, one for each host", None, mb["keeper_mb"]],
        ["the Redis server, with the calls of this run", None, mb["redis_mb"]],
    ]
    return figures.table(["private memory of a process", "messages in its call", "MB"], rows)


def versions(found: Found) -> str:
    return "Versions: " + ", ".join(f"{k} {v}" for k, v in found["versions"].items()) + "."


def _times(us: dict[str, Any]) -> str:
    tail = f", p99 {micro(us['p99'])}" if us["p99"] is not None else f", max {micro(us['max'])}"
    return f"**{micro(us['p50'])}**{tail} (n {us['n']:,})"


def series(found: Found) -> Sequence[tuple[str, list[tuple[float, float]]]]:
    """p50 of an added message by turn, for each way."""
    return [
        (way, [(r["turn"], r["us"]["p50"]) for r in found["adding"] if r["way"] == way])
        for way in names(found, "adding")
    ]
