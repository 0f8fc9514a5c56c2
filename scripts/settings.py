"""Write the table of settings into the README, between its two marks."""

import re
from pathlib import Path

from unbroken.cli.variables import table

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- settings: python -m scripts.settings -->", "<!-- end of the settings -->"


def main() -> None:
    text = README.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    README.write_text(between.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
