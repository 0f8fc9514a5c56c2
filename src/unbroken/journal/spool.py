"""The spool: the folder of journals on a host, and the names of the files in it.

host.id             the id of this spool: leases belong to it
keeper.lock         held by the one keeper that ships this spool
keeper.beat         mapped by the keeper and all agents: its sign of life, and its settings
keeper.start        held by the agent that starts a keeper, for that moment
keeper.log          what the keepers said; bounded
<holder>.journal    one file per holder; exists only after its lock and ack file do
<holder>.1.journal  its next part, after a failed fsync
<holder>.lock       held as long as the holder's process lives
<holder>.ack        mapped by the holder and the keeper
<holder>.bell       rung by the keeper when something that the holder waits for was stored
keeper.bell         rung by a holder that waits
blobs/<holder>.<sha256>   what was too large for an entry; leaves with its journal
archives/<name>/    a whole spool of its own for each other service: see `destination`

All of it is people's words: the folders are ours alone (mode 0700), and no link in them is
followed. What the disk refuses is one sentence: SettingsInvalid when the spool is opened,
JournalUnwritable afterwards.
"""

import contextlib
import errno
import hashlib
from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec

from unbroken.env import Env
from unbroken.errors import JournalUnreadable, JournalUnwritable, SettingsInvalid
from unbroken.journal.ack import WORDS, Ack
from unbroken.log import large

JOURNAL = ".journal"
REMOVABLE = ".lock", ".ack", ".bell", ".new"  # what belongs to nothing without a journal
PARTS_MAX = 4  # files of one holder: so often may an fsync fail
ID_BYTES = 16
IDS_MAX = 4  # files that may hold the id: each one that was damaged is left as it is


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

        Raises SettingsInvalid for a folder that cannot be made, is a link or is somebody else's,
        and on a network file system: a lock there says nothing of a death.
        """
        folder = folder or cls.usual_folder(env)
        spool = cls(env, folder, archive=archive, key=key)
        try:
            env.make_folder(folder)
            if env.exists(spool._blobs):
                env.make_folder(spool._blobs)
        except OSError as error:
            raise SettingsInvalid(
                f"{error.filename or folder}: {error.strerror}: "
                "set UNBROKEN_SPOOL to a folder of your own"
            ) from error
        if kind := env.network_file_system(folder):
            raise SettingsInvalid(f"{folder} is on {kind}: set UNBROKEN_SPOOL to a local disk")
        return spool

    @staticmethod
    def usual_folder(env: Env) -> str:
        """UNBROKEN_SPOOL, else in a data folder that was named, else in the user's state folder."""
        if named := env.variable("UNBROKEN_SPOOL"):
            return named
        if data := env.variable("UNBROKEN_DATA"):
            return f"{data}/spool"
        return f"{env.state_folder()}/unbroken/spool"

    def host_id(self) -> UUID:
        """The same for all processes on this spool, for ever.

        The file appears whole: it is filled and synced under another name, and nothing that is
        there is replaced. One that was damaged all the same stays, and the next name counts.
        Raises JournalUnwritable, and JournalUnreadable when IDS_MAX files are damaged.
        """
        with self._said():
            for name in ("host.id", *(f"host.{number}.id" for number in range(1, IDS_MAX))):
                path = f"{self.folder}/{name}"
                if not self.env.exists(path):
                    self._make_id(path)
                if len(content := self._read(path, ID_BYTES + 1)) == ID_BYTES:
                    return UUID(bytes=content)
        raise JournalUnreadable(f"{path} is damaged: remove it when no agent runs")

    def _make_id(self, path: str) -> None:
        """Of several that do it at once the first one's stands."""
        made = self.env.new_id()
        new = f"{self.folder}/host.{made}.new"
        try:
            self._fill(new, made.bytes, is_synced=True)
            with contextlib.suppress(FileExistsError):
                self.env.link(new, path)
        finally:
            self.env.remove(new)

    def holders(self) -> list[UUID]:
        """Those with a journal, each once."""
        names = self.env.list_folder(self.folder)
        found = (_holder_of(name) for name in names if name.endswith(JOURNAL))
        return [holder for holder in dict.fromkeys(found) if holder]

    def journal(self, holder: UUID, part: int = 0) -> str:
        return f"{self.folder}/{holder}{f'.{part}' if part else ''}{JOURNAL}"

    def lock(self, holder: UUID) -> str:
        return f"{self.folder}/{holder}.lock"

    def ack_file(self, holder: UUID) -> str:
        return f"{self.folder}/{holder}.ack"

    def ack(self, holder: UUID) -> Ack:
        """Raises OSError, when the disk has no room for it, too."""
        return Ack(self.env.open_words(self.ack_file(holder), WORDS))

    def put_apart(self, holder: UUID, payload: bytes) -> tuple[bytes, list[str]]:
        """Canonical JSON with its large strings in the holder's blobs, and the names of those; as
        it is where there are none.

        Raises TooLarge as `large.divide` does: then nothing was written; and JournalUnwritable.
        """
        payload, contents = large.divide(payload)
        for name, content in contents.items():
            self.put_blob(holder, name, content)
        return payload, list(contents)

    def put_blob(self, holder: UUID, name: str, content: bytes) -> None:
        """Keep it as long as the holder's journal; one that is there already is no change.

        It survives a power loss after `sync_blobs`. Raises JournalUnwritable.
        """
        path = self._blob(holder, name)
        with self._said():
            self.env.make_folder(self._blobs)
            if not self.env.exists(path):
                self._put(path, content, is_synced=False)

    def sync_blobs(self, holder: UUID, names: Iterable[str]) -> None:
        """On return they survive a power loss. Blocks; raises OSError.

        One whose fsync fails is written anew, once, from what can still be read of it.
        """
        for name in names:
            try:
                self._sync(self._blob(holder, name))
            except OSError:
                self._rewrite_blob(holder, name)
        self.env.sync_folder(self._blobs)
        self.env.sync_folder(self.folder)

    def get_blob(self, holder: UUID, name: str) -> bytes:
        """Raises FileNotFoundError, OSError."""
        return self._read(self._blob(holder, name))

    @property
    def keeper_lock(self) -> str:
        return f"{self.folder}/keeper.lock"

    @property
    def keeper_log(self) -> str:
        return f"{self.folder}/keeper.log"

    @property
    def keeper_bell(self) -> str:
        return f"{self.folder}/keeper.bell"

    def bell(self, holder: UUID) -> str:
        return f"{self.folder}/{holder}.bell"

    def remove(self, holder: UUID) -> None:
        """All of the holder's. The journal first: without it nobody looks for the others."""
        for part in range(PARTS_MAX):
            self.env.remove(self.journal(holder, part))
        self.env.remove(self.lock(holder))
        self.env.remove(self.ack_file(holder))
        self.env.remove(self.bell(holder))
        if self.env.exists(self._blobs):
            for name in self.env.list_folder(self._blobs):
                if name.startswith(f"{holder}."):
                    self.env.remove(f"{self._blobs}/{name}")

    def remove_new(self, holder: UUID) -> None:
        """The file of a journal that never got its name."""
        self.env.remove(f"{self.journal(holder)}.new")

    def leftovers(self) -> Iterator[tuple[str, UUID | None, bool]]:
        """What belongs to nothing when its holder is dead: path, holder, and whether a journal of
        that holder would make it belong."""
        for name in self.env.list_folder(self.folder):
            if name.endswith(REMOVABLE) and name not in ("keeper.lock", "keeper.bell"):
                yield f"{self.folder}/{name}", _holder_of(name), not name.endswith(".new")
        if self.env.exists(self._blobs):
            for name in self.env.list_folder(self._blobs):
                yield f"{self._blobs}/{name}", _holder_of(name), not name.endswith(".new")

    @property
    def _blobs(self) -> str:
        return f"{self.folder}/blobs"

    def _blob(self, holder: UUID, name: str) -> str:
        return f"{self._blobs}/{holder}.{name}"

    def _rewrite_blob(self, holder: UUID, name: str) -> None:
        content = self.get_blob(holder, name)
        if hashlib.sha256(content).hexdigest() != name:
            raise OSError(errno.EIO, "A blob is damaged", self._blob(holder, name))
        self._put(self._blob(holder, name), content, is_synced=True)

    def _put(self, path: str, content: bytes, *, is_synced: bool) -> None:
        """A file that is there whole or not at all."""
        new = f"{path}.new"
        self.env.remove(new)  # of a writer that was killed, or found no room
        try:
            self._fill(new, content, is_synced=is_synced)
            self.env.rename(new, path)
        except OSError:
            self.env.remove(new)
            raise

    def _fill(self, path: str, content: bytes, *, is_synced: bool) -> None:
        file = self.env.create(path)
        try:
            done = 0
            while done < len(content):
                done += file.write(content[done:])
            if is_synced:
                file.sync()
        finally:
            file.close()

    def _sync(self, path: str) -> None:
        file = self.env.open(path)
        try:
            file.sync()
        finally:
            file.close()

    def _read(self, path: str, size: int | None = None) -> bytes:
        file = self.env.open(path)
        try:
            return file.read(0, file.size() if size is None else size)
        finally:
            file.close()

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """What the disk refuses, in one sentence."""
        try:
            yield
        except OSError as error:
            what = error.filename or self.folder
            raise JournalUnwritable(f"{what}: {error.strerror}") from error


def _holder_of(name: str) -> UUID | None:
    try:
        return UUID(name.partition(".")[0])
    except ValueError:
        return None  # not of ours
