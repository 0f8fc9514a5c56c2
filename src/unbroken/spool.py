"""The spool: the folder of journals on a host, and the names of the files in it.

host.id             the id of this spool: leases belong to it
keeper.lock         held by the one keeper that ships this spool
<holder>.journal    one file per holder; exists only after its lock and ack file do
<holder>.lock       held as long as the holder's process lives
<holder>.ack        mapped by the holder and the keeper
blobs/<holder>.<sha256>   what was too large for an entry; leaves with its journal
archives/<name>/    a whole spool of its own for each other service: see `destination`
"""

from uuid import UUID

import msgspec

from unbroken.ack import WORDS, Ack
from unbroken.env import Env
from unbroken.errors import JournalUnreadable, SettingsInvalid

JOURNAL = ".journal"
_LOOKS_MAX = 1_000  # its writer is between making the file and filling it: microseconds


class Spool(msgspec.Struct, frozen=True):
    """`archive` and `key`: where its keeper ships it; None: as the environment says."""

    env: Env
    folder: str
    archive: str | None = None
    key: str | None = None

    @classmethod
    def open(
        cls,
        env: Env,
        folder: str | None = None,
        *,
        archive: str | None = None,
        key: str | None = None,
    ) -> "Spool":
        """Make the folder if it is absent: mode 0700, as people's words are in it.

        Raises SettingsInvalid on a network file system: a lock there says nothing of a death.
        """
        folder = folder or cls.usual_folder(env)
        spool = cls(env, folder, archive=archive, key=key)
        env.make_folder(spool.folder)
        if kind := env.network_file_system(spool.folder):
            raise SettingsInvalid(
                f"{spool.folder} is on {kind}: set UNBROKEN_SPOOL to a local disk"
            )
        return spool

    @staticmethod
    def usual_folder(env: Env) -> str:
        """Where the spool of this host is, unless told otherwise."""
        return env.variable("UNBROKEN_SPOOL") or f"{env.state_folder()}/unbroken/spool"

    def host_id(self) -> UUID:
        """The same for all processes on this spool, for ever."""
        path = f"{self.folder}/host.id"
        try:
            file = self.env.create(path)
            file.write(self.env.new_id().bytes)
        except FileExistsError:
            file = self.env.open(path)
        try:
            for _ in range(_LOOKS_MAX):
                if len(content := file.read(0, 16)) == 16:  # noqa: PLR2004 - a uuid
                    return UUID(bytes=content)
        finally:
            file.close()
        raise JournalUnreadable(f"{path} is damaged: remove it when no agent runs")

    def holders(self) -> list[UUID]:
        names = self.env.list_folder(self.folder)
        return [holder for name in names if (holder := _holder(name))]

    def journal(self, holder: UUID) -> str:
        return f"{self.folder}/{holder}{JOURNAL}"

    def lock(self, holder: UUID) -> str:
        return f"{self.folder}/{holder}.lock"

    def ack(self, holder: UUID) -> Ack:
        return Ack(self.env.open_words(f"{self.folder}/{holder}.ack", WORDS))

    def put_blob(self, holder: UUID, name: str, content: bytes) -> None:
        """Keep it as long as the holder's journal; one that is there already is no change."""
        path = self._blob(holder, name)
        self.env.make_folder(self._blobs)
        if self.env.exists(path):
            return
        new = f"{path}.new"
        file = self.env.create(new)
        try:
            done = 0
            while done < len(content):
                done += file.write(content[done:])
        finally:
            file.close()
        self.env.rename(new, path)

    def get_blob(self, holder: UUID, name: str) -> bytes:
        """Raises FileNotFoundError."""
        file = self.env.open(self._blob(holder, name))
        try:
            return file.read(0, file.size())
        finally:
            file.close()

    @property
    def keeper_lock(self) -> str:
        return f"{self.folder}/keeper.lock"

    @property
    def keeper_log(self) -> str:
        return f"{self.folder}/keeper.log"

    def remove(self, holder: UUID) -> None:
        """All of the holder's. The journal first: without it nobody looks for the others."""
        for path in (self.journal(holder), self.lock(holder), f"{self.folder}/{holder}.ack"):
            self.env.remove(path)
        if self.env.exists(self._blobs):
            for name in self.env.list_folder(self._blobs):
                if name.startswith(f"{holder}."):
                    self.env.remove(f"{self._blobs}/{name}")

    @property
    def _blobs(self) -> str:
        return f"{self.folder}/blobs"

    def _blob(self, holder: UUID, name: str) -> str:
        return f"{self._blobs}/{holder}.{name}"


def _holder(name: str) -> UUID | None:
    if not name.endswith(JOURNAL):
        return None
    try:
        return UUID(name.removesuffix(JOURNAL))
    except ValueError:
        return None  # not a journal of ours: left alone
