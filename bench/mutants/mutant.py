"""One mutant: a small change of one place that breaks a promise, and the test that must notice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = "src/unbroken"
CONTRACTS = "src/unbroken/testing"


class Stale(Exception):
    """The table names something that is not there, or not once."""


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in `file` (below src/unbroken); with `new` in its place
    `promise` is broken, and `test`, a pytest node id below tests, fails."""

    name: str
    file: str
    old: str
    new: str
    promise: str
    test: str

    def check(self, root: Path) -> None:
        """Raises Stale unless the old text stands once and the test is there."""
        found = _text(self._source(root)).count(self.old)
        if found != 1:
            raise Stale(f"{self.name}: its old text stands {found} times in {self.file}")
        path, _, names = self.test.partition("::")
        function = names.rpartition("::")[2].partition("[")[0]
        test = root / "tests" / path
        places = [test, *(root / CONTRACTS).glob("*.py")]  # a contract is inherited from there
        if not test.is_file() or not any(f"def {function}(" in _text(place) for place in places):
            raise Stale(f"{self.name}: there is no test tests/{self.test}")

    @contextmanager
    def applied(self, root: Path) -> Iterator[None]:
        """The tree at `root` has the mutant within the block."""
        path = self._source(root)
        whole = _text(path)
        path.write_text(whole.replace(self.old, self.new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(whole, encoding="utf-8")

    def _source(self, root: Path) -> Path:
        return root / SOURCE / self.file


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
