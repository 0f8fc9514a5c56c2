"""The agents of a restored session: those that somebody asks for, each made once."""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from livekit.agents import Agent
from livekit.agents.llm import ChatContext

from unbroken.livekit.hooks import Hooks
from unbroken.livekit.state import arguments, factories
from unbroken.livekit.state.factories import AgentFactory
from unbroken.log.entries import AgentMade
from unbroken.typed import Decoder, Unfit
from unbroken.typed.names import name_of

if TYPE_CHECKING:
    from unbroken.livekit.restore.restore import Restored

log = logging.getLogger(__name__)


class NotMade(KeyError):
    """An agent that nothing makes, or whose factory failed; says whose, and how."""

    def __str__(self) -> str:
        return str(self.args[0])


class Making:
    """Makes agents by the application's factories, each of which is given `restored`."""

    def __init__(
        self, restored: "Restored", hooks: Hooks, first: Agent, known: Mapping[str, AgentFactory]
    ) -> None:
        self._restored, self._hooks = restored, hooks
        self._session = restored.session
        self._factories = factories.with_class_of(first, known)
        self.on_made: Callable[[str, Agent], None] = lambda _key, _agent: None
        self._open: list[str] = []  # keys of those that are being made, the innermost last
        self._first = first
        self.made: dict[str, Agent] = {}

    def begin(self) -> None:
        """The agent that the job began with is there."""
        self._hooks.name(self._first, self._key_of_first(self._first))
        self.made[self._hooks.key_of(self._first)] = self._first

    def agent(self, key: str) -> Agent:
        """Raises NotMade."""
        if key not in self.made:
            self._take(key, self._make(key))
        return self.made[key]

    def held(self, key: str, there: Any) -> Agent:
        """The agent of that key, without making one: it was made before, or the application
        holds it in the place where it held it before. Raises NotMade."""
        if key not in self.made:
            is_free = isinstance(there, Agent) and not self._hooks.known_key(there)
            if not is_free or name_of(type(there)) != self._recorded(key).type:
                raise NotMade(f"{key} was not made")
            self._take(key, there)
        return self.made[key]

    def held_or_made(self, key: str, there: Any) -> Agent:
        """Raises NotMade."""
        try:
            return self.held(key, there)
        except NotMade:
            return self.agent(key)

    def _take(self, key: str, agent: Agent) -> None:
        """It is the agent of that key from here on."""
        self.made[key] = agent
        self._hooks.name(agent, key)
        self.on_made(key, agent)

    def arguments(self, key: str | None) -> dict[str, Any]:
        """None: of the one that is being made. Raises NotMade for one that is an agent."""
        made = self._recorded(key or (self._open or [""])[-1])
        return {
            **self._values(made),
            **{name: self.agent(other) for name, other in made.agents.items()},
            **{name: ChatContext.empty() for name in made.contexts},
        }

    def _values(self, made: AgentMade) -> dict[str, Any]:
        """Those that can be read here."""
        factory = factories.find(self._factories, made.agent, made)
        kind = factory.kind if isinstance(factory, factories.Maker) else None
        decoder = Decoder(self.held_or_made, self._hooks.known_key)
        found = {}
        for name, encoded in made.arguments.items():
            try:
                found[name] = arguments.decoded(kind, name, encoded, decoder)
            except Unfit as error:
                log.warning("%s was made with another %s: it %s", made.agent, name, error)
        return found

    def _recorded(self, key: str) -> AgentMade:
        return self._session.made.get(key) or AgentMade(key, "")

    def _key_of_first(self, first: Agent) -> str:
        """What the first agent of this class was called: the job begins as it did."""
        kind = name_of(type(first))
        known = (key for key, made in self._session.made.items() if made.type == kind)
        return next(known, type(first).__name__)

    def _make(self, key: str) -> Agent:
        recorded = self._recorded(key)
        factory = factories.find(self._factories, key, recorded)
        why = factories.hindrance(factory, recorded)
        if factory is None or why:
            raise NotMade(why)
        if key in self._open:
            raise NotMade(f"{key} was not made: its factory asks for {key}")
        self._open.append(key)
        try:
            return self._checked(key, factory(self._restored))
        except NotMade:
            raise
        except Exception as error:
            log.exception("agent not made", extra={"agent": key})
            raise NotMade(f"{key} was not made: {type(error).__name__}") from error
        finally:
            self._open.pop()

    def _checked(self, key: str, agent: object) -> Agent:
        if not isinstance(agent, Agent):
            if inspect.iscoroutine(agent):
                agent.close()
            raise NotMade(f"{key} was not made: its factory gave {type(agent).__name__}")
        if other := next((k for k, known in self.made.items() if known is agent), None):
            raise NotMade(f"{key} was not made: its factory gave {other}")
        return agent
