"""Bringing a session back: history, agents and their contexts, userdata, and what is missing."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import AgentConfigUpdate, ChatContext, ChatItem

from unbroken import entries, mark, recovery
from unbroken.archive import Archive, Taken
from unbroken.env import Env
from unbroken.errors import StateRefused
from unbroken.live import Live
from unbroken.livekit import items, options, parts, userdata
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.parts import Holes
from unbroken.recovery import Facts
from unbroken.session import Session

log = logging.getLogger(__name__)

EXACT = "exact"
NEVER = {
    "speech queue": "missing: replies that had not begun are not kept",
    "agent tasks": "missing: a task's Python frame cannot be continued",
    "realtime audio": "missing: a realtime model keeps its audio context",
}

AgentFactory: TypeAlias = Callable[["Restored"], Agent]
AgentFactories: TypeAlias = Mapping[str, AgentFactory] | Sequence[type[Agent]]


def factories_of(agents: AgentFactories) -> dict[str, AgentFactory]:
    """By agent key, which is the class's name."""
    if isinstance(agents, Mapping):
        return dict(agents)
    return {kind.__name__: _maker(kind) for kind in agents}


def _maker(kind: type[Agent]) -> AgentFactory:
    return lambda _restored: kind()  # type: ignore[call-arg]


async def read(archive: Archive, taken: Taken) -> tuple[Session, mark.Mark | None]:
    """The fold of the log, and what of the mark is still in flight.

    A part of an entry that the store has lost, or does not give within some seconds, is named in
    `session.holes` and costs nothing else. Raises StateRefused for an entry that this version
    must understand and does not.
    """
    session, newer = Session(), []
    holes = Holes()
    content = await parts.fetch(archive, taken.entries)
    after_seq = taken.mark.after_seq if taken.mark else 0
    for entry in taken.entries:
        data, is_whole = parts.put_together(entry, content)
        payload = entries.decode(entry.kind, data)
        if isinstance(payload, entries.Unknown) and entry.flags & entries.MUST_UNDERSTAND:
            raise StateRefused(f"entry {entry.seq} is of a newer version: {entry.kind}")
        session.apply(payload)
        holes.see(entry.kind, payload, is_whole=is_whole)
        if isinstance(payload, entries.ItemPut) and entry.seq > after_seq:
            newer.append(payload.item["id"])
    session.holes = holes.by_field(session)
    last = mark.decode(taken.mark.payload) if taken.mark else None
    return session, recovery.in_flight(session, last, newer)


class Restored:
    """What is known of a session that goes on. `report` says field by field how well."""

    def __init__(
        self,
        live: Live,
        facts: Facts,
        hooks: Hooks,
        *,
        first: Agent,
        factories: Mapping[str, AgentFactory],
    ) -> None:
        self.session = live.session
        self.facts = facts
        self.report: dict[str, str] = {}
        self._hooks = hooks
        self._factories = factories
        self._made: dict[str, Agent] = {hooks.key_of(first): first}
        self._first = first

    def agent(self, key: str) -> Agent:
        """The agent of that key: the one that the job began with, or made by its factory.

        Raises KeyError if there is none.
        """
        if key not in self._made:
            self._made[key] = self._factories[key](self)
            self._hooks.name(self._made[key], key)
        return self._made[key]

    async def put_back(self, session: AgentSession[Any]) -> Agent:
        """Put everything into the objects; returns the agent that was current."""
        self._put_back_history(session)
        current = self._current()
        for key, agent in self._made.items():
            await self._put_back_context(key, agent)
        self._put_back_options(session)
        self._put_back_userdata(session)
        self._judge_the_rest()
        self._name_holes()
        return current

    def _current(self) -> Agent:
        key = self.session.agent
        if key is None:
            self.report["agent"] = "missing: no agent had entered"
            return self._first
        if key not in self._made and key not in self._factories:
            self.report["agent"] = f"degraded: durable(agents=…) has no {key}"
            return self._first
        try:
            current = self.agent(key)
        except Exception as error:
            log.exception("agent not made", extra={"agent": key})
            self.report["agent"] = f"degraded: {key} was not made: {type(error).__name__}"
            return self._first
        self.report["agent"] = EXACT
        self._hooks.silence(current)
        return current

    def _put_back_history(self, session: AgentSession[Any]) -> None:
        history, problem = _decoded(self.session.history)
        session.history.items[:] = history
        self._hooks.mirror.restore_history(history)
        self.report["history"] = problem or EXACT

    async def _put_back_context(self, key: str, agent: Agent) -> None:
        """The agent's own context; instructions that were changed at run time too."""
        context, problem = _decoded(self.session.context(key))
        changes = [item for item in context if isinstance(item, AgentConfigUpdate)]
        await self._put_back_instructions(key, agent, changes)
        lost = await self._put_back_tools(key, agent, changes)
        if context:
            await agent.update_chat_ctx(ChatContext(context), exclude_invalid_function_calls=False)
        self._hooks.mirror.restore_context(key, agent.chat_ctx.items)
        self.report[f"context of {key}"] = problem or lost or EXACT

    async def _put_back_instructions(
        self, key: str, agent: Agent, changes: Sequence[AgentConfigUpdate]
    ) -> None:
        newest = next((c.instructions for c in reversed(changes) if c.instructions), None)
        entered = self.session.entered.get(key)
        if newest and entered and newest != entered.instructions:
            await agent.update_instructions(newest)

    async def _put_back_tools(
        self, key: str, agent: Agent, changes: Sequence[AgentConfigUpdate]
    ) -> str | None:
        """Take away what had been taken away at run time; names what is not there."""
        entered = self.session.entered.get(key)
        expected, removed = set(entered.tools if entered else ()), set[str]()
        for change in changes:
            added, gone = set(change.tools_added or ()), set(change.tools_removed or ())
            expected, removed = (expected | added) - gone, (removed | gone) - added
        if removed & {tool.id for tool in agent.tools}:
            await agent.update_tools([tool for tool in agent.tools if tool.id not in removed])
        lost = sorted(expected - {tool.id for tool in agent.tools})
        return f"degraded: this version has no tool {', '.join(lost)}" if lost else None

    def _put_back_options(self, session: AgentSession[Any]) -> None:
        lost = options.put_back(session, self.session.options, self._made)
        self.report["options"] = f"degraded: not as it was: {', '.join(lost)}" if lost else EXACT

    def _put_back_userdata(self, session: AgentSession[Any]) -> None:
        if self.session.userdata_type is None:
            self.report["userdata"] = "missing: there was none"
            return
        try:
            userdata.put_back(session.userdata, self.session.userdata)
            self.report["userdata"] = EXACT
        except (ValueError, TypeError, msgspec.ValidationError) as error:
            self.report["userdata"] = f"degraded: {error}"

    def _judge_the_rest(self) -> None:
        skipped = sorted(set(self.session.skipped))
        self.report["participants"] = EXACT
        self.report["entries"] = f"degraded: skipped {', '.join(skipped)}" if skipped else EXACT
        unknown = [tool.name for tool in self.facts.unknown_tools]
        self.report["tools"] = (
            f"degraded: outcome unknown of {', '.join(unknown)}" if unknown else EXACT
        )
        self.report |= NEVER

    def _name_holes(self) -> None:
        """What has a hole is not exact, whatever was made of it."""
        for name, words in self.session.holes.items():
            known = self.report.get(name, EXACT)
            self.report[name] = f"degraded: {words}" if known == EXACT else f"{known}; {words}"


def repair(env: Env, live: Live, flying: mark.Mark | None, facts: Facts) -> None:
    """Record what was under way as the items that it had become."""
    for put in recovery.repairs(
        live.session,
        flying,
        facts,
        new_id=lambda: f"item_{env.new_id().hex}",
        now_s=_behind(live.session, env.now_us() / 1e6),
    ):
        live.record(put)


def _behind(session: Session, now_s: float) -> float:
    """LiveKit sorts by time: a clock that is behind must not put new items in front."""
    newest = max((i.get("created_at", 0.0) for i in session.items.values()), default=0.0)
    return max(now_s, newest + 0.001)


def _decoded(encoded: Sequence[entries.Item]) -> tuple[list[ChatItem], str | None]:
    """The items, and how many of them this version of LiveKit does not know."""
    try:
        return items.decode(encoded), None
    except ValueError:
        pass
    found: list[ChatItem] = []
    for item in encoded:
        try:
            found += items.decode([item])
        except ValueError:
            continue
    return found, f"degraded: {len(encoded) - len(found)} items of an unknown form"
