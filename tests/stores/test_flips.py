"""Whichever bit of the database flips: nobody is told what was not said, and nothing breaks."""

import random

import pytest

from tests.stores.flips import Flips

FLIPS = 15


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_flipped_bit_is_named_or_changes_no_word(tmp_path, seed):
    flips = Flips(tmp_path)
    await flips.fill()
    for bit in random.Random(seed).sample(flips.bits, FLIPS):
        assert await flips.wrong_after(bit) == [], f"bit {bit}"
