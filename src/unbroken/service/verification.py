"""Verification of what is kept: a sample before the service serves, all of it on request."""

from collections.abc import AsyncIterator
from uuid import UUID

import structlog

from unbroken.errors import ArchiveUnavailable, Corrupt, NotFound
from unbroken.store.port import Store
from unbroken.store.records import Verified

SAMPLE_SESSIONS = 32  # the newest: what an older copy of the database would lack, or have halfway
SAMPLE_ENTRIES = 10_000  # in all of them: some tenths of a second
PAGE = 100
NAMED_MAX = 10  # findings, in one line of the log

log = structlog.get_logger()


async def sample(store: Store) -> None:
    """Look at the newest sessions, and say in the log what is wrong. It never stops the start."""
    left = SAMPLE_ENTRIES
    try:
        for session_id, last_seq in await store.sessions.newest(limit=SAMPLE_SESSIONS):
            if (left := left - last_seq) < 0:
                return
            await _look_at(store, session_id)
    except (ArchiveUnavailable, Corrupt) as error:
        log.warning("store not verified", error=str(error))


async def _look_at(store: Store, session_id: UUID) -> None:
    about = {"session_id": str(session_id)}
    try:
        found = await store.sessions.verify(session_id)
    except (ArchiveUnavailable, Corrupt, NotFound) as error:
        log.warning("session not verified", error=str(error), **about)
        return
    if not found.is_whole:
        wrong = [f"{f.table} {f.row} {f.what}" for f in found.findings[:NAMED_MAX]]
        log.error("store is damaged", count=found.count, wrong=wrong, **about)


async def verify_all(store: Store) -> AsyncIterator[Verified]:
    """Every session, the newest first, one page at a time."""
    before: UUID | None = None
    while page := await store.sessions.newest(limit=PAGE, before=before):
        for session_id, _ in page:
            yield await store.sessions.verify(session_id)
        before = page[-1][0]
