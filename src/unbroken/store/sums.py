"""Sums over rows, by which a changed bit is noticed."""

import hashlib
from collections.abc import Mapping
from typing import Any

_SUM_BYTES = 6
_LINE = ("item_id", "role", "text", "interrupted", "speaker", "at", "heard_ms", "metrics")


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
