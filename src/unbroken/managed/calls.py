"""The calls that run in this process: the log of each is the truth about what was said in it."""

from weakref import WeakKeyDictionary

from unbroken.live.by_room import CLIENT
from unbroken.live.live import Live, by_room
from unbroken.log.entries import JSON
from unbroken.managed.rooms import SharedMessage

WAY = "manager"  # by which these lines came into the log
MESSAGE_ID = "message_id"  # of one that another process added, in `extra` of its item


class Calls:
    """Finds them by their room. A process that only saves turns has no call."""

    def __init__(self) -> None:
        self._heard: WeakKeyDictionary[Live, set[str]] = WeakKeyDictionary()

    def conversation_of(self, room: str) -> str | None:
        """The id that the log has."""
        live = by_room.get(room)
        header = live.journal.header if live else None
        known = (header.conversation_id or header.new_conversation_id) if header else None
        return str(known) if known else None

    def session_of(self, room: str) -> str | None:
        live = self._call(room)
        return str(live.session_id or live.journal.header.holder) if live else None

    def say(self, room: str, role: str, text: str, extra: dict[str, JSON]) -> str | None:
        """Into the log, if there is one; returns the id of the item there."""
        live = by_room.get(room)
        return live.say(WAY, role, text, extra=dict(extra)) if live else None

    def hear(self, room: str, message: SharedMessage) -> None:
        """Put a message of another process into the log; a second time is no change."""
        if (live := self._call(room)) is None:
            return
        heard = self._heard.get(live)
        if heard is None:
            heard = self._heard[live] = _heard_in(live)
        if message.id not in heard:
            extra = {**message.metadata, MESSAGE_ID: message.id}
            live.say(WAY, message.role, message.content, extra=extra)
            heard.add(message.id)

    def _call(self, room: str) -> Live | None:
        live = by_room.get(room)
        return live if live and live.role != CLIENT and not live.is_fenced else None


def _heard_in(live: Live) -> set[str]:
    """What earlier holders of the session put there counts, too."""
    extras = (item.get("extra") for item in live.session.items.values())
    return {extra[MESSAGE_ID] for extra in extras if extra and MESSAGE_ID in extra}
