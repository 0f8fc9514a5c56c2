"""The session's history and the contexts of its agents, recorded as they change."""

from collections.abc import Callable, Mapping
from typing import Any

from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatItem

from unbroken.live.live import Live
from unbroken.live.mirror import Mirror, Put
from unbroken.livekit.state import whole
from unbroken.log import digest
from unbroken.log.entries import ContextChanged, ItemsRemoved
from unbroken.log.session import CONTEXT_OF

IN_VAIN = "the log cannot hold it as it is"  # an id that stands in it twice, say


class Lists:
    """Of one session. `put` records what is new or was edited in the history; `agents` are all that
    live, by key."""

    def __init__(
        self,
        live: Live,
        session: AgentSession[Any],
        mirror: Mirror,
        put: Callable[[Put], None],
        agents: Callable[[], Mapping[str, Agent]],
    ) -> None:
        self._agents = agents
        self._live = live
        self._session = session
        self._mirror = mirror
        self._put = put
        self._in_vain: set[str] = set()  # fields that were written whole, and differ all the same

    @property
    def version(self) -> int:
        """The same as long as no list is recorded anew."""
        return self._mirror.version

    def scan(self, key: str, agent: Agent) -> None:
        """Record what is not as recorded, in the history and in the context of one agent."""
        history, context = self._session.history.items, agent.chat_ctx.items
        for change in self._mirror.changes(history, key, context):
            if isinstance(change, Put):
                self._put(change)
                edited = [] if change.is_new else [change.put.item["id"]]
            else:
                self._live.record(change)
                edited = self._shared(change)
            for item_id in edited:
                self._keep_apart(item_id)

    def _shared(self, change: ItemsRemoved | ContextChanged) -> list[str]:
        """What of it other contexts may have, too, though the history has it no more."""
        if not isinstance(change, ContextChanged):
            return []
        ids = [item["id"] for item in change.then if not isinstance(item, str)]
        session = self._live.session
        others = session.contexts.items() if ids else ()
        known = [session.items, *(of.own for key, of in others if key != change.agent)]
        return [item_id for item_id in ids if any(item_id in items for items in known)]

    def _keep_apart(self, item_id: str) -> None:
        """The contexts of agents may have a copy of what was edited, as it was before."""
        for key, agent in self._agents().items():
            for piece in self._mirror.apart(item_id, key, agent.chat_ctx.items):
                self._live.record(piece)

    def look(self, key: str, agent: Agent, *, is_whole: bool = False) -> bool:
        """Whether what is looked at next is as recorded, or with `is_whole` all of it; else `scan`
        finds what is not."""
        context = {key: agent.chat_ctx.items}
        return self._mirror.look(self._session.history.items, context, is_whole=is_whole)

    def digests(self, agents: Mapping[str, Agent]) -> dict[str, str]:
        """By field. What the log has otherwise is written whole, at once, and counted."""
        history = self._session.history.items
        live = {key: agent.chat_ctx.items for key, agent in agents.items()}
        found = self._mirror.digests(history, live)
        for field, of_live in found.items():
            if self._live.session.folded(field) != of_live:
                if field not in self._in_vain:
                    self._write_whole(field, live.get(field.removeprefix(CONTEXT_OF), history))
                    self._judge(field, of_live)
            elif field in self._in_vain:
                self._judge(field, of_live)
        return {field: digest.of(of_live) for field, of_live in found.items()}

    def _write_whole(self, field: str, items: list[ChatItem]) -> None:
        key = field.removeprefix(CONTEXT_OF)
        is_history = key == field
        changes = (
            self._mirror.whole_history(items)
            if is_history
            else self._mirror.whole_context(key, items)
        )
        for change in changes:
            self._live.record(change)
        whole.note(self._live, field)

    def _judge(self, field: str, of_live: str) -> None:
        """Whether it is as it is in the log now. What is not is not tried again until it is."""
        is_equal = self._live.session.folded(field) == of_live
        (self._in_vain.discard if is_equal else self._in_vain.add)(field)
        self._live.keep_not(field, None if is_equal else IN_VAIN)
