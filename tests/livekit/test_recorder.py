"""What changed of userdata is written, no more; what no entry can hold is said to be unsafe."""

import dataclasses
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.core.conftest import new_header
from tests.core.shapes import VALUES, Everything
from tests.core.shapes import is_same as is_the_same
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY
from unbroken.live.live import LEVELS, Live
from unbroken.livekit.state import objects, userdata
from unbroken.livekit.state.recorder import WRITTEN_MAX, Recorders
from unbroken.livekit.state.whole import WRITTEN_WHOLE
from unbroken.log.entries import PAYLOAD_BYTES_MAX, ItemsRemoved
from unbroken.log.session import Session, fold
from unbroken.typed import Decoder

LARGE = [f"row {k} " + "x" * 20 for k in range(12_000)]


class Keeping:
    """An application's userdata, and the log of its changes."""

    def __init__(self, live: Live, data: Any) -> None:
        self.live, self.data = live, data
        self.recorder = Recorders(live).userdata

    def scan(self) -> None:
        self.recorder.record(objects.read(self.data, lambda _: None))

    async def entries(self) -> list[tuple[str, bytes]]:
        """All that was recorded; a slow disk may have kept some of it waiting."""
        await self.live.durable("process")
        spool, holder = self.live._spool, self.live.journal.header.holder
        reader = JournalReader(self.live._env, spool.journal(holder))
        found = []
        while more := reader.read(is_living=True):
            found += [(frame.kind, frame.payload) for frame in more if frame.type == ENTRY]
        reader.close()
        return found

    async def logged(self) -> Session:
        return fold(await self.entries())


@pytest.fixture
async def keep(env, spool):
    opened: list[Live] = []

    def made(data: Any) -> Keeping:
        opened.append(Live.open(spool, new_header(env, spool)))
        return Keeping(opened[-1], data)

    yield made
    for live in opened:
        await live.close("left")


def put_back(target: Any, logged: Session) -> tuple[Any, str | None]:
    """What stands then, and what is not as it was."""
    decoder = Decoder(_nobody, lambda _: None)
    now = objects.put_back(target, logged.userdata_log, decoder)
    read = objects.read(now, lambda _: None).value
    return now, objects.said(decoder.problems, logged.userdata_log, read)


def without_order(value: Any) -> Any:
    return {name: part for name, part in value.items() if name != objects.ORDER}


def _nobody(name: str, _old: Any) -> Any:
    raise KeyError(name)


MUTATIONS = st.lists(
    st.dictionaries(st.text("abc$", max_size=2), VALUES, max_size=4), min_size=1, max_size=4
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(MUTATIONS)
async def test_the_log_of_any_changes_gives_the_last_value_back(keep, values):
    kept = keep({})
    for value in values:
        kept.data.clear()
        kept.data.update(value)
        kept.scan()
    logged = await kept.logged()
    assert logged.userdata == userdata.encode(kept.data)
    again, words = put_back({}, logged)
    assert words is None
    assert set(again) == set(kept.data)
    assert all(is_the_same(again[key], kept.data[key]) for key in again)


FIELDS = [field.name for field in dataclasses.fields(Everything)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3), min_size=1, max_size=3)
)
@example([{"name": Counter({"b": 0})}, {"name": Counter({"a": 0, "b": 0})}])  # new in front
async def test_any_values_come_back_into_the_same_class(keep, values):
    kept = keep(Everything())
    for value in values:
        kept.data = dataclasses.replace(kept.data, **value)
        kept.scan()
    here = Everything()
    again, words = put_back(here, await kept.logged())
    assert again is here
    assert words is None
    assert all(is_the_same(getattr(here, name), getattr(kept.data, name)) for name in FIELDS)


async def test_a_turn_costs_what_it_changed(keep):
    kept = keep({"rows": [], "name": "Ann"})
    sizes = []
    for k in range(40):
        kept.data["rows"].append({"n": k, "text": "x" * 100})
        before = len(await kept.entries())
        kept.scan()
        sizes.append(sum(len(payload) for _, payload in (await kept.entries())[before:]))
    assert max(sizes[2:]) < 250
    assert without_order((await kept.logged()).userdata) == kept.data


async def test_userdata_that_grows_beyond_one_entry_is_whole(keep):
    kept = keep({"rows": []})
    for k in range(12):
        kept.data["rows"] += LARGE[k * 1_000 : (k + 1) * 1_000]
        kept.scan()
    assert (await kept.logged()).userdata["rows"] == LARGE
    assert await kept.live.durable("process")


async def test_what_no_entry_can_hold_is_not_safe_until_one_can(keep):
    kept = keep({"rows": ["a"], "step": 1})
    kept.scan()
    kept.data |= {"rows": LARGE, "step": 2}
    kept.scan()
    for level in ("process", "disk", "service"):
        assert not await kept.live.durable(level, timeout_s=0.05)
    assert "userdata is not stored as it is: rows: " in kept.live.lag.degraded
    logged = await kept.logged()
    assert logged.userdata == {"rows": ["a"], "step": 2}
    assert "lost" not in dict(await kept.entries())
    here, words = put_back({"rows": [], "step": 0}, logged)
    assert here == {"rows": ["a"], "step": 2}
    assert (
        words == f"rows: older than it was, as small parts of more than {PAYLOAD_BYTES_MAX} bytes"
    )
    kept.data["rows"] = LARGE[:10]
    kept.scan()
    assert await kept.live.durable("process")
    assert kept.live.lag.degraded is None
    assert without_order((await kept.logged()).userdata) == kept.data
    assert put_back({"rows": []}, await kept.logged())[1] is None


def nested(levels):
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


MANY = [[n] for n in range(65_537)]  # plain numbers alone cost less, and may be more


@pytest.mark.parametrize("field", ["userdata", "attributes of Desk"])
@pytest.mark.parametrize(
    ("part", "why"),
    [
        (MANY, "it is more than 65,536 values"),
        (nested(101), "it is nested more than 100 levels deep"),
        (LARGE, f"small parts of more than {PAYLOAD_BYTES_MAX} bytes"),
    ],
    ids=["values", "levels", "bytes"],
)
async def test_whatever_is_in_no_entry_is_not_safe_until_it_is(keep, field, part, why):
    kept = keep({"rows": ["a"], "step": 1})
    kept.recorder = Recorders(kept.live).of(field)
    kept.scan()
    kept.data |= {"rows": part, "step": 2}
    kept.scan()
    for level in LEVELS:
        assert not await kept.live.durable(level, timeout_s=0.05)
    assert f"{field} is not stored as it is: rows: {why}" in kept.live.lag.degraded
    assert (await kept.logged()).folded(field) == {"rows": ["a"], "step": 2}
    kept.data["rows"] = part[1:2]
    kept.scan()
    assert await kept.live.durable("process")
    assert "is not stored" not in str(kept.live.lag.degraded)
    assert (await kept.logged()).folded(field) == kept.data


async def test_an_entry_of_its_own_is_as_safe_as_ever_beside_state_that_is_too_large(keep):
    kept = keep({"rows": LARGE})
    kept.scan()
    n = kept.live.record(ItemsRemoved(("a",)))
    assert await kept.live.durable("process", upto=n)


async def test_what_is_too_large_is_written_once_not_at_each_look(keep):
    kept = keep({"rows": LARGE, "n": 0})
    kept.scan()
    count = len(await kept.entries())
    for _ in range(3):
        kept.scan()
    assert len(await kept.entries()) == count
    kept.data["n"] = 1
    kept.scan()
    assert without_order((await kept.logged()).userdata) == {"n": 1}


async def test_a_large_text_goes_apart_as_ever(keep):
    kept = keep({"text": "x" * 400_000})
    kept.scan()
    assert kept.live.session.userdata == kept.data
    assert await kept.live.durable("process")


async def test_several_large_fields_are_written_each_alone(keep):
    half = LARGE[:6_000]
    kept = keep({"one": half, "two": list(half)})
    kept.scan()
    assert without_order((await kept.logged()).userdata) == kept.data
    assert await kept.live.durable("process")


async def test_what_was_lost_is_written_anew(keep):
    kept = keep({"a": [1, 2], "b": 1})
    kept.scan()
    kept.data["b"] = 2
    kept.scan()
    kept.live._unstored.add(kept.live.journal.appended, "it could not be stored")
    kept.scan()
    logged = fold((await kept.entries())[-2:])
    assert logged.userdata == kept.data
    assert logged.notes[WRITTEN_WHOLE] == {"count": 1, "field": "userdata"}
    count = len(await kept.entries())
    kept.scan()
    assert len(await kept.entries()) == count


async def test_all_is_written_again_from_time_to_time(keep):
    kept = keep({"n": 0, "text": "stays"})
    for k in range(WRITTEN_MAX + 2):
        kept.data["n"] = k
        kept.scan()
    entries = await kept.entries()
    assert WRITTEN_WHOLE not in (await kept.logged()).notes
    whole = [payload for _, payload in entries if b"stays" in payload]
    assert (len(entries), len(whole)) == (WRITTEN_MAX + 2, 2)
