"""Start parts, know when they can work, start them again when they die, end them in time.

Theory of operation. Each part has one task (`_keep`): start, wait until its health URL answers,
wait for its end, pause, again. A stop is an event that all these tasks see; the ending itself is
done in one place (`_end_all`), in two groups, because the ones that stop last are those through
which the others say goodbye. What is still alive at KILL_AFTER_S is killed with its whole process
group. A part that cannot be started at all ends the supervisor; one that has worked before is
started again for ever.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from unbroken.cli.health import is_healthy
from unbroken.cli.logfile import LogFile
from unbroken.cli.part import Part, Running
from unbroken.cli.refusal import Refusal

PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 10.0
STEADY_S = 30.0  # who lived this long has earned the short pause again
FIRST_STARTS_MAX = 3
POLL_S = 0.05
TEXT_WAIT_S = 15.0  # a healthy part that does not say its text (other log settings) is ready, too
ASK_AGAIN_S = 0.7  # livekit-server leaves its rooms only at the second SIGTERM
FIRST_GROUP_S = 2.2
KILL_AFTER_S = 4.0
TAIL_LINES = 15
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Tell = Callable[[str], None]


class Supervisor:
    """Keeps `parts` alive from run() until a signal, or until stop() is called."""

    def __init__(
        self, parts: Sequence[Part], *, logs: Path, tell: Tell, verbose: bool = False
    ) -> None:
        self._parts = parts
        self._tell = tell
        self._verbose = verbose
        self._logs = {part.name: LogFile(logs / f"{file_name(part)}.log") for part in parts}
        self._running: dict[str, Running] = {}
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._stopping = asyncio.Event()
        self._failure: Refusal | None = None

    async def run(self, when_ready: Callable[[], Awaitable[None]]) -> None:
        """Until stopped. Calls `when_ready` once, when all parts work for the first time.

        Raises Refusal when a part cannot be started; nothing is left running then.
        """
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.stop)
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in self._parts:
                    tasks.create_task(self._keep(part), name=part.name)
                welcome = tasks.create_task(self._welcome(when_ready), name="welcome")
                await self._stopping.wait()
                welcome.cancel()
                await self._end_all()
        finally:
            for running in self._running.values():
                running.kill()
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
            for log in self._logs.values():
                log.close()
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Begin to end everything; the second call kills what is left."""
        if self._stopping.is_set():
            for running in self._running.values():
                running.kill()
        self._stopping.set()

    async def _welcome(self, when_ready: Callable[[], Awaitable[None]]) -> None:
        for ready in self._ready.values():
            await ready.wait()
        await when_ready()

    async def _keep(self, part: Part) -> None:
        pause_s = PAUSE_FIRST_S
        starts = 0
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            starts += 1
            began_s = clock()
            ending = await self._live(part)
            if self._stopping.is_set():
                return
            if not self._ready[part.name].is_set() and starts >= FIRST_STARTS_MAX:
                self._give_up(part, ending)
                return
            if clock() - began_s > STEADY_S:
                pause_s = PAUSE_FIRST_S
            self._tell(f"{part.name} ended ({ending}); starting it again in {pause_s:g} s")
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _live(self, part: Part) -> str:
        """One life of a part, from its start to its end; returns how it ended."""
        clock = asyncio.get_running_loop().time
        began_s = clock()
        said = Text(part.ready_text)

        def output(chunk: bytes) -> None:
            said.hear(chunk)
            self._note(part, chunk)

        try:
            running = await Running.start(part, output)
        except OSError as error:
            return f"it cannot be run: {error.strerror or error}"
        self._running[part.name] = running
        if self._stopping.is_set():  # the signal came while it was being started
            running.ask_to_end()
        if await self._until_ready(part, running, said):
            self._say_ready(part, clock() - began_s)
        elif not running.ended:
            running.kill()
            await running.wait()
            return f"it did not answer within {part.ready_within_s:g} s"
        ending = await running.wait()
        running.kill()  # what it has left behind
        return ending

    async def _until_ready(self, part: Part, running: Running, said: "Text") -> bool:
        """True when the part can work; False when it has ended or its time is over."""
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + part.ready_within_s
        healthy_s: float | None = None
        while not running.ended and clock() < deadline_s:
            if healthy_s is None and await is_healthy(part.health_url):
                healthy_s = clock()
            if healthy_s is not None and (said.heard or clock() - healthy_s > TEXT_WAIT_S):
                return not running.ended
            await asyncio.sleep(POLL_S)
        return False

    def _say_ready(self, part: Part, took_s: float) -> None:
        again = " again" if self._ready[part.name].is_set() else ""
        self._tell(f"  {part.name:<16}ready{again}   {took_s:5.1f} s")
        self._ready[part.name].set()

    def _give_up(self, part: Part, ending: str) -> None:
        log = self._logs[part.name]
        self._failure = Refusal(
            f"{part.name} cannot be started: {ending}. The end of {log.path}:\n"
            f"{log.tail(TAIL_LINES)}",
            code=1,
        )
        self._stopping.set()

    def _note(self, part: Part, chunk: bytes) -> None:
        self._logs[part.name].write(chunk)
        if self._verbose:
            for text in chunk.decode(errors="replace").splitlines():
                self._tell(f"[{part.name}] {text}")

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _end_all(self) -> None:
        clock = asyncio.get_running_loop().time
        began_s = clock()
        first = [part.name for part in self._parts if not part.stops_last]
        await self._end(first, deadline_s=began_s + FIRST_GROUP_S)
        await self._end(list(self._running), deadline_s=began_s + KILL_AFTER_S)

    async def _end(self, names: Sequence[str], *, deadline_s: float) -> None:
        """Ask the named parts to end, twice; kill those that have not at `deadline_s`."""
        clock = asyncio.get_running_loop().time
        group = [self._running[name] for name in names if name in self._running]
        asked_s = -ASK_AGAIN_S
        while any(not running.ended for running in group) and clock() < deadline_s:
            if clock() - asked_s >= ASK_AGAIN_S:
                asked_s = clock()
                for running in group:
                    running.ask_to_end()
            await asyncio.sleep(POLL_S)
        for running in group:
            running.kill()


class Text:
    """Whether a text has come by in a stream of chunks; nothing to wait for is heard at once."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._rest = b""
        self.heard = not text

    def hear(self, chunk: bytes) -> None:
        if not self.heard:
            seen = self._rest + chunk
            self.heard = self._text in seen
            self._rest = seen[-len(self._text) :]


def file_name(part: Part) -> str:
    return part.name.replace(" ", "-")
