"""An agent's tools, by id. A set of tools is one; what is in it is its own affair, as are the tools
of the session and those that LiveKit adds."""

from collections.abc import Iterable

from livekit.agents import Agent

from unbroken.livekit import fragile
from unbroken.log.session import TOOLS_OF

OF = TOOLS_OF


def read(agent: Agent) -> list[str]:
    return sorted({tool.id for tool in agent.tools})


async def put_back(agent: Agent, began: Iterable[str], last: Iterable[str]) -> None:
    """Take away what a running call had taken away. What it had added no log can hold, but for
    what LiveKit's own tasks build of their attributes."""
    removed = set(began) - set(last)
    here, confirming = set(read(agent)), fragile.confirmation_of(agent)
    built = [confirming] if confirming and confirming.id in set(last) - here else []
    if removed & here or built:
        kept = [tool for tool in agent.tools if tool.id not in removed]
        await agent.update_tools([*kept, *built])


def began_anew(began: Iterable[str], last: Iterable[str], has: Iterable[str]) -> tuple[str, ...]:
    """What an agent of a new version, which has these tools now, began with: these, and those
    that the running call had taken away."""
    return tuple(sorted({*has} | ({*began} - {*last})))


def differences(agent: Agent, last: Iterable[str]) -> str | None:
    """What the agent had and has not, and the other way round; None: nothing."""
    had, has = set(last), set(read(agent))
    words = []
    if lost := sorted(had - has):
        words.append(f"this version has no tool {', '.join(lost)}")
    if new := sorted(has - had):
        words.append(f"new in this version: {', '.join(new)}")
    return "; ".join(words) if words else None
