"""`unbroken copy`: killed, refused, and with its blobs."""

import hashlib

import psycopg
import pytest

from tests.cli.conftest import running, said
from tests.stores.copies import lived_in, opened, rows
from unbroken.blobs.object_store import ObjectBlobs
from unbroken.testing.holders import Holder, numbered

LINES, STEP = 4_000, 250
UNSAID = "never-said"


def copied(*words):
    return said("copy", *map(str, words), environ={})


def count(place):
    return sum(map(len, rows(place).values()))


async def test_it_is_copied_and_copied_back(tmp_path, database):
    await lived_in(tmp_path / "here")
    code, told = copied(tmp_path / "here", database)
    assert (code, told.count("\n")) == (0, 1)
    assert told == f"Finished: rows {count(database)}, sessions 1, all compared.\n"
    assert copied(database, tmp_path / "back")[0] == 0
    assert rows(tmp_path / "back", with_own=True) == rows(tmp_path / "here", with_own=True)


async def test_a_killed_one_goes_on(tmp_path, database):
    async with opened(tmp_path) as store:
        holder = Holder(store.archive)
        await holder.take()
        for first in range(1, LINES, STEP):
            said_ = await holder.append(first, *numbered(first, first + STEP - 1))
            assert said_.outcome == "acked"
    with running("copy", str(tmp_path), database, environ={}) as command:
        with psycopg.connect(database, autocommit=True) as db:
            while not (found := db.execute("select count(*) from entries").fetchone()[0]):
                assert command.process.poll() is None
            command.process.kill()
        command.process.wait()
    assert 0 < found < LINES
    environ = {"UNBROKEN_DATA": str(tmp_path), "UNBROKEN_DATABASE": database}
    code, told = said("verify", environ=environ)
    assert (code, told.count("\n")) == (2, 1)
    assert "a copy that is not finished: run `unbroken copy` again" in told
    assert copied(tmp_path, database)[0] == 0
    assert rows(database) == rows(tmp_path)


async def test_its_blobs_go_along_where_that_is_wanted(tmp_path, database):
    await lived_in(tmp_path / "here")
    blobs = ObjectBlobs.in_folder(tmp_path / "here" / "blobs")
    contents = [bytes([n]) * 1_000 for n in range(5)]
    names = [hashlib.sha256(content).digest() for content in contents]
    for name, content in zip(names, contents, strict=True):
        await blobs.put(name, content)
    damaged = tmp_path / "here" / "blobs" / names[0].hex()[:2] / names[0].hex()
    damaged.write_bytes(b"x")
    places = ("--blobs", tmp_path / "here" / "blobs", tmp_path / "there")
    code, told = copied(tmp_path / "here", database, *places)
    assert code == 1
    assert f"damaged in FROM: blob {names[0].hex()}" in told
    there = ObjectBlobs.in_folder(tmp_path / "there")
    assert [await there.get(name) for name in names[1:]] == contents[1:]
    assert not await there.exists(names[0])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["mysql://u:p@127.0.0.1/x", "HERE"], "begins with postgresql://"),
        ([f"postgresql://u:{UNSAID}@127.0.0.1:9/x", "HERE"], "cannot be used: connection failed"),
        ([f"postgresql://u:{UNSAID}@127.0.0.1/x?nonsense=1", "HERE"], "URL is none"),
        (["HERE", "THERE"], "there is no database at"),
        (["HERE", "THERE", "--blobs", "HERE/none", "THERE"], "there is no folder"),
        (["HERE", "THERE", "--blobs", "ftp://x", "THERE"], "blobs are at s3://"),
    ],
)
def test_what_cannot_begin_is_one_sentence(tmp_path, words, text):
    named = [w.replace("THERE", f"{tmp_path}/to").replace("HERE", f"{tmp_path}/of") for w in words]
    code, told = copied(*named)
    assert (code, told.count("\n")) == (2, 1), told
    assert text in told
    assert UNSAID not in told
