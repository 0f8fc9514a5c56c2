"""What a call shows of itself: plain memory, no I/O."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from unbroken.live.lag import Lag
from unbroken.live.live import Live
from unbroken.log.session import Participant


class Shown:
    _live: Live | None
    _call_id: UUID | None
    _session_start: datetime

    @property
    def live(self) -> Live:
        """Raises RuntimeError before `start`."""
        if self._live is None:
            raise RuntimeError("the call has not been started")
        return self._live

    @property
    def id(self) -> UUID | None:
        """The call's id; None until a provisional start is answered."""
        return self._call_id

    @property
    def session_id(self) -> UUID | None:
        """None until a provisional start is answered."""
        return self.live.session_id

    @property
    def conversation_id(self) -> str:
        header = self.live.journal.header
        return str(header.conversation_id or header.new_conversation_id)

    @property
    def term(self) -> int | None:
        """None until a provisional start is answered."""
        return self.live.term

    @property
    def participant_states(self) -> Mapping[str, Participant]:
        """By identity; those who left stay, with `is_here` False."""
        return self.live.session.participants

    @property
    def session_start(self) -> datetime:
        """When the session's first holder began."""
        return self._session_start

    @property
    def message_count(self) -> int:
        return self.live.session.message_count

    @property
    def lag(self) -> Lag:
        """What is at risk now."""
        return self.live.lag
