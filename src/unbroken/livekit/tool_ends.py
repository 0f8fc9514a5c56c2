"""What a tool came to, and what LiveKit tells the model of it.

The event has only the words of the outcome. What the model is told of an error depends on its
class, and whether an answer is wanted on what was returned.
"""

import asyncio
from typing import Any

from livekit.agents import Agent, AgentSession, StopResponse, ToolCallEnded
from livekit.agents.llm import FunctionCall

from unbroken.livekit import fragile
from unbroken.log.entries import ToolEnded

COLLECTIONS = (list, set, frozenset, tuple)  # an agent may be returned among other things


class ToolEnds:
    """The tools that are running in one session."""

    def __init__(self, session: AgentSession[Any]) -> None:
        self._session = session
        self._running: dict[str, tuple[FunctionCall, asyncio.Task[Any]]] = {}

    def follow(self, call: FunctionCall) -> None:
        if task := fragile.running_tool(self._session, call.call_id):
            self._running[call.call_id] = call, task

    def of(self, update: ToolCallEnded) -> ToolEnded:
        """The entry of a tool that has ended just now."""
        ended = ToolEnded(update.call_id, update.status, update.message)
        known = self._running.pop(update.call_id, None)
        if known is None or update.status == "cancelled" or not known[1].done():
            return ended
        call, task = known
        result: Any = task.exception() or task.result()
        if _has_agent(result):
            return ToolEnded(update.call_id, update.status, update.message, hands_over=True)
        return _as_told(ended, call, result)


def _as_told(ended: ToolEnded, call: FunctionCall, result: Any) -> ToolEnded:
    made = fragile.output_of(call, result)
    is_nothing = result is None or isinstance(result, StopResponse)
    return ToolEnded(
        ended.call_id,
        ended.status,
        ended.output,
        told=made.output if made.output != (ended.output or "") else None,
        reply_required=made.reply_required and not is_nothing,
    )


def _has_agent(result: Any) -> bool:
    found = result if isinstance(result, COLLECTIONS) else (result,)
    return any(isinstance(value, Agent) for value in found)
