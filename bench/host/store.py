"""What the service has stored, read from its file by other code than its own."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID


class Store:
    def __init__(self, data: Path) -> None:
        self._path = data / "unbroken.sqlite"
        self._blobs = data / "blobs"

    def log(self, session_id: UUID) -> list[tuple[int, str, bytes]]:
        """seq, kind and payload, in order."""
        with self._opened() as database:
            return database.execute(
                "select seq, kind, payload from entries where session_id = ? order by seq",
                (session_id.bytes,),
            ).fetchall()

    def side(self, session_id: UUID) -> list[tuple[int, str, str, bytes]]:
        """seq, reason, kind and payload of what may not enter the log."""
        with self._opened() as database:
            return database.execute(
                "select seq, reason, kind, payload from side_entries where session_id = ?"
                " order by seq",
                (session_id.bytes,),
            ).fetchall()

    def phases(self) -> dict[UUID, str]:
        with self._opened() as database:
            rows = database.execute("select session_id, phase from sessions").fetchall()
        return {UUID(bytes=session_id): phase for session_id, phase in rows}

    def heads(self) -> dict[str, int]:
        """The newest seq of the session of each room."""
        with self._opened() as database:
            return dict(
                database.execute(
                    "select c.room_name, s.last_seq from sessions s join calls c using (call_id)"
                ).fetchall()
            )

    def has_blob(self, sha256: str) -> bool:
        """It is there, under its hash, and whole."""
        path = self._blobs / sha256[:2] / sha256
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=20)
        try:
            yield database
        finally:
            database.close()
