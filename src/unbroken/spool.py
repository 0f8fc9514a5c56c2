"""The spool: the folder of journals on a host, and the names of the files in it.

host.id             the id of this spool: leases belong to it
keeper.lock         held by the one keeper that ships this spool
<holder>.journal    one file per holder; exists only after its lock and ack file do
<holder>.lock       held as long as the holder's process lives
<holder>.ack        mapped by the holder and the keeper
blobs/<sha256>      contents too large for an entry, until they are shipped
"""

from uuid import UUID

import msgspec

from unbroken.ack import WORDS, Ack
from unbroken.env import Env
from unbroken.errors import JournalUnreadable, SettingsInvalid

JOURNAL = ".journal"
_LOOKS_MAX = 1_000  # its writer is between making the file and filling it: microseconds


class Spool(msgspec.Struct, frozen=True):
    env: Env
    folder: str

    @classmethod
    def open(cls, env: Env, folder: str | None = None) -> "Spool":
        """Make the folder if it is absent: mode 0700, as people's words are in it.

        Raises SettingsInvalid on a network file system: a lock there says nothing of a death.
        """
        spool = cls(env, folder or f"{env.state_folder()}/unbroken/spool")
        env.make_folder(spool.folder)
        if kind := env.network_file_system(spool.folder):
            raise SettingsInvalid(
                f"{spool.folder} is on {kind}: set UNBROKEN_SPOOL to a local disk"
            )
        return spool

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

    def put_blob(self, name: str, content: bytes) -> None:
        """Keep it until the keeper has given it away; there already is no change."""
        folder = f"{self.folder}/blobs"
        self.env.make_folder(folder)
        if self.env.exists(f"{folder}/{name}"):
            return
        new = f"{folder}/{name}.{self.env.new_id().hex}.new"
        file = self.env.create(new)
        try:
            done = 0
            while done < len(content):
                done += file.write(content[done:])
        finally:
            file.close()
        self.env.rename(new, f"{folder}/{name}")

    def get_blob(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        file = self.env.open(f"{self.folder}/blobs/{name}")
        try:
            return file.read(0, file.size())
        finally:
            file.close()

    def remove_blobs(self) -> None:
        """Only when no journal is left that could refer to them."""
        if self.env.exists(folder := f"{self.folder}/blobs"):
            for name in self.env.list_folder(folder):
                self.env.remove(f"{folder}/{name}")

    @property
    def keeper_lock(self) -> str:
        return f"{self.folder}/keeper.lock"

    @property
    def keeper_log(self) -> str:
        return f"{self.folder}/keeper.log"

    def remove(self, holder: UUID) -> None:
        """The journal first: without it nobody looks for the others."""
        for path in (self.journal(holder), self.lock(holder), f"{self.folder}/{holder}.ack"):
            self.env.remove(path)


def _holder(name: str) -> UUID | None:
    if not name.endswith(JOURNAL):
        return None
    try:
        return UUID(name.removesuffix(JOURNAL))
    except ValueError:
        return None  # not a journal of ours: left alone
