"""Whose words are being said, and whether the person is owed an answer.

What is owed and what an application says by itself (`say`) look alike in the sound, and differ for
a successor: a filler is not said again, the question behind it is answered.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from livekit.agents import NOT_GIVEN, Agent, AgentSession, SpeechCreatedEvent
from livekit.agents.utils import is_given
from livekit.agents.voice import SpeechHandle

from unbroken.livekit import fragile
from unbroken.livekit.guard import guarded

REPLIES_MAX = 8  # answers in the making that are remembered; LiveKit makes one at a time
SAID_MAX = 32  # speeches that wait to be said


class Replies:
    """Follows the speeches of one session; `changed` is told when an answer begins or ends."""

    def __init__(self, session: AgentSession[Any] | None = None) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._session = session
        self._owed: list[tuple[SpeechHandle, Agent | None]] = []
        self._said: dict[str, bool] = {}  # by the id of the speech: whether it is an aside
        self._answers = True  # the reply that LiveKit begins now is one to the person
        self._aside = False

    def attach(self) -> None:
        session = self._session
        if session is None:
            return
        session.on("speech_created", self._created)
        session.say = self._saying(session.say)  # type: ignore[method-assign]
        session.generate_reply = self._replying(session.generate_reply)  # type: ignore[method-assign]

    @property
    def are_owed(self) -> bool:
        """Whether an answer to the person is in the making, or not said to its end. A guess that
        LiveKit makes while the person still speaks is none; nor is the answer of an agent that
        awaits a task: what the task has asked is for the person to answer."""
        owing = [a for r, a in self._owed if r.scheduled and not (r.done() or r.interrupted)]
        return bool(owing) and not all(agent in self._waiting() for agent in owing)

    @property
    def is_said(self) -> bool:
        """Whether what is spoken now comes from `say`."""
        return self.current in self._said

    @property
    def is_aside(self) -> bool:
        """Whether it stays out of the chat context."""
        return self._said.get(self.current, False)

    def given(self, speech_id: str) -> None:
        """All of that speech was heard: if it was an answer, it is not owed any more."""
        self._owed = [owed for owed in self._owed if owed[0].id != speech_id]

    def _waiting(self) -> list[Agent]:
        """The agents that await the current one."""
        return list(fragile.started_agents(self._session))[1:] if self._session else []

    def _current_agent(self) -> Agent | None:
        return self._session.current_agent if self._session else None

    @property
    def current(self) -> str:
        """The id of what is being said."""
        speech = self._session.current_speech if self._session else None
        return speech.id if speech else ""

    def _saying(self, say: Callable[..., SpeechHandle]) -> Callable[..., SpeechHandle]:
        @functools.wraps(say)
        def saying(*args: Any, **kwargs: Any) -> SpeechHandle:
            self._aside = not kwargs.get("add_to_chat_ctx", True)
            try:
                return say(*args, **kwargs)
            finally:
                self._aside = False

        return saying

    def _replying(self, reply: Callable[..., SpeechHandle]) -> Callable[..., SpeechHandle]:
        """One that an application asks for with instructions of its own is no answer."""

        @functools.wraps(reply)
        def replying(*args: Any, **kwargs: Any) -> SpeechHandle:
            is_told = is_given(kwargs.get("instructions", NOT_GIVEN))
            self._answers = not is_told or is_given(kwargs.get("user_input", NOT_GIVEN))
            try:
                return reply(*args, **kwargs)
            finally:
                self._answers = True

        return replying

    @guarded
    def _created(self, event: SpeechCreatedEvent) -> None:
        speech = event.speech_handle
        if event.source == "say":
            self._said[speech.id] = self._aside
            for known in list(self._said)[:-SAID_MAX]:
                del self._said[known]
        elif self._answers:
            self._owed = [*self._owed, (speech, self._current_agent())][-REPLIES_MAX:]
            speech.add_done_callback(self._ended)
            asyncio.get_running_loop().call_soon(self.changed)  # it is scheduled by then

    @guarded
    def _ended(self, speech: SpeechHandle) -> None:
        self._owed = [owed for owed in self._owed if owed[0] is not speech]
        self.changed()
