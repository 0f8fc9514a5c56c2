"""The tasks that agents await: what of them a new holder needs to go on in the middle of one.

An agent awaits an AgentTask in a *place*: a call of one of its tools, or its `on_enter`. Python
keeps the place while the task talks; a new holder runs it again and gives it the results that are
recorded here, in their order, until it comes to the task that was running.
"""

from typing import TypeAlias

import msgspec

from unbroken.log.entries import JSON, AwaitingEnded, TaskEnded, TaskStarted

TASKS_MAX = 500  # in one place; one that has awaited more is not run again
ON_ENTER = "on_enter"
ON_EXIT = "on_exit"

PlaceId: TypeAlias = tuple[str, str]  # the agent's key; a call id or a method's name


class Task(msgspec.Struct, kw_only=True):
    """A task that was awaited. `status` None: it has not ended."""

    key: str
    kind: str  # its class's name
    status: str | None = None
    value: JSON = None
    begun_at: int | None = None  # how many messages there were when its `on_enter` began
    ended_behind: str | None = None  # the id of the last item in history when it ended
    ended_at: int | None = None  # a moment, see `earlier.py`

    def is_fresh(self, message_count: int) -> bool:
        """Whether nobody has said a word since it began."""
        return self.begun_at in (None, message_count)


class Speeches(msgspec.Struct):
    """Of an `on_enter` that has awaited no task: how many speeches it has begun, how many of them
    are over, and what is left of the next one."""

    begun: int
    over: int
    at: int | None = None  # the moment at which the last one was over; None: it is not known
    behind: str | None = None  # the last item in history when it began the newest
    rest: str = ""


class AwaitingPlace(msgspec.Struct, kw_only=True):
    """Where an agent awaits tasks, and those it has awaited so far."""

    agent: str
    name: str
    called_at: float | None = None  # a tool
    tasks: list[Task] = []
    spoken: Speeches | None = None
    is_whole: bool = True  # False: there were more than TASKS_MAX

    @property
    def id(self) -> PlaceId:
        return self.agent, self.name

    @property
    def running(self) -> Task | None:
        """The one that has not ended; a place awaits one at a time."""
        last = self.tasks[-1] if self.tasks else None
        return last if last and last.status is None else None

    def add(self, task: Task) -> None:
        self.tasks.append(task)
        if len(self.tasks) > TASKS_MAX:
            del self.tasks[:-1]
            self.is_whole = False


def entering_of(agent: str) -> str:
    """The name of the note of an `on_enter` that waits for what it says."""
    return f"unbroken.entering {agent}"


class Awaiting:
    """All open places of a session. Only the fold changes it."""

    def __init__(self) -> None:
        self.places: dict[PlaceId, AwaitingPlace] = {}

    def apply(
        self, change: TaskStarted | TaskEnded | AwaitingEnded, last: str | None, now: int
    ) -> None:
        """`last` is the id of the last item in history, `now` a moment (see `earlier.py`)."""
        match change:
            case TaskStarted(agent=agent, place=name):
                new = AwaitingPlace(agent=agent, name=name, called_at=change.called_at)
                self.places.setdefault(new.id, new).add(Task(key=change.task, kind=change.kind))
            case TaskEnded(task=key, status=status, value=value):
                if place := self.place_of(key):
                    task = place.tasks[-1]
                    task.status, task.value = status, value
                    task.ended_behind, task.ended_at = last, now
                self._close_those_of({key})
            case AwaitingEnded(agent=agent, place=name):
                self._close((agent, name))

    def began(self, agent: str, message_count: int) -> None:
        """An agent's `on_enter` began; of a task it does so once."""
        place = self.place_of(agent)
        if place and place.tasks[-1].begun_at is None:
            place.tasks[-1].begun_at = message_count

    def tool_ended(self, call_id: str) -> None:
        for place_id in [p for p in self.places if p[1] == call_id]:
            self._close(place_id)

    def place_of(self, task: str) -> AwaitingPlace | None:
        """Where the task of that key is the newest."""
        places = self.places.values()
        return next((p for p in places if p.tasks and p.tasks[-1].key == task), None)

    def way(self, agent: str) -> list[AwaitingPlace]:
        """The places on the way to the innermost task, the outermost first: those that lead to
        `agent`, the current one, and from there to a task that was just about to enter."""
        found: list[AwaitingPlace] = []
        above, below = self.place_of(agent), self._running(agent)
        while above and above not in found:
            found.insert(0, above)
            above = self.place_of(above.agent)
        while below and below.running and below not in found:
            found.append(below)
            below = self._running(below.running.key)
        return found

    def _running(self, agent: str) -> AwaitingPlace | None:
        places = self.places.values()
        return next((p for p in places if p.agent == agent and p.running), None)

    def _close(self, place_id: PlaceId) -> None:
        """And what its tasks had awaited."""
        if place := self.places.pop(place_id, None):
            self._close_those_of({task.key for task in place.tasks})

    def _close_those_of(self, agents: set[str]) -> None:
        for place_id in [p for p in self.places if p[0] in agents]:
            self._close(place_id)
