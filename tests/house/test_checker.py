"""The checker of `make campaign-host` can fail: it notices what it is there to notice."""

import pytest

from bench.host import checker, said
from bench.host.attack import Attack
from bench.host.checker import Claim
from bench.host.store import Store
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.env import Host
from unbroken.log import entries
from unbroken.store.sqlite import SqliteStore
from unbroken.testing.holders import Holder, entry

SEED, COUNT = 7, 3


def as_said(n):
    return entry(entries.encode(said.entry(SEED, n))[0])


LOST = entry(b'{"cause":"unreadable"}', kind="lost")
WELL = [as_said(n) for n in range(1, COUNT + 1)]


async def violations(tmp_path, log, *, beside=(), **claimed):
    """What the checker says of a session with this log, of a holder that is gone."""
    blobs = ObjectBlobs.in_folder(tmp_path / "blobs")
    async with SqliteStore.open(tmp_path / "unbroken.sqlite", blobs, Host()) as store:
        holder = Holder(store.archive)
        taken = await holder.take()
        await holder.append(1, *log, final="left")
        if beside:
            await Holder(store.archive).take()
            await holder.append(len(log) + 1, *beside)
    attack = Attack("test", tmp_path, 1, 0)
    claim = {"told": COUNT, "recorded": COUNT, "is_alive": bool(beside)} | claimed
    checker.check(attack, Store(tmp_path), [Claim(taken.session_id, SEED, **claim)])
    return attack.violations


async def test_what_was_said_passes(tmp_path):
    assert await violations(tmp_path, WELL) == []


async def test_what_was_destroyed_passes_when_it_is_named(tmp_path):
    assert await violations(tmp_path, [WELL[0], LOST, WELL[2]], may_be_lost=[2]) == []


@pytest.mark.parametrize(
    ("log", "claimed", "why"),
    [
        (WELL[:2], {}, "3 were acknowledged, 2 are stored"),
        (WELL, {"recorded": 4}, "4 were recorded, 3 are stored"),
        ([*WELL, WELL[2]], {}, "3 were recorded, 4 are stored"),
        ([WELL[0], WELL[2], WELL[1]], {}, "entry 2 is not what was said"),
        ([WELL[0], WELL[0], WELL[1]], {}, "entry 2 is not what was said"),
        ([WELL[0], entry(b'{"data":[2,"changed"]}'), WELL[2]], {}, "entry 2 is not what was said"),
        ([WELL[0], LOST, WELL[2]], {}, "entry 2 is not what was said: lost"),
        ([WELL[0], LOST, WELL[2]], {"may_be_lost": [3]}, "entry 2 is not what was said: lost"),
    ],
)
async def test_what_is_missing_doubled_moved_or_changed_is_noticed(tmp_path, log, claimed, why):
    (violation,) = await violations(tmp_path, log, **claimed)
    assert why in violation


async def test_what_stands_beside_the_log_is_noticed(tmp_path):
    (violation,) = await violations(tmp_path, WELL, beside=[as_said(COUNT + 1)])
    assert "1 entries are in the side lane" in violation


async def test_a_blob_that_is_not_stored_is_noticed(tmp_path):
    missing = entry(b'{"data":[4,{"$blob":"%b","bytes":40000}],"name":"n"}' % (b"0" * 64))
    reference = entry(_apart(4))
    for large, why in ((missing, "is not what was said"), (reference, "is not stored")):
        (tmp_path / why).mkdir()
        (violation,) = await violations(tmp_path / why, [*WELL, large], recorded=4)
        assert why in violation


def _apart(n):
    content = said.text(SEED, n).encode()
    return entries.encode(entries.Noted("n", [n, said.reference(content)]))[0]


async def test_an_attack_that_hit_nothing_has_failed(tmp_path):
    attack = Attack("test", tmp_path, 1, 0)
    attack.counts["kills"] += 1
    attack.require_exercised("kills", "stops")
    assert attack.violations == ["hit nothing: no stops"]
