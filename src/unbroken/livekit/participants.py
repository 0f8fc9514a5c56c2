"""Who is in the room, as the log has it."""

from collections.abc import Iterator
from itertools import islice
from typing import Self

from livekit import rtc

from unbroken.live.live import Live
from unbroken.livekit.callers import Callers
from unbroken.livekit.guard import guarded
from unbroken.livekit.room import is_person, kind_of, people
from unbroken.livekit.state.objects import NAMES_MAX
from unbroken.log.entries import JSON, ParticipantChanged, ParticipantJoined, ParticipantLeft


class Participants:
    """Records who of the call comes, changes and goes."""

    def __init__(self, live: Live, room: rtc.Room, callers: Callers) -> None:
        self._live, self._room, self._callers = live, room, callers
        self._differences: dict[str, str] = {}

    def attach(self) -> Self:
        self._differences = dict(self._read_differences())
        here = self._room.remote_participants
        for identity, known in list(self._live.session.participants.items()):
            if known.is_here and identity not in here:
                self._live.record(ParticipantLeft(identity))  # while nobody kept the log
        for who in here.values():
            if self._is_welcome(who):
                self._record(who)
        self._record_company()
        on = self._room.on
        on("participant_connected", self._joined)
        on("participant_disconnected", self._left)
        on("participant_metadata_changed", lambda p, _old, _new: self._changed(p))
        on("participant_name_changed", lambda p, _old, _new: self._changed(p))
        on("participant_attributes_changed", lambda _changed, p: self._changed(p))
        return self

    def difference(self) -> str | None:
        """Who of those that the log had here is not here as it was."""
        words = (f"{identity}: {what}" for identity, what in self._differences.items())
        return "; ".join(islice(words, NAMES_MAX)) or None

    def read(self) -> JSON:
        """The people of the call who are here now, as others see them. Who has come into their
        company meanwhile is recorded first: nobody tells of that."""
        if not self._room.isconnected():
            return self._live.session.folded("participants")
        self._record_company()
        here = filter(self._is_welcome, people(self._room))
        return {who.identity: _shown(who) for who in here}

    def _read_differences(self) -> Iterator[tuple[str, str]]:
        here = self._room.remote_participants
        for identity, shown in self._live.session.folded("participants").items():
            if identity not in here:
                yield identity, "left meanwhile"
            elif _shown(here[identity]) != shown:
                yield identity, "changed meanwhile"

    @guarded
    def _joined(self, who: rtc.RemoteParticipant) -> None:
        if self._is_welcome(who):
            self._record(who)
            self._record_company()

    def _is_welcome(self, who: rtc.RemoteParticipant) -> bool:
        return not is_person(who) or self._callers.welcomes(who)

    def _record_company(self) -> None:
        """Others who were there already and are with the call's people now."""
        known = self._live.session.participants
        for who in self._room.remote_participants.values():
            is_met = who.identity in known and known[who.identity].is_here
            if not is_met and self._is_welcome(who):
                self._record(who)

    def _record(self, who: rtc.RemoteParticipant) -> None:
        self._live.record(
            ParticipantJoined(who.identity, kind_of(who), who.name, who.metadata, _attributes(who))
        )

    @guarded
    def _changed(self, who: rtc.Participant) -> None:
        known = self._live.session.participants.get(who.identity)
        if known is None:
            return  # ourselves, or a stranger
        change = ParticipantChanged(
            who.identity,
            name=who.name if who.name != known.name else None,
            metadata=who.metadata if who.metadata != known.metadata else None,
            attributes=_attributes(who) if _attributes(who) != known.attributes else None,
        )
        if change != ParticipantChanged(who.identity):
            self._live.record(change)

    @guarded
    def _left(self, who: rtc.RemoteParticipant) -> None:
        if who.identity not in self._live.session.participants:
            return
        reason = who.disconnect_reason
        name = rtc.DisconnectReason.Name(reason).lower() if reason is not None else None
        self._live.record(ParticipantLeft(who.identity, name))


def _shown(who: rtc.RemoteParticipant) -> list[JSON]:
    return [who.name, who.metadata, _attributes(who)]


def _attributes(who: rtc.Participant) -> dict[str, str]:
    """Without LiveKit's own, which change with every state of an agent."""
    return {k: v for k, v in who.attributes.items() if not k.startswith("lk.")}
