"""No query of PostgreSQL reads all rows of a table that grows: each is asked for its plan.

Tables are empty or small here, and the planner would read them whole for that reason alone. So it
is told not to where there is another way: what is read whole all the same has no index.
"""

import re
from collections import defaultdict

import psycopg
import pytest

from unbroken.store.postgres.statements import QUERIES

ALL = {
    "get_history": "a table of one row, and the server's own",
    "get_store": "a table of one row",
    "get_health": "a table of one row",
    "touch_store": "a table of one row",
    "begin_round": "a table of one row",
    "note_away": "a table of one row",
    "begin_copy": "a table of one row",
    "end_copy": "a table of one row",
    "list_copied": "of the schema",
    "count_others": "the server's connections",
    "list_waiting_rooms": "rooms that are open",
    "list_old_fences": "what is held just now, and seldom",
    "newest_sessions": "ends at its limit, in the order of the index",
}
OPEN = ("waiting", "input", "batch", "answer")  # rooms that are open, and what has just come
STAGED = {"append"}  # what has just come; how much that is no planner knows
STATEMENT = re.compile(r"\s*(?:select|insert|update|delete|with)\b")
COUNTED = {
    "now", "ttl", "window", "hold", "again", "retry", "first", "most", "ahead", "term", "n",
    "limit",
}  # fmt: skip
ROWS = 2_000  # in each table; of ten calls one is not over
OVER = {
    "phase": "'ended'",
    "ended_at": "nullif(n % 10, 0)",
    "closed_at": "nullif(n % 10, 0)",
    "tenant": "1",
    "words": "''",
}
VALUES = {
    "uuid": "gen_random_uuid()",
    "bytea": "sha256(n::text::bytea)",
    "text": "'x' || n",
    "bool": "false",
}
COLUMNS = """
  select table_name, column_name, udt_name
  from information_schema.columns join information_schema.tables using (table_schema, table_name)
  where table_type = 'BASE TABLE' and table_schema = 'public'
    and table_name not in ('store', 'schema_version')
    and ((is_nullable = 'NO' and column_default is null) or column_name = any(%s))
"""
IN_PARTS = "select indexname from pg_indexes where indexdef like '% WHERE %'"


@pytest.fixture(scope="module")
def connection(ready):
    with psycopg.connect(ready) as connection:
        for statement in QUERIES["put_input"][:3]:
            connection.execute(statement)
        fill(connection)
        connection.execute("set enable_seqscan = off")
        yield connection
        connection.rollback()


def fill(connection):
    tables = defaultdict(dict)
    for table, column, kind in connection.execute(COLUMNS, [list(OVER)]):
        tables[table][column] = OVER.get(column) or VALUES.get(kind, "n")
    for table, values in tables.items():
        rows = f"select {', '.join(values.values())} from generate_series(1, {ROWS}) n"
        connection.execute(f"insert into {table} ({', '.join(values)}) {rows}")
        connection.execute(f"analyze {table}")


def generic(statement):
    """For any values: `$1` in place of the driver's names, a number where one is counted with."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))

    def numbered(match):
        name = match[1]
        return f"${names.index(name) + 1}{'::bigint' if name in COUNTED else ''}"

    return re.sub(r"%\((\w+)\)s", numbered, statement).replace("%%", "%")


def reads(connection, statement):
    """What of its plan reads a whole table, or all of a tenant."""
    partial = {name for (name,) in connection.execute(IN_PARTS)}  # of what is open, or due
    asked = f"explain (generic_plan, costs off) {generic(statement)}".encode()
    with connection.transaction():  # one that has no plan spoils no other's
        plan = [line for (line,) in connection.execute(asked)]
    for step, condition in zip(plan, [*plan[1:], ""], strict=True):
        scan = re.search(r"(Seq|Index|Index Only) Scan.*? on (\w+)", step)
        index = re.search(r"(?:using|Bitmap Index Scan on) (\w+)", step)
        if not (scan or index) or (scan and scan[2] in OPEN):
            continue
        is_found = index and (index[1] in partial or "Cond: (" in condition)
        if not is_found or re.search(r"Cond: \(tenant = \S+\)$", condition):
            yield f"{step.strip()} {condition.strip()}"


@pytest.mark.parametrize("query", sorted(QUERIES.keys() - ALL.keys() - STAGED))
def test_a_query_does_not_read_all_there_is(connection, query):
    statements = [s for s in QUERIES[query] if STATEMENT.match(s) and "(?," not in s]
    assert [step for s in statements for step in reads(connection, s)] == []


def test_what_reads_all_is_told(connection):
    assert list(reads(connection, "select * from calls where end_reason = %(x)s"))
    assert list(
        reads(
            connection,
            "select * from rooms where tenant = %(x)s and (closed_at > 5 or sid is null)",
        )
    )
    assert not list(reads(connection, "select * from calls where call_id = %(x)s"))


def test_each_exception_is_a_query():
    assert QUERIES.keys() >= ALL.keys() | STAGED
