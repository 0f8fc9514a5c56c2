"""A long log is given in parts, and what of it is not as it was stored is named in each."""

import logging

import msgspec
import pytest

from tests.stores.test_corruption import change, opened
from unbroken.errors import Corrupt
from unbroken.store import taking
from unbroken.testing.holders import Holder, numbered
from unbroken.testing.parts import parts_of

ENTRIES, MOST = 10, 4
LOST = {"cause": "corrupt", "kind": None}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(taking, "PART_ENTRIES_MAX", MOST)


@pytest.fixture
async def session_id(tmp_path):
    """Of a session of ENTRIES that lost its holder, in a closed store."""
    async with opened(tmp_path) as store:
        holder = Holder(store.archive)
        taken = await holder.take()
        await holder.append(1, *numbered(1, ENTRIES), final="crashed")
    return taken.session_id


async def parts(tmp_path):
    """What a successor gets: the kinds of the entries, part by part."""
    async with opened(tmp_path) as store:
        taken = await Holder(store.archive).take()
        found = [part async for part in parts_of(store.archive, taken)]
    assert [e.seq for part in found for e in part.entries] == list(range(1, taken.base + 1))
    return [[e.kind for e in part.entries] for part in found]


async def test_a_part_has_so_many_entries_at_most(tmp_path, session_id, caplog):
    assert await parts(tmp_path) == [["note"] * 4, ["note"] * 4, ["note"] * 2]
    assert "corrupt" not in caplog.text


async def test_a_log_that_fills_its_parts_has_no_empty_one(tmp_path, monkeypatch, session_id):
    monkeypatch.setattr(taking, "PART_ENTRIES_MAX", ENTRIES // 2)
    assert await parts(tmp_path) == [["note"] * 5, ["note"] * 5]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("delete from entries where seq = 6", "nnnn nlnn nn"),
        ("delete from entries where seq in (4, 5)", "nnnl lnnn nn"),
        ("delete from entries where seq in (9, 10)", "nnnn nnnn ll"),
        ("update entries set payload = x'7b7d' where seq = 8", "nnnn nnnl nn"),
    ],
)
async def test_what_is_gone_or_changed_is_lost_in_its_place(
    tmp_path, session_id, caplog, statement, expected
):
    change(tmp_path, statement)
    with caplog.at_level(logging.ERROR):
        found = await parts(tmp_path)
    assert " ".join("".join(kind[0] for kind in part) for part in found) == expected
    assert "log is corrupt" in caplog.text


async def test_the_last_part_knows_the_chain_of_all(tmp_path, session_id, caplog):
    """As somebody would change it who knows how hashes are made."""
    other = taking.hashlib.sha256(b"{}").hexdigest()
    change(tmp_path, f"update entries set payload = x'7b7d', sha256 = x'{other}' where seq = 2")
    with caplog.at_level(logging.ERROR):
        assert await parts(tmp_path) == [["note"] * 4, ["note"] * 4, ["note"] * 2]
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage() == "log is corrupt"


@pytest.mark.parametrize("kept", [0, 2])
async def test_a_number_that_was_changed_is_no_endless_log(tmp_path, session_id, kept):
    change(
        tmp_path,
        f"update sessions set last_seq = {1 << 60}",
        f"delete from entries where seq > {kept}",
    )
    async with opened(tmp_path) as store:
        with pytest.raises(Corrupt):
            taken = await Holder(store.archive).take()
            assert len(taken.entries) == MOST
            await store.archive.read_log(taken.next)


async def test_a_wrong_chain_of_a_reader_is_told_in_the_log_only(tmp_path, session_id, caplog):
    async with opened(tmp_path) as store:
        taken = await Holder(store.archive).take()
        place = msgspec.structs.replace(taken.next, seq=ENTRIES - 1, chain=bytes(32))
        part = await store.archive.read_log(place)
    assert ([e.seq for e in part.entries], part.next) == ([ENTRIES], None)
    assert "log is corrupt" in caplog.text
