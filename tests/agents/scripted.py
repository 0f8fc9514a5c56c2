"""ScriptedLLM: a stand-in for a language model that answers by rules. For tests only.

A rules file is JSON: [[pattern, reply], ...]. The first pattern found in what was said last wins.
A reply is a text, in which {heard} is what was said, or a call:
{"tool": "keep_note", "arguments": {"note": "{heard}"}}, or a list of them; it counts only while
the agent has that tool. What a tool returned is spoken as it stands.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livekit.agents import APIConnectOptions, llm, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr

from agents.intent import last_said, unanswered_results

Call = dict[str, Any]
Reply = str | Call | list[Call]
Rules = Sequence[tuple[str, Reply]]


class ScriptedLLM(llm.LLM[Any]):
    """With `preamble` it says that before each call, in the same reply."""

    def __init__(
        self,
        rules: Rules,
        default: str = "Sorry, I did not understand that.",
        *,
        preamble: str = "",
    ) -> None:
        super().__init__()
        self.rules = rules
        self.default = default
        self.preamble = preamble

    @classmethod
    def from_file(cls, path: str | Path) -> "ScriptedLLM":
        return cls([tuple(rule) for rule in json.loads(Path(path).read_text("utf-8"))])

    @property
    def model(self) -> str:
        return "scripted"

    @property
    def provider(self) -> str:
        return "tests"

    def reply(self, heard: str, tools: Sequence[str]) -> Reply:
        for pattern, reply in self.rules:
            fits = isinstance(reply, str) or all(call["tool"] in tools for call in _calls(reply))
            if fits and re.search(pattern, heard, re.IGNORECASE):
                return reply
        return self.default

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> "_ScriptedStream":
        now = [] if tool_choice == "none" else (tools or [])
        return _ScriptedStream(self, chat_ctx=chat_ctx, tools=now, conn_options=conn_options)


def _calls(reply: Call | list[Call]) -> list[Call]:
    return reply if isinstance(reply, list) else [reply]


class _ScriptedStream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, ScriptedLLM)
        if results := unanswered_results(self._chat_ctx):
            self._say(" ".join(results))
            return
        heard = last_said(self._chat_ctx)
        reply = self._llm.reply(heard, [tool.id for tool in self._tools])
        if isinstance(reply, str):
            self._say(reply.replace("{heard}", heard))
        else:
            for call in _calls(reply):
                self._say(self._llm.preamble)
                self._call(call, heard)

    def _say(self, text: str) -> None:
        for word in re.findall(r"\S+\s*", text):
            self._send(llm.ChoiceDelta(role="assistant", content=word))

    def _call(self, reply: Call, heard: str) -> None:
        given = reply.get("arguments", {})
        filled = {
            name: value.replace("{heard}", heard) if isinstance(value, str) else value
            for name, value in given.items()
        }
        call = llm.FunctionToolCall(
            name=reply["tool"], arguments=json.dumps(filled), call_id=utils.shortuuid("call_")
        )
        self._send(llm.ChoiceDelta(role="assistant", tool_calls=[call]))

    def _send(self, delta: llm.ChoiceDelta) -> None:
        self._event_ch.send_nowait(llm.ChatChunk(id="scripted", delta=delta))
