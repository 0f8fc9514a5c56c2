"""Generated sessions come back after each kill; what does not, the report names.

What fails prints the smallest part of the session that fails, too. `make campaign-roundtrip` is the
same with more of them.
"""

import pytest

from tests.sessions.round_trip import failures

SESSIONS, AT_ONCE = 20_000, 1_000


@pytest.mark.parametrize("first", range(0, SESSIONS, AT_ONCE))
async def test_what_a_report_calls_exact_is_as_it_was_and_what_is_not_it_names(first):
    found = await failures(range(first, first + AT_ONCE))
    assert not found, "\n\n".join(map(str, found))
