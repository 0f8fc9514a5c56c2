"""A speech-to-speech model without a voice of its own for given words, as some are."""

import asyncio
from collections.abc import Callable
from typing import Any

from livekit import rtc
from livekit.agents import utils
from livekit.agents.llm import (
    ChatContext,
    GenerationCreatedEvent,
    MessageGeneration,
    RealtimeCapabilities,
    RealtimeModel,
    RealtimeSession,
)
from livekit.agents.llm.tool_context import ToolContext
from livekit.agents.types import NOT_GIVEN

RATE = 16_000
FRAME_BYTES = RATE // 50 * 2


def told_or_heard(_heard: str, told: str | None) -> str:
    """What it is told to say, or that it has heard what was said last."""
    return told or "I heard you."


class Realtime(RealtimeModel):
    """Answers by `answer`, of what was said last and of what it is told; `sound` gives the sound
    of a text."""

    def __init__(
        self,
        answer: Callable[[str, str | None], str] = told_or_heard,
        sound: Callable[[str], bytes] = lambda _text: bytes(RATE // 10 * 2),
    ) -> None:
        super().__init__(
            capabilities=RealtimeCapabilities(
                message_truncation=True,
                turn_detection=True,
                user_transcription=True,
                auto_tool_reply_generation=False,
                audio_output=True,
                manual_function_calls=True,
                mutable_chat_context=True,
                mutable_instructions=True,
                mutable_tools=True,
                per_response_tool_choice=True,
                supports_say=False,
            )
        )
        self.told: list[Any] = []
        self.answer, self.sound = answer, sound

    def session(self, **_: Any) -> RealtimeSession:
        return _Session(self)

    async def aclose(self) -> None: ...


class _Session(RealtimeSession):
    def __init__(self, model: Realtime) -> None:
        super().__init__(model)
        self._model, self._context, self._tools = model, ChatContext.empty(), ToolContext.empty()

    @property
    def chat_ctx(self) -> ChatContext:
        return self._context.copy()

    @property
    def tools(self) -> ToolContext:
        return self._tools

    async def update_instructions(self, _instructions: str) -> None: ...
    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None:
        self._context = chat_ctx.copy()

    async def update_tools(self, tools: Any) -> None:
        self._tools = ToolContext(tools)

    def update_options(self, **_: Any) -> None: ...
    def push_audio(self, _frame: rtc.AudioFrame) -> None: ...
    def push_video(self, _frame: rtc.VideoFrame) -> None: ...
    def commit_audio(self) -> None: ...
    def clear_audio(self) -> None: ...
    def interrupt(self) -> None: ...
    def truncate(self, **_: Any) -> None: ...
    async def aclose(self) -> None: ...

    def generate_reply(self, *, instructions: Any = NOT_GIVEN, **_: Any) -> Any:
        self._model.told.append(instructions)
        said = [item.text_content or "" for item in self._context.messages() if item.role == "user"]
        text = self._model.answer(said[-1] if said else "", instructions or None)
        made = asyncio.get_running_loop().create_future()
        made.set_result(self._spoken(text))
        return made

    def _spoken(self, text: str) -> GenerationCreatedEvent:
        messages, calls = utils.aio.Chan(), utils.aio.Chan()
        words, sound = utils.aio.Chan(), utils.aio.Chan()
        words.send_nowait(text)
        heard = self._model.sound(text)
        for at in range(0, len(heard), FRAME_BYTES):
            frame = heard[at : at + FRAME_BYTES]
            sound.send_nowait(rtc.AudioFrame(frame, RATE, 1, len(frame) // 2))
        kinds = asyncio.get_running_loop().create_future()
        kinds.set_result(["audio", "text"])
        item_id = utils.shortuuid("item_")
        messages.send_nowait(
            MessageGeneration(
                message_id=item_id, text_stream=words, audio_stream=sound, modalities=kinds
            )
        )
        for channel in (words, sound, messages, calls):
            channel.close()
        return GenerationCreatedEvent(
            message_stream=messages, function_stream=calls, user_initiated=True, response_id=item_id
        )
