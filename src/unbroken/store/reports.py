"""Errors that agents report, for whoever watches over them."""

from collections.abc import Iterator
from uuid import UUID

from unbroken.errors import Corrupt
from unbroken.store.records import Report
from unbroken.store.text import clean
from unbroken.store.transaction import Database, Row, Transaction

PAGE_CHARS_MAX = 1 << 20
_END = ((1 << 63) - 1, UUID(bytes=b"\xff" * 16))


class StoredReports:
    """A report that is damaged is listed as that, and hides none of its neighbours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, report: Report) -> None:
        await self._database.write(
            lambda tx: tx.one(
                "put_error",
                error_id=report.id,
                room_name=_clean(report.room_name),
                error_type=clean(report.error_type),
                message=clean(report.message),
                stack_trace=_clean(report.stack_trace),
            )
        )

    async def list(self, *, limit: int, before: tuple[int, UUID] | None = None) -> list[Report]:
        at, name = before or _END
        asked = {"limit": limit, "before_at": at, "before_id": name}

        def work(tx: Transaction) -> Iterator[Report]:
            size = 0
            for row in tx.each("list_errors", **asked):
                yield (report := _report(row))
                size += len(report.message) + len(report.stack_trace or "")
                if size >= PAGE_CHARS_MAX:
                    return

        return await self._database.read(lambda tx: [*work(tx)])


def _report(row: Row) -> Report:
    is_whole = bool(row["is_whole"])
    return Report(
        id=row["error_id"],
        room_name=row["room_name"] if is_whole else None,
        error_type=row["error_type"] if is_whole else Corrupt.code,
        message=row["message"] if is_whole else "",
        stack_trace=row["stack_trace"] if is_whole else None,
        at_us=row["at"],
    )


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)
