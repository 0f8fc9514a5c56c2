"""Requests that name themselves by an Idempotency-Key, and their first answers."""

from unbroken.store.records import Answered, Begun
from unbroken.store.transaction import Database

KEPT_US = 48 * 3_600_000_000  # twice the promised day: a retry may be late, and clocks be wrong


class StoredRequests:
    """A key keeps the first answer that it was given, for at least a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, path: str, key: str, fingerprint: bytes) -> Begun:
        asked = {"path": path, "key": key, "fingerprint": fingerprint}
        row = await self._database.write(
            lambda tx: tx.one("begin_request", before=tx.now_us - KEPT_US, **asked)
        )
        assert row is not None  # noqa: S101 - it was just put there
        has_answer = row["status"] is not None
        answer = Answered(row["status"], row["kind"], row["answer"]) if has_answer else None
        return Begun(row["fingerprint"], answer)

    async def answer(self, path: str, key: str, answer: Answered) -> None:
        told = {"status": answer.status, "kind": answer.kind, "answer": answer.content}
        await self._database.write(lambda tx: tx.one("answer_request", path=path, key=key, **told))
