"""How many statements an append takes: as many for a hundred entries as for one of each kind."""

import msgspec
import pytest

from unbroken.archive.port import WireEntry
from unbroken.log import entries
from unbroken.log.cause import ENDING
from unbroken.store.sqlite.transaction import SqliteTransaction
from unbroken.testing.holders import Holder, item

CALLS = ("all", "each", "many")  # `one` is `all`


@pytest.fixture
def asked(monkeypatch):
    """The names of the queries, as they are asked."""
    names = []
    for call in CALLS:
        real = getattr(SqliteTransaction, call)

        def counted(tx, query, *values, real=real, **more):
            names.append(query)
            return real(tx, query, *values, **more)

        monkeypatch.setattr(SqliteTransaction, call, counted)
    return names


def noted(clock, event):
    payload, flags = entries.encode(event)
    return WireEntry(entries.KIND_OF[type(event)], clock.now_us(), flags, payload)


def spoken(n, clock):
    """Lines one behind the other."""
    return [item(f"a{i}", "said", after=f"a{i - 1}" if i else None) for i in range(n)]


def squeezed(n, clock):
    """Lines in front of all others."""
    return [item(f"s{i}", "said", after=None) for i in range(n)]


def removed(n, clock):
    said = [item("r", "said", after=None)]
    return said + [noted(clock, entries.ItemsRemoved(("r",))) for _ in range(n)]


def visited(n, clock):
    """People who come, change and leave."""
    for i in range(n):
        who = {"identity": f"p{i}"}
        yield noted(clock, entries.ParticipantJoined(**who, participant_kind="standard"))
        yield noted(clock, entries.ParticipantChanged(**who, name=f"P {i}"))
        yield noted(clock, entries.ParticipantLeft(**who))


def named(n, clock):
    return [noted(clock, entries.Noted(entries.USER, f"u{i}")) for i in range(n)]


def hung_up(n, clock):
    return [noted(clock, entries.Noted(ENDING, f"bye {i}")) for i in range(n)]


@pytest.mark.parametrize("kind", [spoken, squeezed, removed, visited, named, hung_up])
async def test_statements_do_not_grow_with_the_batch(store, clock, asked, kind):
    counts = []
    for n in (1, 100):
        holder = Holder(store.archive)
        await holder.take(f"room {n}")
        asked.clear()
        answer = await holder.append(1, *kind(n, clock))
        assert answer.outcome == "acked"
        counts.append(len(asked))
    assert counts[1] == counts[0] < 25


async def test_people_are_as_if_each_change_had_come_alone(store, archive, clock):
    said = [
        msgspec.structs.replace(e, at_us=clock.now_us() + n) for n, e in enumerate(visits(clock))
    ]
    found = []
    for cut in (1, len(said)):
        holder = Holder(archive)
        taken = await holder.take(f"room {cut}")
        for first in range(0, len(said), cut):
            await holder.append(first + 1, *said[first : first + cut])
        rows = await store._database.read(
            lambda tx, call=taken.call_id: tx.all("list_participants", call_id=call)
        )
        found.append([tuple(row) for row in rows])
    assert found[0] == found[1]
    assert len(found[0]) == 3


def visits(clock):
    joined, changed, left = (
        entries.ParticipantJoined, entries.ParticipantChanged, entries.ParticipantLeft,
    )  # fmt: skip
    events = [
        joined(identity="a", participant_kind="standard", name="A"),
        joined(identity="b", participant_kind="sip"),
        left(identity="a"),
        changed(identity="a", metadata="gone"),
        joined(identity="a", participant_kind="standard", name="A again"),
        changed(identity="b", name="B"),
        left(identity="b"),
        left(identity="nobody"),
        joined(identity="c", participant_kind="standard"),
        left(identity="c"),
        changed(identity="c", name="C"),
    ]
    return [noted(clock, event) for event in events]
