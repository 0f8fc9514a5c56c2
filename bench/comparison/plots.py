"""Two kinds of plot as SVG, on white, so that they are read on a dark page too."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 820, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 250, 50, 50  # free at each side; names stand on the right
COLORS = (
    "#6b7280", "#047857", "#b91c1c", "#ea580c", "#7c3aed", "#2563eb", "#be185d", "#0e7490",
)  # fmt: skip
NAME_GAP = 16  # from one name to the next
BAR, BAR_GAP = 18, 8
UNITS = ((1e6, "s"), (1e3, "ms"), (1.0, "µs"), (1e-3, "ns"))


@dataclass(frozen=True)
class Series:
    name: str
    points: Sequence[tuple[float, float]]  # x, y in µs


@dataclass(frozen=True)
class Bar:
    name: str
    group: int  # bars of one group have one color
    percent: float
    text: str


def lines(title: str, x_name: str, series: Sequence[Series]) -> str:
    """Both axes logarithmic, the y axis with a line for each power of ten."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    across = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    down = _Axis(_power(min(ys), math.floor), _power(max(ys), math.ceil), HEIGHT - BOTTOM, TOP)
    parts = [_text(LEFT, 24, title, size=15, weight="bold")]
    for power in range(round(math.log10(down.low)), round(math.log10(down.high)) + 1):
        y = down.at(10.0**power)
        parts += [
            _line(LEFT, y, WIDTH - RIGHT, y),
            _text(LEFT - 8, y + 4, micro(10.0**power), "end"),
        ]
    for x in sorted(set(xs)):
        parts.append(_text(across.at(x), HEIGHT - BOTTOM + 20, f"{x:,.0f}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_name, "middle"))
    ends = _apart([down.at(one.points[-1][1]) for one in series])
    for one, color, end in zip(series, COLORS, ends, strict=False):
        placed = [(across.at(x), down.at(y)) for x, y in one.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in placed]
        parts.append(_text(WIDTH - RIGHT + 12, end + 4, one.name, color=color))
    return _svg(HEIGHT, parts)


def bars(title: str, those: Sequence[Bar]) -> str:
    """From 0 to 100 %, one below the other."""
    left, right = 300, 130
    parts = [_text(16, 24, title, size=15, weight="bold")]
    for number, bar in enumerate(those):
        y = TOP + number * (BAR + BAR_GAP)
        width = (WIDTH - left - right) * bar.percent / 100
        color = COLORS[bar.group]
        parts += [
            _text(left - 8, y + 14, bar.name, "end"),
            f'<rect x="{left}" y="{y}" width="{max(width, 1):.1f}" height="{BAR}" fill="{color}"/>',
            _text(left + max(width, 1) + 8, y + 14, bar.text),
        ]
    return _svg(TOP + len(those) * (BAR + BAR_GAP) + 10, parts)


def micro(us: float) -> str:
    """A time in the unit in which it is at least 1, with three digits: 1.23 ms."""
    for size, unit in UNITS:
        if us >= 0.9995 * size or unit == "ns":
            value = us / size
            digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
            text = f"{value:,.{digits}f}"
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {unit}"
    raise AssertionError("the last unit takes all")


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def _power(value: float, rounded: Callable[[float], int]) -> float:
    return float(10.0 ** rounded(math.log10(value)))


def _apart(wanted: Sequence[float]) -> list[float]:
    """The same heights, moved down where two names would stand on each other."""
    found = dict.fromkeys(range(len(wanted)), 0.0)
    free = -math.inf
    for number in sorted(found, key=wanted.__getitem__):
        found[number] = free = max(wanted[number], free + NAME_GAP)
    return list(found.values())


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        'stroke="#d1d5db" stroke-width="1"/>'
    )


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, size: int = 13,
    weight: str = "normal", color: str = "#111827",
) -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}" fill="{color}">{escape(text)}</text>'
    )


def _svg(height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif">'
    )
    return "\n".join(
        (head, '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>\n")
    )
