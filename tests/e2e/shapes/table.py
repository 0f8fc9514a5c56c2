"""The shapes as a table for people: `python -m tests.e2e.shapes.table` writes it into its page."""

from pathlib import Path

from tests.e2e.shapes.all import SHAPES
from tests.e2e.shapes.shape import Shape

PAGE = Path(__file__).parents[3] / "docs" / "shapes.md"
HEAD = "| shape | the agent | killed | what is back, beside history and contexts | what is said |\n"


def table() -> str:
    rows = (f"| {' | '.join(_cells(shape))} |\n" for shape in SHAPES.values())
    return HEAD + "|---|---|---|---|---|\n" + "".join(rows)


def _cells(shape: Shape) -> list[str]:
    return [shape.name, shape.what, shape.killed, shape.back, shape.told]


def write() -> None:
    before = PAGE.read_text(encoding="utf-8").partition(HEAD)[0]
    PAGE.write_text(before + table(), encoding="utf-8")


if __name__ == "__main__":
    write()
