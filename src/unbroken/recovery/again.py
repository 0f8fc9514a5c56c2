"""What a new holder runs again, so that it comes to the task that was running.

Pure: read from the fold, before anything is run.
"""

import copy
from collections.abc import Sequence

import msgspec

from unbroken.log.awaiting import (
    ON_ENTER,
    ON_EXIT,
    TASKS_MAX,
    AwaitingPlace,
    Speeches,
    Task,
    entering_of,
)
from unbroken.log.entries import Item
from unbroken.log.session import Session
from unbroken.log.tool import Tool


class LostPlace(msgspec.Struct, frozen=True):
    """A place that is not run again. `asks`: its tool may have done something, so the person is
    asked."""

    place: AwaitingPlace
    name: str  # as people call it
    why: str
    asks: bool = False


class Again(msgspec.Struct, frozen=True):
    """`root` begins the session; running `places` again leads to `task`, the one that was running,
    if there is one. `agent` was current, which may be a task that had not handed back yet."""

    root: str | None
    agent: str | None = None
    places: tuple[AwaitingPlace, ...] = ()
    task: Task | None = None
    is_fresh: bool = False  # nobody has said a word in that task
    lost: tuple[LostPlace, ...] = ()

    @property
    def speaks(self) -> bool:
        """Whether what is run again says by itself what comes next: the first words of a task,
        or the rest of a place whose last task had ended."""
        ended = (place.tasks for place in self.places if place.running is None)
        return self.is_fresh or any(ended)


def again(session: Session) -> Again:
    """What of the open places is run again: those that lead to the current agent, up to the first
    that cannot be, and what else the agents on that way had under way."""
    way = session.awaiting.way(session.agent) if session.agent else []
    known = next((k for k, place in enumerate(way) if _refusal(session, place)), len(way))
    kept, left = way[:known], way[known : known + 1]
    root = way[0].agent if way else session.agent
    task = kept[-1].running if kept else None
    agents = {root, *(place.running.key for place in kept if place.running)}
    for place in session.awaiting.places.values():
        if place not in way and place.agent in agents:
            (left if _refusal(session, place) else kept).append(place)
    kept += [it for agent in agents if agent and (it := _entering(session, agent))]
    return Again(
        root=root,
        agent=session.agent,
        places=tuple(copy.deepcopy(kept)),
        task=copy.copy(task),
        is_fresh=task is not None and task.is_fresh(session.message_count),
        lost=tuple(_lost(session, place) for place in left),
    )


def _entering(session: Session, agent: str) -> AwaitingPlace | None:
    """Its `on_enter`, if that was waiting for what it said, and has awaited no task."""
    noted = session.notes.get(entering_of(agent))
    if not isinstance(noted, dict) or (agent, ON_ENTER) in session.awaiting.places:
        return None
    try:
        spoken = msgspec.convert(noted, Speeches)
    except msgspec.ValidationError:
        return None
    if spoken.begun > spoken.over and _was_said_behind(session, spoken.behind):
        spoken.over, spoken.at = spoken.over + 1, None
    return AwaitingPlace(agent=agent, name=ON_ENTER, spoken=spoken)


def _was_said_behind(session: Session, item_id: str | None) -> bool:
    """Whether an agent said something there to its end."""
    start = session.order.index(item_id) + 1 if item_id in session.order else 0
    said = (session.items[other] for other in session.order[start:])
    return any(i.get("role") == "assistant" and not i.get("interrupted") for i in said)


def _lost(session: Session, place: AwaitingPlace) -> LostPlace:
    tool = session.tools.get(place.name)
    asks = tool is not None and tool.retry == "ask"
    return LostPlace(place, name_of(session, place), str(_refusal(session, place)), asks)


def _refusal(session: Session, place: AwaitingPlace) -> str | None:
    """Why a place is not run again; None if it is."""
    if not place.is_whole:
        return f"it had awaited more than {TASKS_MAX} tasks"
    if place.name == ON_EXIT:
        return "an agent's on_exit is not run again"
    return None if place.name == ON_ENTER else _refusal_of_tool(session, place.name)


def _refusal_of_tool(session: Session, call_id: str) -> str | None:
    tool = session.tools.get(call_id)
    if tool is None:
        return "its call is not known"
    if tool.retry == "ask" and tool.note not in session.notes:
        return f"{tool.name} may have done something already"
    if any(_answers(item, call_id) for item in session.items.values()):
        return f"{tool.name} had reported progress already"
    return None


def undone_to(session: Session, unknown: Sequence[Tool]) -> int | None:
    """The moment at which the first of the tools began that an answer to this turn does again:
    what they had changed since then they change again. None: that is not known, or what did
    more than that would be undone with it, such as a tool that had ended meanwhile."""
    at = min((tool.began_at for tool in unknown), default=None)
    if at is None or session.awaiting.places or any(_did_more(session, t) for t in unknown):
        return None
    others = (tool for tool in session.tools.values() if tool.status is not None)
    return None if any(tool.ended_at > at for tool in others) else at


def _did_more(session: Session, tool: Tool) -> bool:
    """Whether it is of an earlier turn, has reported progress, or has an effect in it that had
    ended, and is not done again."""
    is_answered = any(_answers(item, tool.call_id) for item in session.items.values())
    return tool.turn != session.turn or is_answered or tool.note in session.notes


def _answers(item: Item, call_id: str) -> bool:
    return item.get("type") == "function_call_output" and item.get("call_id") == call_id


def began_at(session: Session, place: AwaitingPlace) -> int | None:
    """The moment at which its code began; None: it is not known."""
    if tool := session.tools.get(place.name):
        return tool.began_at
    return session.begun.get(place.agent) if place.name == ON_ENTER else None


def name_of(session: Session, place: AwaitingPlace) -> str:
    """A place as people call it."""
    if tool := session.tools.get(place.name):
        return tool.name
    return f"{place.name} of {place.agent}"
