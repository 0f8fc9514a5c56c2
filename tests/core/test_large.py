"""Large parts travel apart, and come together again."""

import json
from pathlib import Path

from tests.core.conftest import new_header
from tests.core.test_keeper import Doubtful, log_of, until
from unbroken.keeper import Keeper
from unbroken.live.live import Live
from unbroken.log.entries import BLOBS, Noted
from unbroken.log.large import put_together, references

PICTURE = "data:image/png;base64," + "A" * 700_000


async def test_a_large_part_is_lossless(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("picture", {"image": PICTURE, "other": "é" * 40_000}))
    live.record(Noted("small"))
    keeper = Keeper(spool, Doubtful(store.archive, ["well", "before", "after", "before"]))
    await until(keeper, lambda: live.ack.acked == 2)
    first, _ = await log_of(store, live.session_id)
    assert first.flags & BLOBS
    assert len(first.payload) < 1_000
    stored = {
        n: await store.archive._blobs.get(bytes.fromhex(n)) for n in references(first.payload)
    }
    whole = put_together(json.loads(first.payload), stored.__getitem__)
    assert whole["data"] == {"image": PICTURE, "other": "é" * 40_000}
    await live.close("left")


async def test_a_blob_that_is_gone_costs_its_entry_only(spool, store, env):
    live = Live.open(spool, new_header(env, spool))
    live.record(Noted("before"))
    live.record(Noted("picture", PICTURE))
    live.record(Noted("after"))
    for path in (Path(spool.folder) / "blobs").iterdir():
        path.unlink()
    await until(Keeper(spool, store.archive), lambda: live.ack.acked == 3)
    assert [e.kind for e in await log_of(store, live.session_id)] == ["note", "lost", "note"]
    await live.close("left")


def test_what_only_looks_like_a_reference_is_left_alone():
    for said in ({"$blob": "x", "bytes": 1}, {"$blob": "a" * 64}, {"$blob": 7, "bytes": 1}):
        assert references(json.dumps(said).encode()) == []
        assert put_together(said, lambda _: b"never") == said
    assert references(b"not json") == []
