"""The backlog of a holder has no gap: what cannot be read is named where it stood."""

from tests.core.files import dead_header, entry, lay
from unbroken.journal import PartsReader
from unbroken.keeper.backlog import Backlog
from unbroken.log import entries
from unbroken.log.cause import ENDING
from unbroken.log.entries import Noted


def test_what_cannot_be_read_between_two_entries_is_named_between_them(spool, env):
    header = dead_header(env, spool)
    damaged = bytearray(entry(3))
    damaged[-2] ^= 1
    lay(spool, header, entry(1), entry(2), bytes(damaged), entry(4))
    backlog = Backlog(env, PartsReader(spool, header.holder))
    backlog.fill(is_living=False)
    kinds = [(n, found.kind) for n, found in backlog]
    assert kinds == [(1, "note"), (2, "note"), (3, "lost"), (4, "note")]
    backlog.rewind(0)
    backlog.fill(is_living=False)
    assert [(n, found.kind) for n, found in backlog] == kinds
    backlog.close()


def test_an_entry_that_stands_in_two_files_is_there_once(spool, env):
    header = dead_header(env, spool)
    lay(spool, header, entry(1), entry(2), entry(3))
    lay(spool, header, entry(2), entry(3), entry(4), part=1)
    backlog = Backlog(env, PartsReader(spool, header.holder))
    backlog.fill(is_living=False)
    assert [n for n, _ in backlog] == [1, 2, 3, 4]
    backlog.close()


def test_the_goodbye_of_a_holder_is_there_though_no_file_has_it(spool, env):
    header = dead_header(env, spool)
    lay(spool, header, entry(1))
    backlog = Backlog(env, PartsReader(spool, header.holder))
    backlog.fill(is_living=False, appended=3, hung_up=2)
    assert [(n, found.kind) for n, found in backlog] == [(1, "note"), (2, "note"), (3, "lost")]
    goodbye = dict(backlog)[2]
    assert entries.decode(goodbye.kind, goodbye.payload) == Noted(ENDING, "hung up")
    backlog.close()


def test_a_goodbye_that_was_taken_back_in_no_file_is_taken_back(spool, env):
    header = dead_header(env, spool)
    lay(spool, header, entry(1))
    backlog = Backlog(env, PartsReader(spool, header.holder))
    backlog.fill(is_living=False, appended=2, taken_back=2)
    again = dict(backlog)[2]
    assert entries.decode(again.kind, again.payload) == Noted(ENDING, None)
    backlog.close()


def test_a_goodbye_that_can_be_read_stays_as_it_was_said(spool, env):
    header = dead_header(env, spool)
    lay(spool, header, entry(1), entry(2))
    backlog = Backlog(env, PartsReader(spool, header.holder))
    backlog.fill(is_living=False, appended=2, hung_up=2)
    assert [entries.decode(e.kind, e.payload) for _, e in backlog] == [Noted("n", 1), Noted("n", 2)]
    backlog.close()
