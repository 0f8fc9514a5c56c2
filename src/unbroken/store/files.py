"""Files that people uploaded: who, where, and under which hash the bytes are."""

from uuid import UUID

from unbroken.errors import NotFound
from unbroken.store.records import Upload
from unbroken.store.text import clean
from unbroken.store.transaction import Database


class StoredFiles:
    """What was put is found by its id, with the size and hash of its bytes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, file: Upload) -> None:
        await self._database.write(
            lambda tx: tx.one(
                "put_file",
                file_id=file.id,
                conversation_id=file.conversation_id,
                call_id=file.call_id,
                identity=None if file.identity is None else clean(file.identity),
                name=clean(file.name),
                content_type=clean(file.content_type),
                bytes=file.size_bytes,
                sha256=file.sha256,
            )
        )

    async def get(self, file_id: UUID) -> Upload:
        row = await self._database.read(lambda tx: tx.one("get_file", file_id=file_id))
        if row is None:
            raise NotFound(f"no file {file_id}")
        return Upload(
            id=file_id,
            conversation_id=row["conversation_id"],
            call_id=row["call_id"],
            identity=row["identity"],
            name=row["name"],
            content_type=row["content_type"],
            size_bytes=row["bytes"],
            sha256=row["sha256"],
        )
