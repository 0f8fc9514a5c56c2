"""`unbroken verify`: is what is kept what was stored?"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer

from unbroken.cli.refusal import Refusal
from unbroken.env import Host
from unbroken.errors import NotFound, SettingsInvalid

Session = Annotated[UUID | None, typer.Argument(help="One session; without it, all of them.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a session.")]
EVERY = 100  # sessions, between two signs of life on a terminal


def verify(session: Session = None, *, as_json: Json = False) -> None:
    """Compare each row with what was stored, also while the service runs. Settings: UNBROKEN_*.

    Exit code 0: all are equal. 1: not all; each changed, missing or added row is named.
    """
    try:
        wrong = asyncio.run(_verify(session, as_json=as_json))
    except (SettingsInvalid, NotFound) as error:
        raise Refusal(f"{error}.") from error
    if wrong:
        raise typer.Exit(1)


async def _verify(session: UUID | None, *, as_json: bool) -> int:
    """How many sessions are not as they were stored."""
    sessions = entries = wrong = 0
    async for found in _verified(session):
        sessions, entries, wrong = sessions + 1, entries + found.entries, wrong + (found.count > 0)
        _tell(found, as_json=as_json)
        if not sessions % EVERY and sys.stderr.isatty():
            print(f"\r{sessions} sessions", end="", file=sys.stderr)
    if not as_json:
        said = f"{wrong} of them are damaged" if wrong else "all as they were stored"
        print(f"{sessions} sessions with {entries} entries: {said}.")
    return wrong


async def _verified(session: UUID | None) -> AsyncIterator[Any]:
    from unbroken.service.settings import read_settings  # noqa: PLC0415  takes a moment to import
    from unbroken.service.storing import read_store  # noqa: PLC0415
    from unbroken.service.verification import verify_all  # noqa: PLC0415

    async with read_store(read_settings(), Host()) as store:
        if session is not None:
            yield await store.sessions.verify(session)
            return
        async for found in verify_all(store):
            yield found


def _tell(found: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(msgspec.to_builtins(found) | {"ok": found.is_whole}))
        return
    for finding in found.findings:
        print(f"session {found.session_id}: {finding.table} {finding.row} {finding.what}")
    if found.count > len(found.findings):
        print(f"session {found.session_id}: {found.count - len(found.findings)} more")
