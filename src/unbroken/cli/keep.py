"""`unbroken keep`: the keeper of this host's spool, under a supervisor or as a sidecar."""

import os
import socket
from contextlib import suppress
from typing import Annotated

import typer

from unbroken.cli import folders
from unbroken.cli.refusal import Refusal
from unbroken.env import Host
from unbroken.journal.spool import Spool

Forever = Annotated[
    bool,
    typer.Option("--forever", help="Stay when there is nothing to ship, as supervisors want it."),
]
Check = Annotated[
    bool,
    typer.Option("--check", help="Only say whether a keeper ships the spool: exit code 0 or 1."),
]


def keep(*, forever: Forever = False, check: Check = False) -> None:
    """Ship the journals of this host until idle. Settings: UNBROKEN_SPOOL, UNBROKEN_ARCHIVE.

    Exit code 0: idle, or told to end. 1: the settings do not allow it to work. 3: another keeper
    ships this spool (with --forever it is waited for). A systemd unit of Type=notify is told when
    it is ready.
    """
    spool = str(folders.spool_folder())
    if check:
        _check(spool)
        return
    from unbroken.keeper.process import main  # noqa: PLC0415  the HTTP client takes a moment to import

    raise typer.Exit(main(stays=forever, ready=_tell_supervisor))


def _check(spool: str) -> None:
    host = Host()
    if not host.is_locked(Spool(host, spool).keeper_lock):
        raise Refusal(f"No keeper ships {spool}: the first agent starts one.", code=1)
    print(f"A keeper ships {spool}.")


def _tell_supervisor() -> None:
    """As sd_notify does; one that does not listen is no error."""
    if not (address := os.environ.get("NOTIFY_SOCKET")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.connect(address.replace("@", "\0", 1) if address[0] == "@" else address)
        supervisor.send(b"READY=1")
