"""Where a process keeps what it records: a service, and the spool whose keeper ships there.

A keeper ships a whole spool to one place. So what is meant for another service than the
environment's, or for another key, has a spool of its own below the environment's.
"""

import hashlib

import msgspec

from unbroken.archive.addresses import plain
from unbroken.env import Env
from unbroken.journal.spool import Spool

ARCHIVE = "http://127.0.0.1:8000"  # the service of `make run`


class Destination(msgspec.Struct, frozen=True):
    """`archive` is the URL if it is another than the environment's, else None."""

    env: Env
    url: str
    key: str | None
    folder: str
    archive: str | None

    @classmethod
    def of(cls, env: Env, url: str | None = None, *, key: str | None = None) -> "Destination":
        """The service at `url`; what is None is as the environment says (UNBROKEN_ARCHIVE,
        UNBROKEN_API_KEY, UNBROKEN_SPOOL). The same for all processes that name the same.
        """
        usual_key = env.variable("UNBROKEN_API_KEY")
        usual = plain(env.variable("UNBROKEN_ARCHIVE") or ARCHIVE)
        meant, key = plain(url or usual), key or usual_key
        folder = Spool.usual_folder(env)
        if (meant, key) == (usual, usual_key):
            return cls(env, meant, key, folder, None)
        # A key that the environment changes must not leave a backlog behind in an old folder.
        name = _name(meant, None if key == usual_key else key)
        return cls(env, meant, key, f"{folder}/archives/{name}", meant)

    def spool(self) -> Spool:
        """Made if it is absent. Raises SettingsInvalid if a spool cannot be there."""
        if self.archive is None:
            return Spool.open(self.env, self.folder)
        Spool.open(self.env, Spool.usual_folder(self.env))  # it holds ours: the same is asked of it
        return Spool.open(self.env, self.folder, archive=self.archive, key=self.key)


def _name(url: str, key: str | None) -> str:
    return hashlib.sha256(f"{url}\n{key or ''}".encode()).hexdigest()[:24]
