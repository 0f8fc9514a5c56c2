"""Mutants of the store: who may write, what is stored once, what a successor is given."""

from bench.mutants.mutant import Mutant

CONTRACT = "stores/test_sqlite.py::TestSqliteArchive::"

MUTANTS = (
    Mutant(
        name="no fence",
        file="store/sql/sqlite/append.sql",
        old="when i.term = s.term and i.holder = s.holder and s.phase <> 'ended'",
        new="when s.phase <> 'ended'",
        promise="After a take, nothing of the old holder enters the log.",
        test=CONTRACT + "test_late_entries_of_an_old_holder_stay_out_of_the_log",
    ),
    Mutant(
        name="the term alone is the key",
        file="store/sql/sqlite/append.sql",
        old="when i.term = s.term and i.holder = s.holder and s.phase <> 'ended'",
        new="when i.term = s.term and s.phase <> 'ended'",
        promise="Only the holder of a term writes in it.",
        test=CONTRACT + "test_a_holder_that_never_took_is_unknown",
    ),
    Mutant(
        name="an ended session takes more",
        file="store/sql/sqlite/append.sql",
        old="i.holder = s.holder and s.phase <> 'ended'",
        new="i.holder = s.holder",
        promise="Nothing enters the log of a session behind its end.",
        test=CONTRACT + "test_an_ended_session_takes_no_more",
    ),
    Mutant(
        name="a gap of one is let through",
        file="store/sql/sqlite/append.sql",
        old="b.low <= s.last_seq + 1",
        new="b.low <= s.last_seq + 2",
        promise="The log has no gap.",
        test=CONTRACT + "test_a_gap_is_named_and_nothing_of_it_is_stored",
    ),
    Mutant(
        name="what was sent again is stored again",
        file="store/sql/sqlite/append.sql",
        old="join batch b using (k) where a.outcome = 'acked' and b.seq > a.last_seq;",
        new="join batch b using (k) where a.outcome = 'acked';",
        promise="Each entry is stored once, whatever arrives twice.",
        test=CONTRACT + "test_what_is_sent_again_is_confirmed_and_stored_once",
    ),
    Mutant(
        name="the head is not moved",
        file="store/sql/sqlite/append.sql",
        old="set last_seq = a.seq,",
        new="set last_seq = sessions.last_seq,",
        promise="An empty batch is answered with the head.",
        test=CONTRACT + "test_an_empty_batch_is_answered_with_the_head",
    ),
    Mutant(
        name="what came late is dropped",
        file="store/sql/sqlite/append.sql",
        old="where a.outcome in ('fenced', 'ended') and b.seq > a.seq",
        new="where a.outcome = 'ended' and b.seq > a.seq",
        promise="What may not enter the log stands in the side lane.",
        test="stores/test_log.py::test_what_a_term_wrote_after_its_end_is_beside_the_log",
    ),
    Mutant(
        name="an older mark wins",
        file="store/sql/sqlite/append.sql",
        old="(i.mark_n, i.mark_at) > (sessions.mark_n, sessions.mark_at)",
        new="(i.mark_n, i.mark_at) < (sessions.mark_n, sessions.mark_at)",
        promise="A successor is given the newest mark.",
        test=CONTRACT + "test_the_newest_mark_is_given_to_the_successor",
    ),
    Mutant(
        name="a living holder is robbed",
        file="store/sql/sqlite/sessions.sql",
        old="and (phase = 'orphaned' or (phase = 'offered' and cause = 'released')\n      or",
        new="and (phase <> 'ended' or (phase = 'offered' and cause = 'released')\n      or",
        promise="A living holder keeps its session.",
        test=CONTRACT + "test_a_living_holder_keeps_its_session",
    ),
    Mutant(
        name="the successor begins in its predecessor's last entry",
        file="store/sql/sqlite/sessions.sql",
        old=":host_id, :agent_identity, last_seq + 1, :now,",
        new=":host_id, :agent_identity, last_seq, :now,",
        promise="A successor misses nothing: its base is all that was stored.",
        test=CONTRACT + "test_until_somebody_takes_an_orphans_entries_are_accepted",
    ),
    Mutant(
        name="hosts are lost while the store could not hear them",
        file="store/sql/sqlite/sessions.sql",
        old="or (:lost_hosts and phase",
        new="or (true and phase",
        promise="Nobody is lost right after a start, a pause or a clock step of the store.",
        test="stores/test_ownership.py"
        "::test_nobody_is_lost_right_after_a_start_or_a_pause_of_the_service",
    ),
    Mutant(
        name="a batch renews no lease",
        file="store/sql/sqlite/sessions.sql",
        old="set lease_until = max(lease_until, excluded.lease_until), ttl = excluded.ttl, name",
        new="set ttl = excluded.ttl, name",
        promise="Any batch of a host renews its lease.",
        test=CONTRACT + "test_any_batch_of_a_host_renews_its_lease",
    ),
    Mutant(
        name="a commit does not wait for the disk",
        file="store/sqlite/database.py",
        old="synchronous = full",
        new="synchronous = off",
        promise="What is acknowledged is on the disk of the service.",
        test="stores/test_database.py::test_a_write_is_synced_and_logged_ahead",
    ),
    Mutant(
        name="a lock is anybody's",
        file="store/sql/sqlite/locks.sql",
        old="   where until <= :now",
        new="   where true",
        promise="Of many who ask for a lock one has it.",
        test="stores/test_sqlite.py::TestSqliteLocks"
        "::test_of_many_who_ask_at_once_one_has_the_lock",
    ),
    Mutant(
        name="a silence that is over counts on",
        file="store/sql/sqlite/watch.sql",
        old="iif(s.missing_since >= h.lease_until, s.missing_since, null)",
        new="s.missing_since",
        promise="A room counts as missing since its host fell silent, not since a silence before.",
        test="stores/test_sqlite.py::TestSqliteWatch"
        "::test_since_when_a_room_is_missing_is_known_to_every_watcher",
    ),
)
