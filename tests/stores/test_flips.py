"""Whichever bit of the database flips: nobody is told what was not said, and nothing breaks."""

import itertools
import random
from uuid import UUID

import pytest

from tests.stores.flips import Flips
from unbroken.env import Host

FLIPS = 15
NOW_US = 1_780_000_000_000_000


@pytest.fixture(autouse=True)
def same_each_time(monkeypatch):
    """Ids and times are no chance, so that a number names the same bit for ever."""
    random_ids = random.Random(7)
    ids = (UUID(int=random_ids.getrandbits(128)) for _ in itertools.count())
    monkeypatch.setattr(Host, "new_id", lambda _: next(ids))
    monkeypatch.setattr(Host, "now_us", lambda _: NOW_US)
    monkeypatch.setattr(Host, "boot_us", lambda _: NOW_US)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_a_flipped_bit_is_named_or_changes_no_word(tmp_path, seed):
    flips = Flips(tmp_path)
    await flips.fill()
    for bit in itertools.islice(flips.bits(random.Random(seed)), FLIPS):
        assert await flips.wrong_after(bit) == [], f"bit {bit}"
