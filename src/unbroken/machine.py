"""What this machine calls itself, and where it keeps the service's data."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

LOOPBACK = "127.0.0.1"
OWN_NAMES = ("localhost", LOOPBACK, "::1")  # what browsers and proxies call it
_ALIASES = ("localhost", "ip6-localhost")  # in /etc/hosts of Debian and others
_SYSTEM_BASE = Path("/var/lib")  # where root has no folders of its own


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant; a name that may mean any address is not."""
    if host in _ALIASES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def data_folder(environ: Mapping[str, str]) -> Path:
    """UNBROKEN_DATA, else the user's data folder, for root /var/lib/unbroken."""
    if named := environ.get("UNBROKEN_DATA"):
        return Path(named).absolute()
    if base := environ.get("XDG_DATA_HOME"):
        return Path(base) / "unbroken"
    return (_SYSTEM_BASE if os.geteuid() == 0 else Path.home() / ".local/share") / "unbroken"
