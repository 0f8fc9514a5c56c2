"""Answering a turn whose tools were running: they are called again as they were called.

A model that is asked once more would say again what it had said before its call, or call
something else. So it is not asked: its agent gives out the recorded calls, with ids of their own,
and LiveKit goes on from there. What the tools themselves `say` again is left out, once for each
time that it was heard; of what they let a model say nobody knows the words, and it is said again.
"""

import contextvars
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
from livekit.agents import AgentSession

from unbroken.livekit.rerun import Quiet, call, misfit
from unbroken.log.tool import Tool
from unbroken.recovery.plan import Facts

log = logging.getLogger(__name__)


class AlreadySaid:
    """What was said since the person's last words. Of what was cut the beginning counts."""

    def __init__(self, session: AgentSession[Any], facts: Facts) -> None:
        self._said = [*_said_behind_the_person(session), *((text, False) for text in facts.asides)]
        if facts.is_aside and facts.heard:
            self._said.append((facts.heard, True))

    def was_said(self, what: object) -> bool:
        """Whether a speech that begins now was heard before; it is asked about once."""
        begun = str(what).strip()
        for said in self._said:
            text, is_cut = said
            if begun == text.strip() or (is_cut and begun.startswith(text.strip())):
                self._said.remove(said)
                return True
        return False

    def rest(self) -> str:
        return ""


def _said_behind_the_person(session: AgentSession[Any]) -> Iterator[tuple[str, bool]]:
    for item in reversed(session.history.items):
        role = item.role if item.type == "message" else None
        if role == "user":
            return
        if item.type == "message" and role == "assistant" and item.text_content:
            yield item.text_content, item.interrupted


def begin(session: AgentSession[Any], facts: Facts) -> bool:
    """Call them again; returns before they run. False: this version cannot, and has called none."""
    agent, tools = session.current_agent, facts.called_again
    for tool in tools:
        if why := misfit(session, agent, tool):
            log.warning("not called again: %s", why)
            return False
    if tools:
        heard = AlreadySaid(session, facts)
        run = contextvars.copy_context().run  # nothing else is run again
        run(call, Quiet(session), agent, (heard,), [_anew(tool) for tool in tools])
    return bool(tools)


def _anew(tool: Tool) -> Tool:
    """The wish again: one call has one outcome, and this one had none."""
    return msgspec.structs.replace(tool, call_id=f"{tool.call_id}_again")
