"""The restaurant's book: each booking once, whatever is asked twice."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

BUSY_S = 5.0  # how long another process may hold the file

_SCHEMA = """
create table if not exists booking (
    key text primary key,       -- of the attempt: the same one again is the same booking
    day text not null,
    party integer not null,
    name text,
    time text,                  -- "19:30"; null: none was named
    booked_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict
"""
_BOOK = """
insert into booking (key, day, party, name, time) values (:key, :day, :party, :name, :time)
on conflict (key) do nothing
"""
_COLUMNS = ("key", "day", "party", "name", "time")


@dataclass(frozen=True, kw_only=True)
class Booking:
    key: str
    day: str
    party: int
    name: str | None = None
    time: str | None = None


class BookingBook:
    """A file of its own, shared by all jobs of a host. Raises sqlite3.Error if it fails."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def book(self, booking: Booking) -> Booking:
        """What is booked under `booking.key` afterwards: this one, or the one that was first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as connection, connection:
            connection.execute("begin immediate")  # one after the other, from the table on
            _make_ready(connection)
            connection.execute(_BOOK, vars(booking))
            return _find(connection, booking.key) or booking

    def find(self, key: str) -> Booking | None:
        """What is booked under `key`."""
        if not self.path.exists():
            return None
        with closing(self._connect()) as connection:
            return _find(connection, key)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_S)
        connection.execute("pragma synchronous = full")
        return connection


def path_from(environ: Mapping[str, str]) -> Path:
    """UNBROKEN_BOOKINGS, else bookings.sqlite in the data folder."""
    if path := environ.get("UNBROKEN_BOOKINGS"):
        return Path(path)
    return data_folder(environ) / "bookings.sqlite"


def data_folder(environ: Mapping[str, str]) -> Path:
    if folder := environ.get("UNBROKEN_DATA"):
        return Path(folder)
    if os.geteuid() == 0:
        return Path("/var/lib/unbroken")
    base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "unbroken"


def _make_ready(connection: sqlite3.Connection) -> None:
    """The table, also in a book from before bookings had a time."""
    connection.execute(_SCHEMA)
    columns = {row[1] for row in connection.execute("pragma table_info(booking)")}
    if "time" not in columns:
        connection.execute("alter table booking add column time text")


def _find(connection: sqlite3.Connection, key: str) -> Booking | None:
    row = connection.execute(
        "select key, day, party, name, time from booking where key = ?", (key,)
    ).fetchone()
    return Booking(**dict(zip(_COLUMNS, row, strict=True))) if row else None
