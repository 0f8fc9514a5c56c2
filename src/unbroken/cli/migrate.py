"""`unbroken migrate`: bring the tables to this version, before its services start."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from unbroken.cli.refusal import Refusal
from unbroken.env import Host
from unbroken.errors import SettingsInvalid

if TYPE_CHECKING:
    from unbroken.store.records import Migrated

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
After = Annotated[
    bool,
    typer.Option("--after", help="Also what services of the version before do not bear."),
]


def migrate(*, dry_run: DryRun = False, after: After = False) -> None:
    """Bring the tables to this version, while services of the version before go on. What they
    would not bear waits for --after, when all of them are gone. Settings: UNBROKEN_*.

    Exit code 0: they are, or would be. 2: they cannot be.
    """
    from unbroken.service.settings import read_settings  # noqa: PLC0415  takes a moment to import
    from unbroken.service.storing import migrate as bring_forward  # noqa: PLC0415

    try:
        asked = bring_forward(read_settings(), Host(), is_dry=dry_run, is_last=after)
        _tell(asyncio.run(asked), is_dry=dry_run)
    except SettingsInvalid as error:
        raise Refusal(f"{error}.") from error


def _tell(done: "Migrated", *, is_dry: bool) -> None:
    if done.before != done.now:
        verb = "would go" if is_dry else "went"
        print(f"The tables {verb} from version {done.before} to {done.now}.")
    elif not done.after:
        print(f"The tables have version {done.now}: nothing to do.")
    if done.after and done.before:
        verb = "would be" if is_dry else "were"
        print(f"Of what no older service bears {verb} made: {done.after}.")
    if done.left:
        print(f"Of what no older service bears is left for --after: {done.left}.")
