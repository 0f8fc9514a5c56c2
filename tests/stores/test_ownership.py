"""Who may be judged lost."""

import pytest

from unbroken.errors import CallTaken
from unbroken.testing.holders import TTL_MS, Holder


async def test_nobody_is_lost_right_after_a_start_or_a_pause_of_the_store(archive, clock):
    await Holder(archive).take()
    clock.advance(TTL_MS / 1000 + 1)
    archive.pulse()  # the pause ends here: hosts could not be heard
    with pytest.raises(CallTaken):
        await Holder(archive).take()
    for _ in range(4):
        clock.advance(1)
        archive.pulse()
    assert (await Holder(archive).take()).cause == "host_lost"
