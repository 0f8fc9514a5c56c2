"""Bringing a session back: history, agents and their contexts, userdata, and what is missing.

Theory of operation
-------------------
`read` (in `reading`) folds the log. `put_back` gives the objects of this process what the fold has,
in an order in which each part finds what it refers to: history, userdata, the first agent's
attributes, agents that factories make, what holds these, contexts, options. Code that awaited tasks
is run again only when the session has started (`tasks`); until then state is as it was when that
code began.

Nothing here decides whether a field came back. What could not be put back leaves a reason; `report`
compares what stands in the objects with what the log has, and uses reasons only for its words.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec
from livekit.agents import Agent, AgentSession
from livekit.agents.llm import ChatItem, RealtimeModel

from unbroken import typed
from unbroken.env import Env
from unbroken.live.live import Live
from unbroken.livekit.guard import words_of
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.restore.making import Making, NotMade
from unbroken.livekit.restore.reading import read
from unbroken.livekit.state import (
    arguments,
    attributes,
    cards,
    contexts,
    fields,
    instructions,
    items,
    objects,
    options,
    tools,
    userdata,
)
from unbroken.livekit.state.factories import AgentFactories, AgentFactory, factories_of
from unbroken.livekit.state.objects import Target
from unbroken.log import entries, mark
from unbroken.log.attributes import Attributes
from unbroken.log.session import CONTEXT_OF, Session
from unbroken.recovery import plan
from unbroken.recovery.again import Again, again
from unbroken.recovery.plan import Facts
from unbroken.recovery.report import EXACT, Expected, expected, report
from unbroken.typed import Decoder, Ours

log = logging.getLogger(__name__)

__all__ = ["AgentFactories", "AgentFactory", "Restored", "factories_of", "read", "repair"]

NEVER = {"realtime audio": "missing: a realtime model keeps its audio context"}


class Restored:
    """What is known of a session that goes on."""

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
        self._report: dict[str, str] = {}
        self._is_compared = False
        self._not_put_back: dict[str, str] = {}  # by field: why
        self._history: list[ChatItem] = []
        self._judged: dict[str, str | None] = {}  # fields that were compared as they were put back
        self._put_into: tuple[AgentSession[Any], Expected] | None = None
        self._hooks = hooks
        self._making = Making(self, hooks, first, factories)
        self._made = self._making.made
        self._making.on_made = self._put_back_early
        self._first = first
        self._again = Again(root=None)
        self._at: int | None = None  # as of when state is put back
        self._session: Any = None  # into which
        self._shares = objects.shares({})
        self._missed: set[str] = set()  # keys of agents that others hold, and that were not there
        self._put: dict[str, tuple[Attributes, Decoder]] = {}  # by field: what, and how
        self._ours: Ours | None = {}  # as long as code is run again
        self._tasks: dict[str, str] = {}
        self._compared: dict[str, str | None] = {}

    @property
    def report(self) -> dict[str, str]:
        """Field by field what came back: `exact`, `degraded: why` or `missing: why`.

        `exact` is what was compared: what the last holder had (its digest) with the log, and the
        log with what stands in the objects when this is first asked for. It is empty until all is
        put back; from the end of `start` on it is what the log has.
        """
        if self._put_into and not self._is_compared:
            self._is_compared = True
            self._report |= self._compare(*self._put_into)
        return self._report

    def judge(self, field: str, why: str | None) -> None:
        """A field that its owner has compared; None: it is as it was."""
        self._compared[field] = why

    def agent(self, key: str) -> Agent:
        """The agent of that key: the one that the job began with, or made by its factory.

        Raises NotMade, a KeyError, if there is none, or its factory failed.
        """
        return self._making.agent(key)

    def arguments(self, key: str | None = None) -> dict[str, Any]:
        """What the agent of that key was made with, by name; without a key the one that a factory
        is making just now. What could not be recorded is not among them.

        Raises what `agent` does, for an argument that is an agent.
        """
        return self._making.arguments(key)

    async def put_back(self, session: AgentSession[Any]) -> Agent:
        """Put everything into the objects; returns the agent that was current."""
        self._put_back_history(session)
        self._making.begin()
        self._again = again(self.session)
        self._begin(session)
        self._put_back_userdata(session, self._making.held)
        for key, agent in tuple(self._made.items()):
            self._put_back_early(key, agent)
        current = self._current()
        if self._hooks.key_of(current) == self._again.root:
            self.facts = plan.without_own_words(self.facts, self._again)
            self._hooks.tasks.go_on(self._again, self)
        else:
            self._hooks.tasks.give_up(self._again, self, f"there is no {self._again.root}")
        self.put_back_state(session)
        for key, agent in tuple(self._made.items()):
            await self._put_back_context(key, agent)
        self._put_back_options(session)
        keys = {*self._made, self.session.agent or self._hooks.key_of(current)}
        keys |= {place.running.key for place in self._again.places if place.running}
        self._put_into = session, expected(self.session, keys)
        return current

    def _current(self) -> Agent:
        key = self._again.root
        if key is None:
            self._not_put_back["agent"] = "no agent had entered"
            return self._first
        try:
            current = self.agent(key)
        except NotMade as error:
            self._name("agent", str(error))
            return self._first
        self._hooks.silence(current)
        return current

    def put_back_state(self, session: AgentSession[Any], at: int | None = None) -> None:
        """Userdata and attributes, of the agents that are there; `at` an earlier moment."""
        self._begin(session, at)
        self._put_back_userdata(session, self._making.held_or_made)
        done: set[str] = set()
        while new := self._made.keys() - done:  # some are made for others
            for key in [key for key in self._made if key in new]:
                self._put_back_attributes(key, self._made[key], self._making.held_or_made)
            done |= new
        self._judge_state()

    def _begin(self, session: AgentSession[Any], at: int | None = None) -> None:
        """One pass over all that was saved: what stood in several places is put back once."""
        self._session, self._at = session, at
        saved = {key: self._saved_of(key) for key in self.session.attributes}
        told = {attributes.FIELD + key: one.value for key, one in saved.items()}
        told[userdata.FIELD] = self._saved(userdata.FIELD, self.session.userdata_log).value
        self._shares = objects.shares(told)

    async def put_back_agent(self, key: str, agent: Agent) -> None:
        """All of an agent that was made behind that: a task; and what was to hold it."""
        self._made[key] = agent
        if key in self._missed:
            self._missed.discard(key)
            self.put_back_state(self._session, self._at)
        else:
            self._put_back_attributes(key, agent, self._making.held_or_made)
            self._judge_state(attributes.FIELD + key)
        await self._put_back_context(key, agent)

    def tasks_settled(self, lost: Mapping[str, str], *, is_told: bool) -> None:
        """What awaited tasks has come as far as it was, but for `lost`. With `is_told` the person
        hears of it, and nothing else is said."""
        self._ours = None
        if lost:
            words = "; ".join(f"{name}: {why}" for name, why in lost.items())
            self._tasks = {"tasks": f"degraded: not gone into again: {words}"}
            self._name("agent", f"not gone into again: {words}")
        elif self._again.places:
            self._tasks = {"tasks": EXACT}
        if is_told:
            self.facts = msgspec.structs.replace(
                self.facts, unanswered=None, heard="", unheard="", rest=""
            )

    def _put_back_history(self, session: AgentSession[Any]) -> None:
        history, lost = contexts.decoded(self.session.mirrored)
        session.history.items[:] = self._history = history
        self._hooks.mirror.restore_history(history)
        self._name("history", lost)

    async def _put_back_context(self, key: str, agent: Agent) -> None:
        await self._put_back_instructions(key, agent)
        await self._put_back_tools(key, agent)
        lost = await contexts.put_back(agent, self.session.context(key), self._history)
        self._name(CONTEXT_OF + key, lost)
        self._hooks.mirror.restore_context(key, agent.chat_ctx.items)

    async def _put_back_instructions(self, key: str, agent: Agent) -> None:
        """Those of this version, unless the running call had changed them."""
        field = instructions.OF + key
        if field in self.session.options:
            await instructions.put_back(agent, self.session.options[field])
        elif entered := self.session.entered.get(key):
            self._judged[field] = instructions.newer(instructions.read(agent), entered.instructions)

    async def _put_back_tools(self, key: str, agent: Agent) -> None:
        field = tools.OF + key
        if entered := self.session.entered.get(key):
            last = self.session.options.get(field, entered.tools)
            await tools.put_back(agent, entered.tools, last)
            self._name(field, tools.differences(agent, last))

    def _put_back_options(self, session: AgentSession[Any]) -> None:
        lost = options.put_back(session, self.session.options, self._made)
        self._name("options", f"not as it was: {', '.join(lost)}" if lost else None)

    def _saved(self, field: str, newest: Attributes) -> Attributes:
        return self.session.earlier.at(self._at, field, newest)

    def _saved_of(self, key: str) -> Attributes:
        newest = self.session.attributes.get(key, Attributes())
        return self._saved(attributes.FIELD + key, newest)

    def _put_back_userdata(self, session: AgentSession[Any], refer: typed.Refer) -> None:
        """With `refer` for the agents that it holds."""
        saved = self._saved(userdata.FIELD, self.session.userdata_log)
        if saved.type is not None:
            decoder = self._decoder(userdata.FIELD, refer)
            userdata.restore(session, saved, decoder)
            self._put[userdata.FIELD] = saved, decoder

    def _put_back_early(self, key: str, agent: Agent) -> None:
        """Without agents that are still to be made: factories see them."""
        self._put_back_attributes(key, agent, self._making.held)
        self._judge_state(attributes.FIELD + key)

    def _put_back_attributes(self, key: str, agent: Agent, refer: typed.Refer) -> None:
        saved, field = self._saved_of(key), attributes.FIELD + key
        if saved.type is not None:
            decoder = self._decoder(field, refer)
            attributes.restore(agent, saved, decoder)
            self._put[field] = saved, decoder
        cards.put_back(agent, key, self.session.tools)

    def _noted(self, refer: typed.Refer) -> typed.Refer:
        def referred(name: str, old: Any) -> Any:
            try:
                return refer(name, old)
            except KeyError:
                self._missed.add(name)
                raise

        return referred

    def _decoder(self, field: str, refer: typed.Refer) -> Decoder:
        names, known = userdata.names(self._session), self._hooks.known_key
        to = cards.refer(self.session.tools, userdata.refer(self._session, self._noted(refer)))
        shares = self._shares
        return Decoder(to, known, self._ours, shares=shares, field=field, names=names)

    def _judge_state(self, only: str | None = None) -> None:
        """Compare what was put back with what stands there now."""
        names = userdata.names(self._session)
        now = objects.read_together(self._targets(only), self._hooks.known_key, names)
        for field in [only] if only else list(self._put):
            if field in self._put:
                self._judge(field, *self._put[field], now)

    def _targets(self, only: str | None) -> Iterator[Target]:
        """Of one field the others are read only if it shares something with them."""
        saved = self._put[only][0].value if only in self._put else None
        is_alone = only is not None and not objects.are_shared(saved)
        found = [
            *userdata.targets(self._session),
            *(attributes.target(key, agent) for key, agent in self._made.items()),
        ]
        return (one for one in found if not is_alone or one.field == only)

    def _judge(
        self, field: str, saved: Attributes, decoder: Decoder, read: Mapping[str, objects.Reading]
    ) -> None:
        now = read[field].value if field in read else None
        recorder = self._hooks.recorders.of(field)
        recorder.kept.keep(decoder.problems, saved.value, now)
        self._judged[field] = objects.said(decoder.problems, saved, now, field, read)

    def _name(self, field: str, why: str | None) -> None:
        if why:
            self._not_put_back[field] = why

    def _compare(self, session: AgentSession[Any], expected: Expected) -> dict[str, str]:
        """Never raises: what cannot be read or compared is not exact, and costs no other field."""
        compared = self._others()
        others = {f: f"degraded: {why}" if why else EXACT for f, why in compared.items()}
        try:
            live = self._live_digests(session)
            reasons = self._not_put_back | self.session.holes
            found = report(expected, live, reasons, self._judged | compared)
            return others | found | self._rest(session)
        except Exception as error:
            log.exception("not all was compared")
            names = dict.fromkeys(expected.folded, "degraded: not compared")
            return names | others | {"restore": f"degraded: not compared: {words_of(error)}"}

    def _live_digests(self, session: AgentSession[Any]) -> dict[str, str]:
        key = self._hooks.key_of(session.current_agent)
        return fields.digests(fields.Now(session, self._made, key, self.session))

    def _others(self) -> dict[str, str | None]:
        """What its owners compare: how it differs, by field."""
        owners = self._hooks.claims.owners.items()
        known = {f: owner.difference for f, owner in owners if f in self.session.digests}
        made = (key for key in self._made if arguments.are_any(self._made_with(key)))
        known |= {arguments.OF + key: partial(self._arguments_differ, key) for key in made}
        return self._compared | {field: _difference(field, tell) for field, tell in known.items()}

    def _arguments_differ(self, key: str) -> str | None:
        now = arguments.entry_of(self._made[key], key, lambda a: self._hooks.known_key(a) or "")
        return arguments.differences(self._made_with(key), now)

    def _made_with(self, key: str) -> entries.AgentMade:
        return self.session.made.get(key) or entries.AgentMade(key, "")

    def _rest(self, session: AgentSession[Any]) -> dict[str, str]:
        """What no digest is of."""
        skipped = sorted(set(self.session.skipped))
        unknown = [tool.name for tool in self.facts.unknown_tools]
        found = {"entries": f"degraded: skipped {', '.join(skipped)}" if skipped else EXACT}
        found |= self._tasks
        if why := self.session.holes.get("entries"):
            found["entries"] = f"degraded: {why}"
        if self.session.tools:
            words = f"degraded: outcome unknown of {', '.join(unknown)}"
            found["tools"] = words if unknown else EXACT
        models = (session.llm, session.current_agent.llm)
        return found | (NEVER if any(isinstance(m, RealtimeModel) for m in models) else {})


def _difference(field: str, tell: Callable[[], str | None]) -> str | None:
    try:
        return tell()
    except Exception as error:
        log.exception("not compared", extra={"field": field})
        return f"cannot be compared: {words_of(error)}"


def repair(env: Env, live: Live, flying: mark.Mark | None, facts: Facts) -> None:
    """Record what was under way as the items that it had become."""
    for put in plan.repairs(
        live.session,
        flying,
        facts,
        new_id=lambda: f"item_{env.new_id().hex}",
        now_s=_behind(live.session, env.now_us() / 1e6),
    ):
        live.record(_as_livekits(put))


def _as_livekits(put: entries.ItemPut) -> entries.ItemPut:
    """With all that LiveKit's own item would have, so that it is equal to what is put back."""
    (item,) = items.decode([put.item])
    return msgspec.structs.replace(put, item=items.encode(item))


def _behind(session: Session, now_s: float) -> float:
    """LiveKit sorts by time: a clock that is behind must not put new items in front."""
    newest = max((i.get("created_at", 0.0) for i in session.items.values()), default=0.0)
    return max(now_s, newest + 0.001)
