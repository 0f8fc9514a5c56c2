"""A round as the watch claims it, at any time."""

from unbroken.service.watch.loop import WatchLoop
from unbroken.store.records import Round

UNSURE_S = 15


async def begun(watch: WatchLoop) -> Round:
    this = await watch._store.watch.begin_round(again_s=0, unsure_s=UNSURE_S)
    assert this is not None
    return this
