"""A session's state as a fold over its entries: the same code live, at restore and in the console.

`apply` changes the session in place and costs the same on a long call as on a short one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from unbroken.log import digest
from unbroken.log.attributes import Attributes
from unbroken.log.awaiting import ON_ENTER, Awaiting
from unbroken.log.context import Context, insert_behind, place_behind
from unbroken.log.digest import Chain
from unbroken.log.earlier import Earlier
from unbroken.log.entries import (
    AgentEntered,
    AgentMade,
    AttributesChanged,
    AwaitingEnded,
    ContextChanged,
    Digested,
    Ended,
    Item,
    ItemPut,
    ItemsRemoved,
    ListenedTo,
    Lost,
    Noted,
    OptionsChanged,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    Payload,
    Recovered,
    SessionOpened,
    TaskEnded,
    TaskStarted,
    ToolEnded,
    ToolStarted,
    Unknown,
    Usage,
    UserdataChanged,
    decode,
)
from unbroken.log.tool import Tool
from unbroken.people import is_person

FIELDS = ("history", "agent", "userdata", "options")
CONTEXT_OF, ATTRIBUTES_OF, INSTRUCTIONS_OF, TOOLS_OF = OF_AN_AGENT = (
    "context of ",
    "attributes of ",
    "instructions of ",
    "tools of ",
)
INSTRUCTIONS = "lk.agent_task.instructions"  # the id of LiveKit's own item, and how others begin


class Participant(msgspec.Struct, kw_only=True):
    """A person or service in the room, as LiveKit names them. `is_here` is False after leaving."""

    identity: str
    kind: str
    name: str = ""
    metadata: str = ""
    attributes: dict[str, str] = {}
    is_here: bool = True


class Session:
    """Plain objects, read without I/O. Only `apply` changes them."""

    def __init__(self) -> None:
        self.opened: SessionOpened | None = None
        self.order: list[str] = []  # the history: item ids
        self._chain = Chain()  # of the history
        self.items: dict[str, Item] = {}
        self.placed: dict[str, ItemPut] = {}  # by item id: who spoke, what was heard
        self.contexts: defaultdict[str, Context] = defaultdict(Context)
        self.agent: str | None = None
        self.made: dict[str, AgentMade] = {}  # by key, in the order in which they were seen
        self.entered: dict[str, AgentEntered] = {}  # the first time, or as a new version has them
        self.begun: dict[str, int] = {}  # whose `on_enter` was begun, the last time; when
        self.options: dict[str, Any] = {}
        self.userdata_log = Attributes()
        self.attributes: dict[str, Attributes] = {}  # by agent
        self.earlier = Earlier()  # userdata and attributes as they were
        self.listened_to: ListenedTo | None = None
        self.participants: dict[str, Participant] = {}
        self.tools: dict[str, Tool] = {}
        self.awaiting = Awaiting()
        self.usage: Any = None
        self.notes: dict[str, Any] = {}
        self.turn: str | None = None  # the id of the newest item of a person
        self.spoken: list[str] = []  # of the history: what people and agents said
        self.skipped: list[str] = []  # kinds that this version does not know, or lost entries
        self.recovered: Recovered | None = None  # the newest takeover
        self.cut_tools: list[Tool] = []  # unknown at that takeover, and nothing was said since
        self.ended: str | None = None
        self.digests: dict[str, str] = {}  # by field: of the live objects
        self.differing: set[str] = set()  # fields that are not what their digest is of
        self.holes: dict[str, str] = {}  # by field of the restore report: parts that are lost

    @property
    def message_count(self) -> int:
        return len(self.spoken)

    @property
    def history(self) -> list[Item]:
        return [self.items[item_id] for item_id in self.order]

    @property
    def mirrored(self) -> list[Item]:
        """The history without the lines that are only in the log."""
        return [self.items[item_id] for item_id in self.order if not self.is_beside(item_id)]

    def is_beside(self, item_id: str) -> bool:
        """Whether only an application reported it: LiveKit's history has no such item."""
        put = self.placed.get(item_id)
        return put is not None and put.way is not None

    def behind_lines(self, after: str | None) -> str | None:
        """`after`, or the last of the lines directly behind it that are only in the log: what
        LiveKit puts behind `after` came later than they."""
        place = place_behind(self.order, after)
        while place < len(self.order) and self.is_beside(self.order[place]):
            place += 1
        return self.order[place - 1] if place else None

    def in_place_of(self, item_id: str, after: str | None) -> str | None:
        """Behind what LiveKit's own item of the line `item_id` stands: the line's own place, if
        that is among those directly in front of `after`."""
        at = place_behind(self.order, after) - 1
        while at >= 0 and self.is_beside(self.order[at]):
            if self.order[at] == item_id:
                return self.order[at - 1] if at else None
            at -= 1
        return after

    @property
    def agents(self) -> set[str]:
        """The keys of all agents that it ever had."""
        return {*self.made, *self.contexts, *self.entered, *([self.agent] if self.agent else ())}

    @property
    def userdata(self) -> Any:
        """In the JSON of `typed`."""
        return self.userdata_log.value

    def context(self, agent: str, *, start: int = 0) -> list[Item]:
        """The agent's own context from place `start` on, whole items."""
        context = self.contexts.get(agent)
        if context is None:
            return []
        found = (context.own.get(i) or self.items.get(i) for i in context.ids[start:])
        return [item for item in found if item]

    def folded(self, field: str) -> Any:
        """What the log has of a field of the state, by its name in digests and restore reports;
        of a list of chat items its digest."""
        if field.startswith(OF_AN_AGENT):
            return self._folded_of(*field.split(" of ", 1))
        if field == "history":
            known = len(self._chain)
            new = [self.items[item_id] for item_id in self.order[known:]]
            return self._chain.of(new, leaving_out=self._is_left_out)
        if field == "options":
            return {k: v for k, v in self.options.items() if not k.startswith(OF_AN_AGENT)}
        if field == "participants":
            here = [p for p in self.participants.values() if p.is_here and is_person(p.kind)]
            return {p.identity: [p.name, p.metadata, p.attributes] for p in here}
        return getattr(self, field, None) if field in FIELDS else None

    def _is_left_out(self, item: Item) -> bool:
        return is_instructions(item) or self.is_beside(item["id"])

    def fields_of(self, agent: str) -> set[str]:
        """Those that the log has something of."""
        entered = agent in self.entered
        found = {INSTRUCTIONS_OF + agent, TOOLS_OF + agent} if entered else set[str]()
        if agent in self.attributes:
            found.add(ATTRIBUTES_OF + agent)
        return found | ({CONTEXT_OF + agent} if entered or agent in self.contexts else set())

    def is_news(self, field: str, of_live: str) -> bool:
        """Whether this digest of the live objects says something that the log does not."""
        if self.digests.get(field) != of_live:
            return True
        return field in self.differing and digest.of(self.folded(field)) == of_live

    def apply(self, payload: Payload | Unknown) -> None:  # noqa: C901, PLR0912 - one case a kind
        """Every transition there is."""
        match payload:
            case ItemPut():
                self._put(payload)
            case ItemsRemoved(ids=ids):
                self._remove(ids)
            case ContextChanged(agent=agent, keep=keep, then=then):
                self.contexts[agent].change(keep, then)
            case SessionOpened():
                self.opened = payload
            case AgentEntered(agent=agent, ran=ran):
                self.agent = agent
                self.entered.setdefault(agent, payload)
                self._enter(agent, ran=ran)
            case AgentMade(agent=agent):
                self.made.setdefault(agent, payload)
            case OptionsChanged(options=options, renewed=renewed):
                self.options |= options
                self.entered |= {agent.agent: agent for agent in renewed}
            case UserdataChanged() | AttributesChanged():
                self._change(payload)
            case ListenedTo():
                self.listened_to = payload
            case ParticipantJoined() | ParticipantChanged() | ParticipantLeft():
                self._meet(payload)
            case ToolStarted():
                self._start(payload)
            case ToolEnded(call_id=call_id):
                if tool := self.tools.get(call_id):
                    tool.status, tool.output = payload.status, payload.output
                    tool.end, tool.ended_in = payload, self.turn
                    tool.ended_at = self.earlier.now
                self.awaiting.tool_ended(call_id)
            case Digested(digests=digests):
                self._compare(digests)
            case TaskStarted() | TaskEnded() | AwaitingEnded():
                self._await(payload)
            case Usage(usage=usage):
                self.usage = usage
            case Noted(name=name, data=data):
                self.notes[name] = data
            case Ended(reason=reason):
                self.ended = reason
            case Recovered():
                self._recover(payload)
            case Lost() | Unknown():
                self.skipped.append(payload.kind or "lost")

    def _enter(self, agent: str, *, ran: bool) -> None:
        if not ran:
            self.begun.pop(agent, None)
        elif (agent, ON_ENTER) not in self.awaiting.places:  # else it goes on in it
            self.begun[agent] = self.earlier.now
        if ran:
            self.awaiting.began(agent, self.message_count)

    def _change(self, payload: UserdataChanged | AttributesChanged) -> None:
        field, held = "userdata", self.userdata_log
        if isinstance(payload, AttributesChanged):
            field = ATTRIBUTES_OF + payload.agent
            held = self.attributes.setdefault(payload.agent, Attributes())
        self.earlier.change(field, held, payload)

    def _recover(self, recovered: Recovered) -> None:
        self.recovered = recovered
        tools = self.tools.values()
        self.cut_tools = [tool for tool in tools if tool.status is None and not tool.is_told]

    def _await(self, payload: TaskStarted | TaskEnded | AwaitingEnded) -> None:
        last = self.order[-1] if self.order else None
        self.awaiting.apply(payload, last, self.earlier.now)
        if isinstance(payload, AwaitingEnded) and payload.place in self.tools:
            self.tools[payload.place].is_told = True

    def _tell(self, tools: Iterable[Tool]) -> None:
        for tool in tools:
            tool.is_told = True
        self.cut_tools = [tool for tool in self.cut_tools if not tool.is_told]

    def _compare(self, digests: Mapping[str, str]) -> None:
        self.digests |= digests
        for field, of_live in digests.items():
            is_equal = digest.of(self.folded(field)) == of_live
            (self.differing.discard if is_equal else self.differing.add)(field)

    def _folded_of(self, kind: str, agent: str) -> Any:
        """`kind` is what of the agent: its context, attributes, instructions or tools."""
        if kind == "context":
            own = self.contexts.get(agent) or Context()
            ids = own.ids[len(own.chain) :]
            new = [own.own.get(i) or self.items.get(i) or {"id": i} for i in ids]
            return own.chain.of(new, leaving_out=is_instructions)
        if kind == "attributes":
            return self.attributes[agent].value if agent in self.attributes else None
        entered = self.entered.get(agent)
        return self.options.get(f"{kind} of {agent}", getattr(entered, kind, None))

    def _start(self, started: ToolStarted) -> None:
        """A call is told of by LiveKit and, behind that, by the effect in it."""
        tool = self.tools.get(started.call_id)
        if tool is None or tool.status is not None:
            wish = started.name, started.arguments
            self._tell(cut for cut in self.cut_tools if (cut.name, cut.arguments) == wish)
            tool = self.tools[started.call_id] = Tool(
                call_id=started.call_id,
                name=started.name,
                arguments=started.arguments,
                agent=self.agent,
                turn=self.turn,
                began_at=self.earlier.now,
            )
        is_itself = started.name == tool.name
        if started.key and (is_itself or not tool.is_effect):
            tool.key, tool.retry, tool.is_effect = started.key, started.retry, is_itself

    def _put(self, put: ItemPut) -> None:
        item_id = put.item["id"]
        was_spoken = item_id in self.placed and is_spoken(self.items[item_id])
        if item_id in self.items:
            self._cut(item_id)
        if item_id not in self.placed:
            self._chain.cut(insert_behind(self.order, item_id, put.after))
            if put.agent is not None:
                self._join(self.contexts[put.agent], put)
        role = put.item.get("role")
        if role == "user" and item_id not in self.placed:
            self.turn = item_id
        if role == "assistant":
            self._tell(self.cut_tools)
        self.items[item_id] = put.item
        self.placed[item_id] = put
        if was_spoken and not is_spoken(put.item):
            self.spoken.remove(item_id)
        elif is_spoken(put.item) and not was_spoken:
            self._speak(item_id)

    def _join(self, context: Context, put: ItemPut) -> None:
        item_id = put.item["id"]
        if item_id in self.items and item_id in context.ids:
            return
        after = context.ids[-1] if put.is_last and context.ids else put.after
        context.chain.cut(insert_behind(context.ids, item_id, after))

    def _cut(self, item_id: str) -> None:
        """It is another: so are the digests of the lists that it is in."""
        lists = [(self.order, self._chain), *((c.ids, c.chain) for c in self.contexts.values())]
        for ids, chain in lists:
            if item_id in ids:
                chain.cut(ids.index(item_id))

    def _speak(self, item_id: str) -> None:
        """Its place among what was said is that in the history. Most are the newest."""
        behind = 0
        for other in reversed(self.order):
            if other == item_id:
                break
            behind += is_spoken(self.items[other])
        self.spoken.insert(len(self.spoken) - behind, item_id)

    def _remove(self, ids: Iterable[str]) -> None:
        gone = set(ids)
        for item_id in gone & self.placed.keys():
            self._chain.cut(self.order.index(item_id))
        self.order = [i for i in self.order if i not in gone]
        self.spoken = [i for i in self.spoken if i not in gone]
        for item_id in gone & self.placed.keys():
            del self.placed[item_id]
            if not any(item_id in context.ids for context in self.contexts.values()):
                del self.items[item_id]

    def _meet(self, change: ParticipantJoined | ParticipantChanged | ParticipantLeft) -> None:
        match change:
            case ParticipantJoined():
                self.participants[change.identity] = Participant(
                    identity=change.identity,
                    kind=change.participant_kind,
                    name=change.name,
                    metadata=change.metadata,
                    attributes=change.attributes,
                )
            case ParticipantLeft(identity=identity):
                if known := self.participants.get(identity):
                    known.is_here = False
            case ParticipantChanged(identity=identity):
                if known := self.participants.get(identity):
                    for name in ("name", "metadata", "attributes"):
                        if (now := getattr(change, name)) is not None:
                            setattr(known, name, now)


def fold(entries: Iterable[tuple[str, bytes]]) -> Session:
    """The session that `(kind, payload)` in the order of the log describe."""
    session = Session()
    for kind, payload in entries:
        session.apply(decode(kind, payload))
    return session


def is_spoken(item: Item) -> bool:
    return item.get("role") in ("user", "assistant")


def is_instructions(item: Item) -> bool:
    """Whether LiveKit puts the item into a context by itself, from the agent's instructions."""
    return str(item["id"]).startswith(INSTRUCTIONS)
