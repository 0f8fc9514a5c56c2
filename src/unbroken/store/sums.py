"""Sums over rows, by which a changed bit is noticed."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

_SUM_BYTES = 6
_LINE = ("item_id", "role", "text", "interrupted", "speaker", "at", "heard_ms", "metrics")
_SIDE = ("term", "holder", "seq", "reason", "kind", "flags", "at")


def row_sum(*values: Any) -> int:
    """Of a row's columns, text as blobs: the same as long as nothing of them has changed."""
    content = repr(values).encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=_SUM_BYTES).digest())


def line_sum(row: Mapping[str, Any]) -> int:
    """Of what a line says."""
    return row_sum(*(_as_stored(row[name]) for name in _LINE))


def spot_sum(row: Mapping[str, Any]) -> int:
    """Of where a line stands."""
    ids = (row["session_id"].bytes, row["conversation_id"].bytes)
    return row_sum(*ids, row["seq"], row["place"], row["heard_at"])


def entry_sum(row: Mapping[str, Any]) -> int:
    """Of what surrounds an entry's payload."""
    return row_sum(row["seq"], row["term"], row["kind"].encode(), row["flags"], row["at"])


def _as_stored(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _of(*names: str) -> Callable[[Mapping[str, Any]], int]:
    return lambda row: row_sum(*(_as_stored(row[name]) for name in names))


def _title_sum(row: Mapping[str, Any]) -> int | None:
    return None if row["title"] is None else row_sum(_as_stored(row["title"]))


def _side_sum(row: Mapping[str, Any]) -> int:
    payload = None if row["payload"] is None else hashlib.sha256(row["payload"]).digest()
    around = [_as_stored(row[name]) for name in _SIDE]
    return row_sum(*around, payload, row["received_at"])


SUMS: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], int | None]] = {
    ("messages", "head"): _of(*_LINE),
    ("messages", "spot"): _of("session_id", "conversation_id", "seq", "place", "heard_at"),
    ("conversations", "title_sum"): _title_sum,
    ("users", "sum"): _of("user_id", "name", "context"),
    ("errors", "sum"): _of("room_name", "error_type", "message", "stack_trace", "at"),
    ("side_entries", "sum"): _side_sum,
    ("state", "sum"): _of("owner", "key", "version", "content"),
    ("state_changes", "sum"): _of("owner", "key", "version", "content"),
}
"""By table and column, of rows as SQLite has them: ids as bytes, conditions as numbers."""
