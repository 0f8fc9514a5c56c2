"""`unbroken copy`: move what is kept into another database."""

import asyncio
from typing import Annotated, Any, Self

import typer

from unbroken.cli.refusal import Refusal
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, Conflict, Corrupt, SettingsInvalid

From = Annotated[str, typer.Argument(metavar="FROM", help="postgresql://…, or a data folder.")]
To = Annotated[str, typer.Argument(metavar="TO", help="Likewise; it must have nothing in it.")]
BlobPlaces = Annotated[
    tuple[str, str] | None,
    typer.Option("--blobs", metavar="FROM TO", help="Folders of blobs, or buckets: s3://…"),
]
STOPPED = 130  # as shells say it


def copy(source: From, target: To, *, blobs: BlobPlaces = None) -> None:
    """Copy all that is kept in FROM to TO, and compare it; services are stopped meanwhile.

    It may be stopped at any time: the same command goes on. Blobs stay where they are without
    --blobs. Exit code 0: TO has all of it. 1: not yet, or FROM is damaged. 2: it cannot begin.
    """
    try:
        damaged = asyncio.run(_copy(source, target, blobs))
    except SettingsInvalid as error:
        raise Refusal(f"{error}.") from error
    except (ArchiveUnavailable, Conflict, Corrupt) as error:
        raise Refusal(f"Not finished; the same command goes on: {error}.", code=1) from error
    except KeyboardInterrupt as error:
        raise Refusal("Stopped; the same command goes on.", code=STOPPED) from error
    if damaged:
        raise typer.Exit(1)


async def _copy(source: str, target: str, blobs: tuple[str, str] | None) -> int:
    """How much of FROM is damaged, and was copied as it is."""
    from unbroken.service.storing import open_copy  # noqa: PLC0415  takes a moment to import

    with _Bar() as bar:
        damaged = await _carry(*blobs, bar) if blobs else []
        async with open_copy(source, target, Host(), bar.forward) as copying:
            bar.begin(2 * await copying.begin())  # they are written, then compared
            await copying.run()
            await copying.compare()
            bar.begin(None)
            sessions = await _verify(copying, bar, damaged)
            await copying.finish()
    print(f"Finished: rows {copying.rows}, sessions {sessions}, all compared.")
    for name in damaged:
        print(f"damaged in FROM: {name}")
    return len(damaged)


async def _verify(copying: Any, bar: "_Bar", damaged: list[str]) -> int:
    """How many sessions there are; `damaged` is given what is not as it was stored."""
    sessions = 0
    damaged += copying.damaged
    async for found in copying.verified():
        sessions += 1
        bar.forward("sessions", 1)
        damaged += (
            f"session {found.session_id}: {f.table} {f.row} {f.what}" for f in found.findings
        )
    return sessions


async def _carry(source: str, target: str, bar: "_Bar") -> list[str]:
    """The names of blobs that are damaged."""
    from unbroken.service import carrying  # noqa: PLC0415  takes a moment to import

    of = await carrying.open_place(source, is_source=True)
    to = await carrying.open_place(target, is_source=False)
    damaged = []
    async for name in carrying.carry(of, to):
        bar.forward("blobs", 1)
        if name:
            damaged.append(f"blob {name}")
    return damaged


class _Bar:
    """On a terminal only: what is gone through now, and how far it is."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415  takes a moment to import
        from rich.progress import Progress  # noqa: PLC0415

        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, total: int | None) -> None:
        self._progress.reset(self._task, total=total)

    def forward(self, what: str, count: int) -> None:
        self._progress.update(self._task, description=what, advance=count)
