"""Writes what changed of one object's attributes into the log."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice

from unbroken.live.live import Live
from unbroken.livekit.guard import guarded
from unbroken.livekit.state import whole
from unbroken.livekit.state.kept import Kept
from unbroken.livekit.state.objects import Reading
from unbroken.log import digest
from unbroken.log.attributes import Attributes
from unbroken.log.changes import Change, diff
from unbroken.log.entries import JSON, AttributesChanged, UserdataChanged
from unbroken.log.large import refusal_of
from unbroken.log.session import ATTRIBUTES_OF

Entry = Callable[..., UserdataChanged | AttributesChanged]

AGENTS_MAX = 16  # whose attributes are looked at
WRITTEN_MAX = 1_000  # entries since all was written: then all is written again


class Recorder:
    """`field` is what the object is called in the report; `held` what the log has of it, and
    `entry` makes the entries that change that. `kept` is what this process could not put back.

    What no entry can hold stays in the log as it last was, is named there, and is tried again
    when it has changed. Where an entry was lost, all is written anew.
    """

    def __init__(
        self, live: Live, field: str, entry: Entry, held: Callable[[], Attributes]
    ) -> None:
        self.kept = Kept()
        self._live = live
        self._field = field
        self._entry = entry
        self._held = held
        self.digest: str | None = None  # of what the log should have
        self._written: list[int] = []
        self._losses = live.lost
        self._too_large: dict[str, tuple[str, str]] = {}
        self._recorded: tuple[object, ...] = ()

    def record(self, reading: Reading) -> None:
        wanted, held = self.kept.over(reading.value), self._held()
        kind = held.type if held.type and self.kept else reading.type
        self.digest = digest.of(wanted)
        state = self.digest, kind, reading.refused
        if state != self._recorded or self._live.lost != self._losses:
            self._recorded = state
            refused = dict(reading.refused)
            self._record(kind, self._storable(wanted, held.value, refused), refused)
            self._name(refused)

    def _record(self, kind: str, now: JSON, refused: dict[str, str]) -> None:
        held, is_lost = self._held(), self._is_lost()
        if held.type is None or len(self._written) >= WRITTEN_MAX or is_lost:
            self._written.clear()
            is_whole = self._write(kind, refused, value=now)
            if not is_whole:
                self._write(kind, refused, value={} if isinstance(now, dict) else None)
            if is_lost:
                whole.note(self._live, self._field)
            if is_whole:
                return
        groups = self._groups(kind, diff_by_field(self._held().value, now), now, refused)
        if groups or refused != held.refused or kind != held.type:
            changes = tuple(change for group in groups for change in group)
            if not self._write(kind, refused, changes=changes):
                for group in groups:
                    self._write(kind, refused, changes=group)

    def _storable(self, now: JSON, known: JSON, refused: dict[str, str]) -> JSON:
        """What is refused, or still too large, stays as the log has it."""
        if not isinstance(now, dict):
            return now
        for name, (printed, why) in tuple(self._too_large.items()):
            if name in now and digest.of(now[name]) == printed:
                refused[name] = why
            else:
                del self._too_large[name]
        kept = known if isinstance(known, dict) else {}
        now = {name: part for name, part in now.items() if name not in refused}
        return now | {name: kept[name] for name in refused if name in kept}

    def _groups(
        self,
        kind: str,
        fields: Mapping[str, Sequence[Change]],
        now: JSON,
        refused: dict[str, str],
    ) -> list[tuple[Change, ...]]:
        """The changes of each field that an entry can hold; the other fields are refused."""
        found = []
        for name, changes in fields.items():
            group = tuple(changes)
            if why := refusal_of(self._entry(type=kind, changes=group)):
                refused[name] = why
                if isinstance(now, dict) and name in now:
                    self._too_large[name] = digest.of(now[name]), why
            else:
                found.append(group)
        return found

    def _write(self, kind: str, refused: dict[str, str], **said: JSON) -> bool:
        """False if no entry can hold that."""
        entry = self._entry(type=kind, refused=refused, **said)
        if refusal_of(entry):
            return False
        self._written.append(self._live.record(entry))
        return True

    def _is_lost(self) -> bool:
        """Whether the log has not all that we wrote; while the disk takes nothing that is not
        looked at."""
        if self._live.journal.trouble or self._live.lost == self._losses:
            return False
        self._losses = self._live.lost
        return any(map(self._live.is_lost, self._written))

    def _name(self, refused: dict[str, str]) -> None:
        why = "; ".join(f"{name or 'it'}: {why}" for name, why in refused.items())
        self._live.keep_not(self._field, why or None)


class Recorders:
    """Of one session: of its userdata, and of each agent's attributes."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.userdata = Recorder(
            live, "userdata", UserdataChanged, lambda: live.session.userdata_log
        )
        self._attributes: dict[str, Recorder] = {}

    def digests(self) -> dict[str, str]:
        """By field, as they were last read: of the agents those that were read last."""
        newest = islice(reversed(self._attributes.items()), AGENTS_MAX)
        found = {ATTRIBUTES_OF + agent: recorder.digest for agent, recorder in newest}
        found["userdata"] = self.userdata.digest
        return {field: of_live for field, of_live in found.items() if of_live is not None}

    @guarded
    def record(self, field: str, reading: Reading) -> None:
        """Of an agent that never had any attributes, none are written."""
        agent = field.removeprefix(ATTRIBUTES_OF)
        is_any = reading.value or reading.refused or agent in self._live.session.attributes
        if agent == field or is_any:
            self.of(field).record(reading)

    def of(self, field: str) -> Recorder:
        agent = field.removeprefix(ATTRIBUTES_OF)
        return self.userdata if agent == field else self.attributes(agent)

    def attributes(self, agent: str) -> Recorder:
        if agent in self._attributes:
            self._attributes[agent] = self._attributes.pop(agent)
        else:
            self._attributes[agent] = Recorder(
                self._live,
                ATTRIBUTES_OF + agent,
                partial(AttributesChanged, agent),
                lambda: self._live.session.attributes.get(agent) or Attributes(),
            )
        return self._attributes[agent]


def diff_by_field(before: JSON, now: JSON) -> dict[str, list[Change]]:
    fields: dict[str, list[Change]] = {}
    for change in diff(before, now):
        fields.setdefault(change.at[0] if change.at else "", []).append(change)
    return fields
