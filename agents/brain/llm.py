"""The written brain as LiveKit wants a language model: instant, without weights or a network."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from livekit.agents import APIConnectOptions, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from agents.brain import conversation, replies
from agents.brain.answers import Reply, answer, reminder
from agents.brain.conversation import Known
from agents.intent import last_said

BOOKING_TOOLS = frozenset({"book_table", "change_booking", "confirm_booking", "cancel_booking"})


WAS_NOT_DONE = " was not done: "  # as an effect says that could not begin


def here_and_now() -> datetime:
    return datetime.now().astimezone()


class WrittenLLM(llm.LLM[Any]):
    """Answers by the rules of this package. Holds no state: all of it is in the chat context."""

    def __init__(self, now: Callable[[], datetime] = here_and_now) -> None:
        super().__init__()
        self.now = now

    @property
    def model(self) -> str:
        return "written"

    @property
    def provider(self) -> str:
        return "unbroken"

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,  # noqa: ARG002 - one at a time
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,  # noqa: ARG002 - for servers
    ) -> "_WrittenStream":
        callable_now = [] if tool_choice == "none" else (tools or [])
        return _WrittenStream(
            self, chat_ctx=chat_ctx, tools=callable_now, conn_options=conn_options
        )

    def reply(self, context: llm.ChatContext, tools: Sequence[str]) -> Reply:
        """What is said or called now."""
        known = conversation.read(context)
        if outcomes := unspoken(context):
            return Reply(_told(outcomes, known, frozenset(tools)))
        if not last_said(context):  # asked to speak without having been spoken to
            return Reply(reminder(known, frozenset(tools)) or replies.HOW_CAN_I_HELP)
        return answer(known, frozenset(tools), self.now())


class _WrittenStream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, WrittenLLM)  # noqa: S101 - for the type checker
        reply = self._llm.reply(self._chat_ctx, [tool.id for tool in self._tools])
        for word in re.findall(r"\S+\s*", reply.text):
            self._send(llm.ChoiceDelta(role="assistant", content=word))
        if reply.tool:
            call = llm.FunctionToolCall(
                name=reply.tool,
                arguments=json.dumps(reply.arguments),
                call_id=utils.shortuuid("call_"),
            )
            self._send(llm.ChoiceDelta(role="assistant", tool_calls=[call]))

    def _send(self, delta: llm.ChoiceDelta) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id=utils.shortuuid("written_"), delta=delta))


def unspoken(context: llm.ChatContext) -> list[llm.FunctionCallOutput]:
    """What tools returned since anybody spoke, oldest first."""
    found: list[llm.FunctionCallOutput] = []
    for item in reversed(context.items):
        if item.type == "message" and item.role in ("user", "assistant"):
            break
        if item.type == "function_call_output" and item.reply_required:
            found.insert(0, item)
    return found


def _told(outcomes: Sequence[llm.FunctionCallOutput], known: Known, tools: frozenset[str]) -> str:
    """What the tools returned, as it stands; then what is still open."""
    said = " ".join(_outcome(outcome) for outcome in outcomes)
    last = outcomes[-1]
    if last.name not in BOOKING_TOOLS:
        open_ = reminder(known, tools)
        return f"{said.rstrip('.')}. {open_}" if open_ else said
    is_done = last.name == "confirm_booking" and said.endswith("is booked.")
    return f"{said} {replies.pick(replies.ANYTHING_ELSE, known.turn)}" if is_done else said


def _outcome(outcome: llm.FunctionCallOutput) -> str:
    if not outcome.is_error:
        return outcome.output
    if WAS_NOT_DONE in outcome.output:
        return replies.NOT_BEGUN
    return replies.NOT_SURE_BOOKED if outcome.name == "confirm_booking" else replies.NOT_DONE
