"""Tools for language models that cannot call tools: the intent is found, then called for them.

Theory of operation
-------------------
1. The gate. Each tool has a vocabulary: the words of its name and description, without the words
   of `COMMON`. Only tools of which a word was said are candidates. If one tool has more words
   than any other, and at least two, or at least half of all that was said, it is the intent.
   Otherwise the model chooses among the candidates and "none", held to them by a JSON schema.
   The gate is needed: SmolLM2 calls a question about France `book_table`.
2. Arguments. A string argument gets the caller's own words as they were recognised. A weak model
   fills such a field with "2023-01-01T00:00:00Z"; a tool can read "for two on Friday" itself.
3. Results. What a tool returned is spoken as it stands: asking the model to phrase it loses it.

Everything else is plain chat.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from livekit.agents import APIConnectOptions, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

NONE = "none"
DECIDING_WORDS = 2  # so many words of one tool, and more than of any other, are no accident
DECIDING_SHARE = 0.5  # ...nor is so much of a short sentence
HISTORY_STEP = 10  # the history is cut in such steps: a prompt cache lives from an equal beginning
FAILED = "Sorry, that did not work."
COMMON_WORDS = """
    a about after again all also am an and any are as asked asks at be been but by call caller can
    could did do does for from get go had has have he her here his how i if in into is it its
    like may me my of on only or our own please say says she so some something tell than that the
    their them then there they thing this to up us user want wants was we were what when where
    which who will with would you your
"""
COMMON = frozenset(COMMON_WORDS.split())

_Tool = llm.FunctionTool[..., Any]


class IntentLLM(llm.LLM[Any]):
    """Wraps `inner`, of which only chat and `response_format` are used."""

    def __init__(self, inner: llm.LLM[Any]) -> None:
        super().__init__()
        self.inner = inner

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def provider(self) -> str:
        return self.inner.provider

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,  # noqa: ARG002 - one at a time
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> "_IntentStream":
        callable_now = [] if tool_choice == "none" else (tools or [])
        return _IntentStream(self, chat_ctx, callable_now, conn_options, extra_kwargs)

    async def aclose(self) -> None:
        await self.inner.aclose()
        await super().aclose()


class _IntentStream(llm.LLMStream):
    def __init__(
        self,
        engine: IntentLLM,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
        extra: NotGivenOr[dict[str, Any]],
    ) -> None:
        super().__init__(engine, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._inner = engine.inner
        self._extra = extra
        # The retries are this stream's; the inner ones would multiply them.
        self._once = replace(conn_options, max_retry=0)

    async def _run(self) -> None:
        if results := unanswered_results(self._chat_ctx):
            self._say(" ".join(results))
        elif tool := await self._intent():
            self._call(tool, last_said(self._chat_ctx))
        else:
            await self._chat()

    async def _intent(self) -> _Tool | None:
        said = last_said(self._chat_ctx)
        tools = [tool for tool in self._tools if isinstance(tool, llm.FunctionTool)]
        candidates, decided = candidates_for(said, tools)
        if decided or not candidates:
            return decided
        chosen = await self._ask(said, candidates)
        return next((tool for tool in candidates if tool.info.name == chosen), None)

    async def _ask(self, said: str, candidates: Sequence[_Tool]) -> str:
        """The model's choice among `candidates`, NONE for what it does not understand."""
        names = [tool.info.name for tool in candidates]
        meanings = "".join(f"{t.info.name}: {t.info.description}\n" for t in candidates)
        question = llm.ChatContext.empty()
        question.add_message(
            role="system", content=f"What does the user want?\n{meanings}{NONE}: anything else."
        )
        question.add_message(role="user", content=said)
        stream = self._inner.chat(
            chat_ctx=question,
            conn_options=self._once,
            extra_kwargs={"response_format": intent_format(names)},
        )
        return parse_intent((await stream.collect()).text, names)

    async def _chat(self) -> None:
        stream = self._inner.chat(
            chat_ctx=spoken(self._chat_ctx), conn_options=self._once, extra_kwargs=self._extra
        )
        async with stream:
            async for chunk in stream:
                self._event_ch.send_nowait(chunk)

    def _say(self, text: str) -> None:
        self._send(llm.ChoiceDelta(role="assistant", content=text))

    def _call(self, tool: _Tool, said: str) -> None:
        call = llm.FunctionToolCall(
            name=tool.info.name,
            arguments=json.dumps(dict.fromkeys(string_parameters(tool), said)),
            call_id=utils.shortuuid("call_"),
        )
        self._send(llm.ChoiceDelta(role="assistant", tool_calls=[call]))

    def _send(self, delta: llm.ChoiceDelta) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id=utils.shortuuid("intent_"), delta=delta))


def candidates_for(said: str, tools: Sequence[_Tool]) -> tuple[list[_Tool], _Tool | None]:
    """The tools of which a word was said, most words first; and the one that is meant for sure."""
    words = _words(said)
    counted = [(len(words & vocabulary(tool)), tool) for tool in tools]
    ranked = sorted((c for c in counted if c[0]), key=lambda c: -c[0])
    if not ranked:
        return [], None
    (most, first), runner_up = ranked[0], ranked[1][0] if ranked[1:] else 0
    is_sure = most > runner_up and (most >= DECIDING_WORDS or most >= DECIDING_SHARE * len(words))
    return [tool for _, tool in ranked], first if is_sure else None


def vocabulary(tool: _Tool) -> frozenset[str]:
    """The words that make `tool` a candidate."""
    return _words(f"{tool.info.name.replace('_', ' ')} {tool.info.description or ''}")


def string_parameters(tool: _Tool) -> list[str]:
    """The names of the parameters that take text."""
    schema = llm.utils.build_legacy_openai_schema(tool, internally_tagged=True)
    fields: dict[str, dict[str, Any]] = schema["parameters"].get("properties", {})
    return [name for name, field in fields.items() if field.get("type") == "string"]


def intent_format(names: Sequence[str]) -> dict[str, Any]:
    """The `response_format` that admits one of `names` or NONE, and nothing else."""
    schema = {
        "type": "object",
        "properties": {"intent": {"type": "string", "enum": [*names, NONE]}},
        "required": ["intent"],
        "additionalProperties": False,
    }
    described = {"name": "intent", "strict": True, "schema": schema}
    return {"type": "json_schema", "json_schema": described}


def parse_intent(reply: str, names: Sequence[str]) -> str:
    """The intent in a model's reply; NONE for anything that is not one of `names`."""
    try:
        read = json.loads(reply)
    except (ValueError, RecursionError):
        return NONE
    chosen = read.get("intent") if isinstance(read, dict) else None
    return chosen if isinstance(chosen, str) and chosen in names else NONE


def spoken(context: llm.ChatContext) -> llm.ChatContext:
    """The instructions and the newest messages, 10 to 19 of them, without any tool talk."""
    messages = [item for item in context.items if item.type == "message"]
    system = [m for m in messages if m.role in ("system", "developer")]
    said = [m for m in messages if m.role in ("user", "assistant")]
    start = max(0, len(said) // HISTORY_STEP - 1) * HISTORY_STEP
    return llm.ChatContext([*system, *said[start:]])


def last_said(context: llm.ChatContext) -> str:
    """The user's message that nothing has answered yet; "" if there is none."""
    for item in reversed(context.items):
        if item.type == "message" and item.role in ("user", "assistant"):
            return (item.text_content or "") if item.role == "user" else ""
        if item.type in ("function_call", "function_call_output"):
            return ""
    return ""


def unanswered_results(context: llm.ChatContext) -> list[str]:
    """What tools returned since anybody spoke, oldest first."""
    results: list[str] = []
    for item in reversed(context.items):
        if item.type == "message" and item.role in ("user", "assistant"):
            break
        if item.type == "function_call_output" and item.reply_required:
            results.insert(0, FAILED if item.is_error else item.output)
    return results


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", text.lower())) - COMMON
