"""The core against the real store: a folder, an SQLite file, a keeper."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.core.archives import Between, Later
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Env
from unbroken.journal import speed
from unbroken.journal.frames import Header
from unbroken.journal.spool import Spool
from unbroken.store.sqlite import SqliteStore


@pytest.fixture
def env() -> Later:
    return Later()


@pytest.fixture
def spool(env: Env, tmp_path: Path) -> Spool:
    return Spool.open(env, str(tmp_path / "spool"))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no write so slow that the journal takes a thread for it."""
    monkeypatch.setattr(speed, "SLOW_WRITE_US", 600_000_000)


@pytest.fixture
async def store(env: Env, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(tmp_path / "unbroken.sqlite", blobs, env) as store:
        yield store


@pytest.fixture
def between(store: SqliteStore) -> Between:
    return Between(store.archive)


def new_header(env: Env, spool: Spool, *, room: str = "room", sid: str = "RM_1") -> Header:
    holder: UUID = env.new_id()
    return Header(
        holder=holder,
        host_id=spool.host_id(),
        room=room,
        room_sid=sid,
        role="agent",
        agent_identity=f"agent-{holder.hex[-6:]}",
        new_session_id=env.new_id(),
        new_call_id=env.new_id(),
        new_conversation_id=env.new_id(),
        started_at_us=env.now_us(),
        pid=env.pid(),
        pid_start=env.started(env.pid()),
    )
