"""The start of a LiveKit session over the log of its call, in a room or without one."""

from collections.abc import Mapping
from itertools import chain, pairwise
from typing import Any

from livekit.agents import Agent, AgentSession

from unbroken.env import Env
from unbroken.live.live import Live
from unbroken.livekit.guard import guarded
from unbroken.livekit.hooks import Hooks
from unbroken.livekit.restore import recover
from unbroken.livekit.restore.recover import Gap, Planner, Problems
from unbroken.livekit.restore.restore import Restored
from unbroken.livekit.state.factories import AgentFactory
from unbroken.log.entries import Item, Noted, Recovered
from unbroken.log.mark import Mark
from unbroken.log.session import Session
from unbroken.recovery.again import undone_to
from unbroken.recovery.plan import Answer, Custom, Plan


def known_items(session: Session) -> set[str]:
    """The ids of all items, of those too that stand only in an agent's context.

    LiveKit notes each start of a session, and its agent's configuration behind that. Only those
    of the first start are the call's: a holder may have died before it had taken out its own.
    """
    own = (context.own.items() for context in session.contexts.values())
    known = dict(chain(session.items.items(), *own))
    return known.keys() - _cut_off(known, _standing(session))


def _cut_off(items: Mapping[str, Item], standing: set[str]) -> set[str]:
    """What later starts have left, of `items` in the order in which they were recorded."""
    starts = [item_id for item_id, item in items.items() if _is_of_a_start(item)]
    left = standing.intersection(starts[1:])
    for before, (item_id, item) in pairwise(items.items()):
        if before[0] in left and item.get("type") == "agent_config_update":
            left.add(item_id)
    return left


def _standing(session: Session) -> set[str]:
    return set(chain(session.order, *(context.ids for context in session.contexts.values())))


def _is_of_a_start(item: Item) -> bool:
    return item.get("type") == "agent_handoff" and item.get("old_agent_id") is None


class Start:
    """Four steps in this order: `restore` (only of a call that goes on), `attach`, LiveKit's own
    start of the session, `go_on`.

    It needs no job and no room: who calls it starts the session, in a room or without. What of
    the log cannot be brought back fails no step: it is named in the restore report.
    """

    def __init__(self, env: Env, live: Live, session: AgentSession[Any], hooks: Hooks) -> None:
        self.restored: Restored | None = None  # None as long as nothing was to be restored
        self.plan: Plan | None = None  # what was done about what was in flight
        self.problems: Problems = {}
        self.known: set[str] = set()  # ids of the items before LiveKit's start
        self._env, self._live, self._session, self._hooks = env, live, session, hooks

    async def restore(
        self, flying: Mark | None, gap: Gap, *, first: Agent, factories: Mapping[str, AgentFactory]
    ) -> Agent:
        """Make items of what was in flight, and put all that the log says into the objects.

        Returns the agent that was current: `first` if that one cannot be told or made.
        """
        facts = recover.in_flight(self._env, self._live, flying, gap, self.problems)
        made = Restored(self._live, facts, self._hooks, first=first, factories=factories)
        self.restored = made
        return await recover.put_back(made, self._session, first, self.problems)

    def attach(self, agent: Agent) -> None:
        """From here on what is said and done is recorded. LiveKit's start comes next."""
        self.known = known_items(self._live.session)
        self._hooks.attach(agent)

    async def go_on(self, planner: Planner | None = None) -> None:
        """Behind LiveKit's start: the report is in the log, and what the plan says has begun.

        `planner` makes the plan, by default the facts do. In a new call nothing happens.
        """
        if self.restored is None:
            return
        await recover.forget_the_start(self._session, self.known)
        facts, report = self.restored.facts, self.restored.report
        self.plan, why = await recover.planned(facts, planner)
        is_custom = isinstance(self.plan, Custom)  # the others begin within this moment
        if isinstance(self.plan, Answer):
            self._undo(self.restored)
        if not is_custom:
            why = await recover.perform(self.plan, self._session, facts) or why
        report |= self.problems | ({"plan": why} if why else {})
        self._live.record(
            Recovered(
                cause=facts.cause,
                gap_ms=round(facts.gap_s * 1_000),
                crashes=facts.crashes,
                plan=type(self.plan).__name__.lower(),
                report=report,
            )
        )
        if is_custom and (why := await recover.perform(self.plan, self._session, facts)):
            report["plan"] = why
            self._live.record(Noted(recover.NOT_AS_PLANNED, why))

    @guarded
    def _undo(self, restored: Restored) -> None:
        """What tools had changed that are done again with the answer."""
        at = undone_to(self._live.session, restored.facts.unknown_tools)
        if at is not None:
            restored.put_back_state(self._session, at)
            self._hooks.scan()
