"""Mutants of shared state: nothing lost, nothing twice, nothing that was erased."""

from bench.mutants.mutant import Mutant

CONTRACT = "stores/test_state.py::TestSqliteState::"
WATCH = "coordination/test_watching.py::"

MUTANTS = (
    Mutant(
        name="an expected version is no condition",
        file="store/state.py",
        old="if if_version is not None and if_version != version:",
        new="if False:",
        promise="A compare-and-set that met another version changes nothing.",
        test=CONTRACT + "test_an_expected_version_is_a_condition",
    ),
    Mutant(
        name="a change is not kept",
        file="store/state.py",
        old='    tx.one("put_state_change", **names, **row)\n',
        new="",
        promise="A watcher is told every change.",
        test=CONTRACT + "test_a_watcher_misses_no_change_and_has_none_twice",
    ),
    Mutant(
        name="what is forgotten counts as known",
        file="store/state.py",
        old='not head["floor"] <= after <= head["revision"]',
        new='not after <= head["revision"]',
        promise="Who was away too long is told so.",
        test=CONTRACT + "test_who_was_away_too_long_is_told_so",
    ),
    Mutant(
        name="a store that knows less goes on",
        file="store/state.py",
        old='not head["floor"] <= after <= head["revision"]',
        new='not head["floor"] <= after',
        promise="Who knows more than the store is told so.",
        test=CONTRACT + "test_who_comes_from_elsewhere_is_told_so",
    ),
    Mutant(
        name="an erased owner's changes stay",
        file="store/sql/common/state.sql",
        old=":owner;\ndelete from state_changes where tenant = :tenant and scope = :scope",
        new=":owner;\ndelete from state_changes where tenant <> :tenant and scope = :scope",
        promise="Of an erased owner nothing is left.",
        test=CONTRACT + "test_of_an_erased_owner_nothing_is_left",
    ),
    Mutant(
        name="an owner has any number of keys",
        file="store/sql/common/state.sql",
        old="(:keys <= 0 or o.keys + :keys <= :keys_max) and",
        new="(true or :keys_max > 0) and",
        promise="An owner has so many keys, and no more.",
        test=CONTRACT + "test_an_owner_has_so_many_keys",
    ),
    Mutant(
        name="a snapshot has what is changed meanwhile",
        file="coordination/feeds.py",
        old="if value.version <= revision:",
        new="if True:",
        promise="What is changed while a snapshot is read is told once.",
        test=WATCH + "test_what_changes_while_a_snapshot_is_read_is_told_once",
    ),
    Mutant(
        name="half a snapshot is told",
        file="coordination/stream.py",
        old="            snapshot = StateSnapshot(revision, [])\n",
        new="            snapshot = StateSnapshot(revision, [])\n            yield snapshot\n",
        promise="A connection that breaks in a snapshot leaves no trace.",
        test=WATCH + "test_a_connection_that_breaks_leaves_no_trace",
    ),
    Mutant(
        name="a connection begins anew",
        file="coordination/stream.py",
        old="                    position = position_of(told)\n",
        new="",
        promise="Each connection goes on behind the last change.",
        test=WATCH + "test_a_connection_that_breaks_leaves_no_trace",
    ),
    Mutant(
        name="a token opens every room",
        file="service/room_tokens.py",
        old='grants.room == unquote(owner) != ""',
        new="grants.room",
        promise="A token to join a room opens no other state.",
        test="service/test_state.py::test_it_opens_nothing_else",
    ),
)
