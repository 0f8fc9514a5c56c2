"""What the log says the live objects are: digests by field, of what was read at a boundary."""

import logging
from collections.abc import Mapping
from typing import Any

from livekit.agents import Agent, AgentSession

from unbroken.live.live import Live
from unbroken.livekit.guard import guarded
from unbroken.livekit.state import fields, options
from unbroken.livekit.state.fields import Owner
from unbroken.livekit.state.lists import Lists
from unbroken.livekit.state.recorder import Recorders
from unbroken.livekit.state.switched import Switched
from unbroken.log import digest
from unbroken.log.entries import JSON, Digested

log = logging.getLogger(__name__)


class Claims:
    """Of one session. `owners` have the fields that are not the session's own. Options are compared
    with how they were when they could first be read."""

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
        self._options = Switched(live)
        self._read: dict[str, JSON] = {}  # of these what was just read, and its digest
        self._printed: str | None = None
        self._seen: tuple[object, ...] = ()  # by the last digests, and how many entries there were
        self._appended = 0
        self._losses = live.lost

    @guarded
    def scan_options(self, agents: Mapping[str, Agent]) -> None:
        """Record what differs from how it was when it was first seen, and what was lost."""
        before = self._printed
        self._read, self._printed = {}, None  # as they stay where they cannot be read
        self._options.write_lost()
        self._read = now = options.read(self._session, agents)
        self._printed = digest.of(now)
        if self._printed != before:
            self._options.record(now)

    @property
    def are_owed(self) -> bool:
        """Whether digests may have been lost, or be of what was; they are all recorded anew."""
        return self._live.lost != self._losses and not self._live.journal.trouble

    @guarded
    def record(self, agents: Mapping[str, Agent], current: str) -> None:
        """What the live objects are now, for whoever has to make them again. What the log has
        otherwise is written whole, at once, and counted."""
        saved, state = self._live.session, self._recorders.digests()
        others, are_owed = fields.of_others(self.owners), self.are_owed
        seen = (*agents, current, self._printed, state, others, self._lists.version)
        is_same = seen == self._seen and self._live.journal.appended == self._appended
        if is_same and not are_owed:
            return  # nothing is other than it was the last time
        self._options.mend(self._read)
        now = fields.Now(self._session, agents, current, saved, self._options.refused)
        read = fields.of_options(self._read, now)
        live = fields.digests(now, read | state | others | self._of_lists(agents))
        if are_owed:
            self._losses = self._live.lost
        if news := {k: v for k, v in live.items() if are_owed or saved.is_news(k, v)}:
            self._live.record(Digested(news))
        self._seen, self._appended = seen, self._live.journal.appended

    def _of_lists(self, agents: Mapping[str, Agent]) -> dict[str, str]:
        """None if one cannot be read: then each is read by itself."""
        try:
            return self._lists.digests(agents)
        except Exception:
            log.exception("state not read", extra={"field": "history"})
            return {}
