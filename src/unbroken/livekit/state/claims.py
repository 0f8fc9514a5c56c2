"""What the log says the live objects are: digests by field, of what was read at a boundary."""

from collections.abc import Mapping
from typing import Any

from livekit.agents import Agent, AgentSession

from unbroken.live.live import Live
from unbroken.livekit.guard import guarded
from unbroken.livekit.state import fields, options
from unbroken.livekit.state.fields import Owner
from unbroken.livekit.state.lists import Lists
from unbroken.livekit.state.recorder import Recorders
from unbroken.log import digest
from unbroken.log.entries import JSON, Digested, OptionsChanged


class Claims:
    """Of one session. `owners` have the fields that are not the session's own."""

    def __init__(
        self,
        live: Live,
        session: AgentSession[Any],
        lists: Lists,
        recorders: Recorders,
        owners: Mapping[str, Owner],
    ) -> None:
        self.owners = owners
        self._live = live
        self._session = session
        self._lists = lists
        self._recorders = recorders
        self._options: dict[str, JSON] = {}  # as they were when they were last seen
        self._read: dict[str, JSON] = {}  # of these what was just read, and its digest
        self._printed: str | None = None
        self._seen: tuple[object, ...] = ()  # by the last digests, and how many entries there were
        self._appended = 0

    @guarded
    def begin(self, agents: Mapping[str, Agent]) -> None:
        """Options are compared with how they are now; with how they are first read, if they cannot
        be read yet."""
        self._options = options.read(self._session, agents)

    @guarded
    def scan_options(self, agents: Mapping[str, Agent]) -> None:
        """Record what differs from how it was when it was first seen."""
        before = self._printed
        self._read, self._printed = {}, None  # as they stay where they cannot be read
        self._read = now = options.read(self._session, agents)
        self._printed = digest.of(now)
        if self._printed == before:
            return
        known, self._options = self._options, self._options | now
        if changed := {k: v for k, v in now.items() if v != known.get(k, v)}:
            self._live.record(OptionsChanged(changed))

    @guarded
    def record(self, agents: Mapping[str, Agent], current: str) -> None:
        """What the live objects are now, for whoever has to make them again."""
        saved, state = self._live.session, self._recorders.digests()
        others = fields.of_others(self.owners)
        seen = (*agents, current, self._printed, state, others, self._lists.version)
        if seen == self._seen and self._live.journal.appended == self._appended:
            return  # nothing is other than it was the last time
        read = fields.of_options(self._read, saved, agents)
        known = read | state | others | self._lists.digests(agents)
        live = fields.digests(fields.Now(self._session, agents, current, saved), known)
        if news := {k: v for k, v in live.items() if saved.is_news(k, v)}:
            self._live.record(Digested(news))
        self._seen, self._appended = seen, self._live.journal.appended
