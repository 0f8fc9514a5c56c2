"""The voice, fenced: after a stall or a reconnect the agent is mute until its term is confirmed.

A frozen agent that thaws would go on with its old sentence beside its successor. Removing it from
the room is no fence, as it comes back by itself; so each frame is checked where it leaves.

An agent that uses the floor of its room is silent without it, too. It goes on living, so what it
would have said must not be in the log as heard: its frames go nowhere, and its speech is cut.
"""

from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice import io

from unbroken.archive.taking import TTL_MS
from unbroken.env import Env
from unbroken.journal.ack import DEGRADED, FENCED
from unbroken.live.live import Live
from unbroken.livekit.speech.speech import InFlight

STALL_US = 2_000_000  # no beat of ours for this long: somebody may have taken the session
UNANSWERED_US = 1_000_000  # so long we wait for the store, if nobody can have taken it yet


class Fence:
    """Whether this process may still speak. Times are microseconds since boot."""

    def __init__(self, env: Env, live: Live) -> None:
        self.may_speak: Callable[[], bool] = lambda: True  # memory only: whether it has the floor
        self._env = env
        self._live = live
        self._muted_since_us: int | None = None
        self._may_resume_unconfirmed = False

    def suspect(self, stalled_us: int) -> None:
        """Mute from now on, until the term is confirmed after now."""
        self._muted_since_us = self._env.boot_us()
        # A stall shorter than the lease: nobody can have declared this host lost meanwhile.
        self._may_resume_unconfirmed = stalled_us < TTL_MS * 1_000

    def is_open(self) -> bool:
        """Called with every frame."""
        now_us = self._env.boot_us()
        count, beat_us = self._live.ack.beats
        if count and self._muted_since_us is None and now_us - beat_us > STALL_US:
            self.suspect(now_us - beat_us)
        if self._live.ack.flags & FENCED:
            return False
        if self._muted_since_us is not None and self._is_confirmed(now_us, self._muted_since_us):
            self._muted_since_us = None
        return self._muted_since_us is None

    def _is_confirmed(self, now_us: int, since_us: int) -> bool:
        ack = self._live.ack
        if ack.confirmed_us > since_us:
            return True
        is_away = bool(ack.flags & DEGRADED) or ack.term == 0
        return is_away and self._may_resume_unconfirmed and now_us - since_us > UNANSWERED_US


class Voice(io.AudioOutput):
    """The session's audio output behind the fence: what may not be heard leaves as silence.
    `in_flight` is told what was handed over, and when it stands still. What comes without the
    floor is not played at all, and `silenced` is called."""

    def __init__(
        self,
        fence: Fence,
        in_flight: InFlight,
        inner: io.AudioOutput,
        silenced: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            label="unbroken",
            capabilities=io.AudioOutputCapabilities(pause=inner.can_pause),
            next_in_chain=inner,
            sample_rate=inner.sample_rate,
        )
        self._fence = fence
        self._in_flight = in_flight
        self._silenced = silenced
        self._inner = self.next_in_chain or inner  # LiveKit wraps one that is the last

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if not self._fence.may_speak():
            self._silenced()
            return
        await super().capture_frame(frame)
        if not self._fence.is_open():
            frame = rtc.AudioFrame.create(
                frame.sample_rate, frame.num_channels, frame.samples_per_channel
            )
        self._in_flight.pushed(frame)
        await self._inner.capture_frame(frame)

    def flush(self) -> None:
        super().flush()
        self._in_flight.sound_is_whole()
        self._inner.flush()

    def clear_buffer(self) -> None:
        self._inner.clear_buffer()

    def pause(self) -> None:
        super().pause()
        self._in_flight.paused()

    def resume(self) -> None:
        super().resume()
        self._in_flight.resumed()
