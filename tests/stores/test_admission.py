"""The places of calls, in each database."""

import pytest

from unbroken import testing


class TestSqliteAdmission(testing.AdmissionContract):
    pass


class TestPostgresAdmission(testing.AdmissionContract):
    @pytest.fixture
    def store(self, postgres_store):
        return postgres_store
