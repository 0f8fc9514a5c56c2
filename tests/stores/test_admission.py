"""The places of calls, in each database."""

import pytest

from unbroken import testing
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.store.postgres import PostgresStore
from unbroken.testing.holders import LISTENED_S


class TestSqliteAdmission(testing.AdmissionContract):
    pass


class TestPostgresAdmission(testing.AdmissionContract):
    @pytest.fixture
    async def store(self, tmp_path, clock, database):
        blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
        async with PostgresStore.open(database, blobs, clock) as store:
            clock.advance(LISTENED_S)
            yield store
