"""How long a journal is kept for a store that is put back, and what is said where it is gone."""

import logging

import pytest

from tests.core.test_keeper import until
from tests.core.test_store_changed import _is, later, new_live, said, start, stores
from unbroken.env import Host
from unbroken.errors import SettingsInvalid
from unbroken.keeper import Keeper, Options
from unbroken.keeper.process import RESHIP_S_MAX, reship_us
from unbroken.log.entries import Noted

__all__ = ["stores"]

KEPT_US = 2_000_000


class Told(Host):
    def __init__(self, value):
        super().__init__()
        self._value = value

    def variable(self, name):
        return self._value if name == "UNBROKEN_RESHIP_S" else super().variable(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ("", None), ("0", 0), ("90", 90_000_000), (str(RESHIP_S_MAX), 604_800_000_000)],
)
def test_the_setting_is_in_seconds(value, expected):
    assert reship_us(Told(value)) == expected


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "1e3", "604801", "9" * 5_000, "\u0663"])
def test_what_is_no_such_number_is_refused(value):
    with pytest.raises(SettingsInvalid, match="UNBROKEN_RESHIP_S is a number of seconds"):
        reship_us(Told(value))


async def test_a_journal_is_kept_for_as_long_as_it_says(spool, env, stores):
    keeper = Keeper(spool, stores.between, Options(reship_us=KEPT_US))
    live = new_live(spool, env, "r")
    live.record(Noted("n", 0))
    await live.close("left")
    journal = spool.journal(live.journal.header.holder)
    await keeper.step()
    await until(keeper, lambda: keeper._tails[live.journal.header.holder].is_over)
    await keeper.step()
    assert env.exists(journal)
    env.ahead_us += KEPT_US
    await until(keeper, lambda: not env.exists(journal))


@pytest.mark.parametrize("is_new_keeper", [False, True])
async def test_what_is_neither_in_the_backup_nor_kept_is_a_gap_with_a_name(
    spool, env, stores, caplog, is_new_keeper
):
    """The first holder's journal is gone, so nobody has what it wrote behind the backup."""
    keeper = Keeper(spool, stores.between, Options(reship_us=KEPT_US))
    first = await start(spool, env, stores, keeper)
    session_id = first.session_id
    for number in range(5):
        first.record(Noted("n", number))
        if number == 1:
            await until(keeper, lambda: first.ack.acked == 2)
            await stores.keep("first", "backup")
    await first.close("left")
    await later(keeper, env, lambda: _is(stores.store, session_id, "orphaned"))
    second = await start(spool, env, stores, keeper, wanted=session_id)
    second.record(Noted("n", 5))
    await until(keeper, lambda: second.ack.acked == 1)
    env.ahead_us += KEPT_US
    await until(keeper, lambda: not env.exists(spool.journal(first.journal.header.holder)))
    store = await stores.open("backup")
    keeper = Keeper(spool, stores.between) if is_new_keeper else keeper

    async def is_shipped() -> bool:
        return await said(store, session_id) == [0, 1, "lost", "lost", "lost", 5]

    with caplog.at_level(logging.ERROR):
        await later(keeper, env, is_shipped)
    found = await store.sessions.verify(session_id)
    assert (found.is_whole, found.entries) == (True, 6)
    (told,) = [r for r in caplog.records if "has not what it lacks" in r.message]
    assert (told.entries, told.session_id) == (3, str(session_id))
    await second.close("left")
