"""Being the last to go: what the application's own shutdown callbacks write is in the log, too."""

import asyncio
import logging
from typing import Any
from weakref import WeakSet

log = logging.getLogger(__name__)

CALLBACK = "job_shutdown_callback"  # LiveKit's name for the task of each one, run all at once
ENTRYPOINT = "job_user_entrypoint"  # likewise of the entrypoint's
LINGER_S = 2.0
OVER_S = 8.0  # LiveKit ends the process after ten
WAITED_FOR_S = 1.0  # people in the room wait for the next agent

_leaving: WeakSet[asyncio.Task[Any]] = WeakSet()  # ours, of all sessions in this process


async def entrypoint() -> None:
    """Until the application's entrypoint has returned, and what it began has had a moment."""
    running = [task for task in asyncio.all_tasks() if task.get_name() == ENTRYPOINT]
    if running:
        await asyncio.wait(running)
    await asyncio.sleep(LINGER_S)


async def others(*, is_waited_for: bool) -> None:
    """Wait for the job's other shutdown callbacks, but not for long if people wait for us to be
    gone. Never raises."""
    if task := asyncio.current_task():
        _leaving.add(task)
    running = [t for t in asyncio.all_tasks() if t.get_name() == CALLBACK and t not in _leaving]
    if not running:
        return
    within_s = WAITED_FOR_S if is_waited_for else OVER_S
    _, late = await asyncio.wait(running, timeout=within_s)
    if late:
        log.warning("%d shutdown callbacks go on for too long: left without them", len(late))
