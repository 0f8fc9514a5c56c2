"""Who makes the agents of a session again: the application's functions, or their classes."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from livekit.agents import Agent

from unbroken.errors import InvalidInput
from unbroken.livekit.state import arguments
from unbroken.livekit.state.keys import name_in
from unbroken.log.entries import AgentMade
from unbroken.typed.names import name_of

if TYPE_CHECKING:
    from unbroken.livekit.restore.restore import Restored

log = logging.getLogger(__name__)

AgentFactory: TypeAlias = Callable[["Restored"], Agent]
AgentFactories: TypeAlias = Mapping[str, AgentFactory] | Sequence[type[Agent]]


@dataclasses.dataclass(frozen=True)
class Maker:
    """Makes agents of one class, with what each was made with before."""

    kind: type[Agent]

    def __call__(self, restored: "Restored") -> Agent:
        return arguments.call(self.kind, restored.arguments())


def factories_of(agents: AgentFactories) -> dict[str, AgentFactory]:
    """By agent key, by class, or by the class's name. Of two classes of one name the first has
    the name alone."""
    if isinstance(agents, Mapping):
        return dict(agents)
    found: dict[str, AgentFactory] = {}
    for kind in agents:
        found.setdefault(kind.__name__, Maker(kind))
        found[name_of(kind)] = Maker(kind)
    return found


def with_class_of(first: Agent, factories: Mapping[str, AgentFactory]) -> dict[str, AgentFactory]:
    """The class that the job begins with can make further ones of itself."""
    return factories_of([type(first)]) | dict(factories)


def find(factories: Mapping[str, AgentFactory], key: str, made: AgentMade) -> AgentFactory | None:
    """For this very agent, else for its class, else for the class's name."""
    for name in (key, made.type, name_in(key)):
        if name in factories:
            return factories[name]
    return None


def check(agents: AgentFactories, *, may_refuse: bool) -> None:
    """Raises InvalidInput for a class that can never be made again, because it needs an argument
    whose annotation names no plain data. A call that goes on is not lost for it: it is logged."""
    for kind in () if isinstance(agents, Mapping) else agents:
        needed = arguments.required(kind)
        if never := [name for name, hint in needed.items() if not arguments.can_be_kept(hint)]:
            made = AgentMade(kind.__name__, name_of(kind), lost=tuple(never))
            words = (
                f"{kind.__name__} needs {', '.join(never)}, and nothing says that this is plain "
                f"data, which is recorded. Annotate it so, or write {_advice(made)}"
            )
            if may_refuse:
                raise InvalidInput(words)
            log.error("%s", words)


def hindrance(factory: AgentFactory | None, made: AgentMade) -> str | None:
    """Why nothing can make this agent again; None: it can be tried."""
    name = name_in(made.agent)
    if factory is None:
        return f"durable(agents=…) has no {name}"
    if isinstance(factory, Maker):
        known = {*made.arguments, *made.agents, *made.contexts}
        if lost := [n for n in arguments.required(factory.kind) if n not in known]:
            return f"{name} needs {', '.join(lost)}, which was not recorded"
    return None


class Unmade:
    """Warns, once for each class, of an agent that `known` cannot make again."""

    def __init__(self, known: Mapping[str, AgentFactory]) -> None:
        self._known = known
        self._warned: set[str] = set()

    def see(self, made: AgentMade) -> None:
        why = hindrance(find(self._known, made.agent, made), made)
        if why and made.type not in self._warned:
            self._warned.add(made.type)
            name = name_in(made.agent)
            log.warning("%s would not go on in a successor: %s. Write %s", name, why, _advice(made))


def _advice(made: AgentMade) -> str:
    """A factory, with what it has to give by itself."""
    name = name_in(made.agent)
    given = "".join(f"{argument}=…, " for argument in made.lost)
    more = "**restored.arguments()" if made.arguments or made.agents or made.contexts else ""
    call = f"{name}({given}{more})".replace(", )", ")")
    return f'durable(ctx, agents={{"{name}": lambda restored: {call}}})'
