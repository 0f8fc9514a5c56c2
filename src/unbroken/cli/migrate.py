"""`unbroken migrate`: bring the tables to this version, before its services start."""

import asyncio
from typing import Annotated

import typer

from unbroken.cli.refusal import Refusal
from unbroken.env import Host
from unbroken.errors import SettingsInvalid

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def migrate(*, dry_run: DryRun = False) -> None:
    """Bring the tables to this version; a service does it at its start, too. Settings: UNBROKEN_*.

    Exit code 0: they are, or would be. 2: they cannot be.
    """
    from unbroken.service.settings import read_settings  # noqa: PLC0415  takes a moment to import
    from unbroken.service.storing import migrate as bring_forward  # noqa: PLC0415

    try:
        before, now = asyncio.run(bring_forward(read_settings(), Host(), is_dry=dry_run))
    except SettingsInvalid as error:
        raise Refusal(f"{error}.") from error
    if before == now:
        print(f"The tables have version {now}: nothing to do.")
    else:
        print(f"The tables {'would go' if dry_run else 'went'} from version {before} to {now}.")
