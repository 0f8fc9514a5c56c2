"""Who may be judged lost."""

import pytest

from unbroken.errors import CallTaken
from unbroken.service.steadiness import Steadiness
from unbroken.testing.holders import TTL_MS, Holder


async def test_nobody_is_lost_right_after_a_start_or_a_pause_of_the_service(store, clock):
    steadiness = Steadiness(clock)

    async def take():
        asked = Holder(store.archive).request("room")
        return await store.archive.take(asked, listened_us=steadiness.listened_us())

    await take()
    clock.advance(TTL_MS / 1000 + 1)
    steadiness.pulse()  # the pause ends here: hosts could not be heard
    with pytest.raises(CallTaken):
        await take()
    for _ in range(4):
        clock.advance(1)
        steadiness.pulse()
    assert (await take()).cause == "host_lost"
