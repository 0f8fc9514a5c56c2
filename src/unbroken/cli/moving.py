"""What `import-redis` and `export-redis` share: addresses, progress, the end of a run."""

import os
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

import typer

from unbroken.archive.destination import Destination
from unbroken.cli.refusal import Refusal
from unbroken.env import Host
from unbroken.errors import UnbrokenError

Url = Annotated[
    str | None,
    typer.Argument(
        help="redis://, rediss:// (TLS), unix://, redis-cluster:// or redis+sentinel://; with "
        "USER:PASSWORD@ if it has users. Without it UNBROKEN_REDIS: what is typed, other users of "
        "this machine see.",
        show_default=False,
    ),
]
NAMED_MAX = 1_000  # problems that are printed; all are counted
T = TypeVar("T")


def redis_url(given: str | None) -> str:
    url = given or os.environ.get("UNBROKEN_REDIS")
    if not url:
        raise Refusal("Which Redis? Name its URL, or set UNBROKEN_REDIS.")
    return url


def destination() -> Destination:
    """The service: UNBROKEN_ARCHIVE, UNBROKEN_API_KEY."""
    return Destination.of(Host())


def refused(error: UnbrokenError) -> Refusal:
    again = " What is done stays: run it again." if error.retryable else ""
    return Refusal(f"{error}.{again}", code=1)


async def shown(each: AsyncIterator[T], *, total: int | None, what: str) -> AsyncIterator[T]:
    """The same, with a progress bar on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - takes a moment to import
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415

    columns: list[Any] = [*Progress.get_default_columns()[:2], MofNCompleteColumn()]
    console = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task(what, total=total)
        async for one in each:
            progress.advance(task)
            yield one


class Problems:
    """Prints each, up to NAMED_MAX."""

    def __init__(self) -> None:
        self.count = 0

    def tell(self, problem: str) -> None:
        self.count += 1
        if self.count <= NAMED_MAX:
            print(problem.encode(errors="backslashreplace").decode())

    def end(self) -> None:
        if self.count > NAMED_MAX:
            print(f"and {self.count - NAMED_MAX} more")
