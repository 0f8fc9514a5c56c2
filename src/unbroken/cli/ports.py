"""Ports: which are free, and who has the one that is not."""

import errno
import os
import re
import socket
from contextlib import suppress
from pathlib import Path

from unbroken.cli.refusal import Refusal
from unbroken.machine import LOOPBACK

LISTENING = "0A"  # as the kernel writes the state in /proc/net/tcp
TABLES = {socket.SOCK_STREAM: ("tcp", "tcp6"), socket.SOCK_DGRAM: ("udp", "udp6")}
PRIVILEGED_BELOW = 1024


def claim(port: int, purpose: str, *, host: str = LOOPBACK, udp: bool = False) -> int:
    """`port` if it is free, a free one for 0.

    Raises Refusal, naming the port and where possible the process that has it.
    """
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if not udp:  # as servers do: connections of the last run may still be waiting to end
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _refusal(error, port, purpose, kind) from error
        return int(probe.getsockname()[1])


def _refusal(error: OSError, port: int, purpose: str, kind: socket.SocketKind) -> Refusal:
    if error.errno == errno.EADDRINUSE:
        return Refusal(f"Port {port} ({purpose}) is taken by {user_of(port, kind)}.")
    if error.errno == errno.EACCES and port < PRIVILEGED_BELOW:
        return Refusal(f"Port {port} ({purpose}) needs root; choose one from 1024 up.")
    return Refusal(f"Port {port} ({purpose}) cannot be used: {error.strerror or error}.")


def user_of(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> str:
    """Name and number of the process at `port`, or "another process" when we may not see it."""
    inodes = {inode for table in TABLES[kind] for inode in _inodes(table, port)}
    if inodes:
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and _has_open(folder, inodes):
                return _name(folder)
    return "another process"


def _inodes(table: str, port: int) -> list[str]:
    found = []
    with suppress(OSError):
        for row in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
            words = row.split()
            at_port = int(words[1].rpartition(":")[2], 16) == port
            if at_port and (words[3] == LISTENING or table.startswith("udp")):
                found.append(words[9])
    return found


def _has_open(folder: Path, inodes: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in (folder / "fd").iterdir():
            with suppress(OSError):
                found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))  # noqa: PTH115
                if found and found.group(1) in inodes:
                    return True
    return False


def _name(folder: Path) -> str:
    try:
        return f"{(folder / 'comm').read_text().strip()} (process {folder.name})"
    except OSError:
        return f"process {folder.name}"
