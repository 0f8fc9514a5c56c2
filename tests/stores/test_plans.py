"""No query reads all rows of a table that grows: each is asked for its plan."""

import re

import pytest

from unbroken.store.sqlite.transaction import QUERIES

ALL = {
    "shift_times": "a step of the clock concerns all",
    "bound_times": "once, when the store opens",
    "index_anew": "an index that is damaged",
    "list_columns": "of the schema",
    "get_store": "a table of one row",
    "touch_store": "a table of one row",
    "begin_round": "a table of one row",
    "note_away": "a table of one row",
    "begin_copy": "a table of one row",
    "end_copy": "a table of one row",
    "list_copied": "of the schema",
    "list_watched_rooms": "ends at its limit, in the index of what is not over",
    "list_silent": "hosts of what is not over, in the index of that",
    "newest_sessions": "ends at its limit, in the order of the index",
    "list_waiting_rooms": "rooms that are open",
}
STAGED = {"append", "put_batch", "put_input", "is_unindexed", "index_changes"}  # what has just come
PARTS = ("SCAN CONSTANT", "SCAN (subquery", "SCAN json_each")
INNER = {
    "w",
    "f",
    "best",
    "last",
    "names",
    "n",
    "i",
    "emptied",
    "closing",
}  # names of subqueries, and of given sets
STATEMENT = re.compile(r"\s*(?:--.*\n\s*)*(?:select|insert|update|delete|with)\b")


def reads(connection, statement):
    """What of its plan reads a whole table, or all of a tenant."""
    given = dict.fromkeys(re.findall(r":(\w+)", statement))
    values = given or (None,) * max(map(int, re.findall(r"\?(\d+)", statement)), default=0)
    for *_, step in connection.execute(f"explain query plan {statement}", values):
        is_part = (
            step.startswith(PARTS) or "VIRTUAL TABLE" in step or INNER & set(step.split()[1:2])
        )
        if (step.startswith("SCAN") and not is_part) or step.endswith("(tenant=?)"):
            yield step


@pytest.mark.parametrize("query", sorted(QUERIES.keys() - ALL.keys() - STAGED))
async def test_a_query_does_not_read_all_there_is(store, query):
    statements = [s for s in QUERIES[query] if STATEMENT.match(s) and "(?," not in s]

    def plans(tx):
        return [step for s in statements for step in reads(tx._connection, s)]

    assert await store._database.write(plans) == []


@pytest.mark.parametrize("query", ["list_silent", "list_emptied", "list_closing"])
async def test_a_round_reads_no_session_that_is_over(store, query):
    """Not even in the order of the ids that it is asked for."""
    (statement,) = QUERIES[query]
    given = dict.fromkeys(re.findall(r":(\w+)", statement))

    def plan(tx):
        return [s for *_, s in tx._connection.execute(f"explain query plan {statement}", given)]

    steps = [s for s in await store._database.write(plan) if "(session_id>?)" in s]
    assert steps == []


def test_each_exception_is_a_query():
    assert QUERIES.keys() >= ALL.keys() | STAGED
