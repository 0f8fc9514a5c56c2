"""Errors that agents report, for whoever watches over them."""

from uuid import UUID

import msgspec

from unbroken.stores.projection import clean
from unbroken.stores.sqlite.database import Database


class Report(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    room_name: str | None
    error_type: str
    message: str
    stack_trace: str | None
    at_us: int


class SqliteReports:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, report: Report) -> None:
        """Its time is the store's."""
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

    async def list(self, *, limit: int) -> list[Report]:
        """Newest first."""
        rows = await self._database.read(lambda tx: tx.all("list_errors", limit=limit))
        return [
            Report(
                id=UUID(bytes=row["error_id"]),
                room_name=row["room_name"],
                error_type=row["error_type"],
                message=row["message"],
                stack_trace=row["stack_trace"],
                at_us=row["at"],
            )
            for row in rows
        ]


def _clean(text: str | None) -> str | None:
    return None if text is None else clean(text)
