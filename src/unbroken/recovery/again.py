"""What a new holder runs again, so that it comes to the task that was running.

Pure: read from the fold, before anything is run.
"""

import copy

import msgspec

from unbroken.log.awaiting import ON_ENTER, ON_EXIT, TASKS_MAX, Place, Task
from unbroken.log.entries import Item
from unbroken.log.session import Session


class Lost(msgspec.Struct, frozen=True):
    """A place that is not run again. `asks`: its tool may have done something, so the person is
    asked."""

    place: Place
    name: str  # as people call it
    why: str
    asks: bool = False


class Again(msgspec.Struct, frozen=True):
    """`root` begins the session; running `places` again leads to `task`, the one that was running,
    if there is one. `agent` was current, which may be a task that had not handed back yet."""

    root: str | None
    agent: str | None = None
    places: tuple[Place, ...] = ()
    task: Task | None = None
    is_fresh: bool = False  # nobody has said a word in that task
    lost: tuple[Lost, ...] = ()

    @property
    def speaks(self) -> bool:
        """Whether what is run again says by itself what comes next: the first words of a task,
        or the rest of a place whose last task had ended."""
        return self.is_fresh or any(place.running is None for place in self.places)


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
    return Again(
        root=root,
        agent=session.agent,
        places=tuple(copy.deepcopy(kept)),
        task=copy.copy(task),
        is_fresh=task is not None and task.is_fresh(session.message_count),
        lost=tuple(_lost(session, place) for place in left),
    )


def _lost(session: Session, place: Place) -> Lost:
    tool = session.tools.get(place.name)
    asks = tool is not None and tool.retry == "ask"
    return Lost(place, name_of(session, place), str(_refusal(session, place)), asks)


def _refusal(session: Session, place: Place) -> str | None:
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


def _answers(item: Item, call_id: str) -> bool:
    return item.get("type") == "function_call_output" and item.get("call_id") == call_id


def began_at(session: Session, place: Place) -> int | None:
    """The moment at which its code began; None: it is not known."""
    if tool := session.tools.get(place.name):
        return tool.began_at
    return session.begun.get(place.agent) if place.name == ON_ENTER else None


def name_of(session: Session, place: Place) -> str:
    """A place as people call it."""
    if tool := session.tools.get(place.name):
        return tool.name
    return f"{place.name} of {place.agent}"
