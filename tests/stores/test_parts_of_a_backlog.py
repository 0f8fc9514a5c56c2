"""A backlog that is stored in parts is of one history, or the keeper is told nothing."""

import msgspec
import pytest

from unbroken.blobs.object_store import ObjectBlobs
from unbroken.errors import ArchiveUnavailable
from unbroken.store import log
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import ENV, Holder, numbered


async def test_a_store_that_went_back_between_two_parts_confirms_neither(tmp_path, monkeypatch):
    monkeypatch.setattr(log, "STEPS_MAX", 1)
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(tmp_path / "db", blobs, ENV) as store:
        holder = Holder(store.archive)
        await holder.take()
        parts = (holder.batch(1, *numbered(1, 2)), holder.batch(3, *numbered(3, 4)))
        database, histories = store.archive._database, iter(range(9))
        write = database.write

        async def elsewhere(work):
            answers, identity = await write(work)
            return answers, msgspec.structs.replace(identity, timeline=next(histories))

        monkeypatch.setattr(database, "write", elsewhere)
        with pytest.raises(ArchiveUnavailable):
            await holder.send(*parts)
        monkeypatch.setattr(database, "write", write)
        assert [a.outcome for a in await holder.send(*parts)] == ["acked"] * 2
