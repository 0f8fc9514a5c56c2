"""JSON that says its types to values, put into the objects that are there where it can be."""

import base64
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import EnumType
from typing import Any

import msgspec

from unbroken.log.changes import same
from unbroken.log.plain import JSON
from unbroken.typed import hints
from unbroken.typed.encode import (
    CHANGEABLE,
    ITSELF,
    NOBODY,
    ORDER,
    SETS,
    TooMuch,
    base_of,
    encode,
    is_factory,
    own_state,
    said_by_each,
)
from unbroken.typed.names import find
from unbroken.typed.problems import INNER, LiveElsewhere, Path, Problem, Unfit
from unbroken.typed.records import Record, RecordState, record_of
from unbroken.typed.scalars import LOST, SCALARS, Scalar
from unbroken.typed.sharing import SharedPart, SharedParts

PROBLEMS_MAX = 100  # of one object: further ones are not told apart

Ours = dict[int, Any]  # by id: lists and the like that were made here, and are still held
Refer = Callable[[str, Any], Any]  # the object of a name; given too is what stands in its place


class _Missing:
    """Stands where there is nothing."""


MISSING = _Missing()


class Decoder:
    """Puts back one object. `problems` says what could not be.

    `refer` gives the object that is referred to, and raises KeyError where there is none; `name`
    is its opposite, `names` has further ones by id. `ours` are what earlier ones made: code that
    runs may hold it, so it is filled anew where it stands. `shares` is common to all those whose
    objects share parts; among these this one is called `field`.
    """

    def __init__(
        self,
        refer: Refer,
        name: Callable[[object], str | None],
        ours: Ours | None = None,
        *,
        shares: SharedParts | None = None,
        field: str = "",
        names: Mapping[int, str] = NOBODY,
    ) -> None:
        self.problems: list[Problem] = []
        self._itself: Any = MISSING
        self._refer = refer
        self._name = name
        self._names = names
        self._shares = SharedParts() if shares is None else shares
        self._field = field
        self._ours = ours
        self._stand: set[int] = set()  # by id: those that are as they will be

    def put_into(self, target: object) -> None:
        """It is the object whose fields are put back."""
        self._itself = target
        self._names = {**self._names, id(target): ITSELF}

    def of(self, saved: JSON, at: Path, *, hint: Any = Any, old: Any = MISSING) -> Any:
        """The value of `saved`. `old` stands in its place now; it stays if it is the same, or a
        record that can be changed to it.

        Raises Unfit.
        """
        if not isinstance(saved, dict | list):
            return saved
        if not self._shares:
            return self._of(saved, at, hint, old)
        place = (self._field, *at)
        if made := self._shares.of(place, saved):
            for problem in made.problems:
                self.problem((*at, *problem.at), problem.why, is_live=problem.is_live)
            return made.value
        known = len(self.problems)
        value = self._of(saved, at, hint, old)
        new = (msgspec.structs.replace(p, at=p.at[len(at) :]) for p in self.problems[known:])
        self._shares.keep(place, SharedPart(saved, value, tuple(new)))
        return value

    def _of(self, saved: JSON, at: Path, hint: Any, old: Any) -> Any:
        if self._is_same(saved, old):
            self._name_live(saved, at)
            self._stand.add(id(old))
            return old
        if not isinstance(old, CHANGEABLE):
            return self._held(self._new(saved, at, hint, old), old)
        known, made = (id(old), msgspec.json.encode(saved, order="sorted")), self._shares.by_old
        if known not in made:
            made[known] = old, self._held(self._new(saved, at, hint, old), old)
        return made[known][1]

    def fields(
        self, record: Record, value: Any, saved: Mapping[str, JSON], printed: str, at: Path = ()
    ) -> None:
        """Put the fields of a record, or the attributes of another object, into `value`.

        Where `printed` is not the print of its class's annotations, they must fit those.
        """
        there = record.read(value)
        for name, part in self._parts(record, saved, printed, at, there):
            try:
                record.put(value, name, part)
            except Exception as error:  # noqa: BLE001 - the object is the application's
                self.problem((*at, name), f"cannot be set ({type(error).__name__})")

    def members(
        self, saved: Mapping[str, JSON], at: Path, there: Mapping[Any, Any], hint: Any = Any
    ) -> Iterator[tuple[Any, Any]]:
        """Those of a dict that can be; the others are named."""
        of_key, of_value = hints.part_of(hint, 0), hints.part_of(hint, 1)
        for said in in_order(saved):
            part = saved[said]
            try:
                key = self.key(said, of_key)
                yield key, self.of(part, (*at, said), hint=of_value, old=there.get(key, MISSING))
            except Unfit as error:
                self.problem((*at, said), str(error), is_live=error.is_live)

    def key(self, said: str, hint: Any = Any) -> Any:
        """A key of a dict. Raises Unfit."""
        if not said.startswith("$"):
            return said
        try:
            key = self.of(msgspec.json.decode(said[1:]), ("$key",), hint=hint)
            hash(key)
        except Unfit:
            raise
        except Exception as error:
            raise Unfit(f"is no key ({type(error).__name__})") from error
        return key

    def problem(self, at: Path, why: str, *, is_live: bool = False) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(at, why, is_live))

    def _held(self, new: Any, old: Any) -> Any:
        """What stands for `new`: `old` with its contents, if that is ours."""
        if self._ours is None or not isinstance(new, CHANGEABLE) or new is old:
            return new
        if _is_alike(new, old) and id(old) in self._ours and id(old) not in self._stand:
            self._stand.add(id(old))
            old.clear()
            (old.update if isinstance(old, dict | set) else old.extend)(new)
            return old
        return self._ours.setdefault(id(new), new)

    def _is_same(self, saved: JSON, old: Any) -> bool:
        if old is MISSING:
            return False
        try:
            return same(encode(old, self._name, names=self._names), saved)
        except TooMuch:
            return False

    def _is_live(self, value: object) -> bool:
        try:
            known = MISSING if value is MISSING else encode(value, self._name, names=self._names)
            return _is_own(known)
        except TooMuch:
            return False

    def _name_live(self, saved: JSON, at: Path) -> None:
        """What belongs to its process is named, also where it looks the same."""
        if isinstance(saved, list):
            for k, part in enumerate(saved):
                self._name_live(part, (*at, k))
        elif isinstance(saved, dict):
            if "$live" in saved:
                self.problem(at, _live(saved["$live"]), is_live=True)
            for key, part in saved.items():
                self._name_live(part, (*at, key) if not _is_tag(key) else at)

    def _new(self, saved: JSON, at: Path, hint: Any, old: Any) -> Any:
        try:
            if isinstance(saved, list):
                return self._all(saved, at, hint, old)
            tag = next((key for key in saved if key in TAGS), None)
            if tag is None:
                there = old if isinstance(old, dict) else {}
                return dict(self.members(_each_alone(saved), at, there, hint))
            return TAGS[tag](self, saved, at, hint, old)
        except (Unfit, RecursionError):
            raise
        except Exception as error:
            raise Unfit(f"cannot be read ({type(error).__name__})") from error

    def _all(self, saved: Sequence[JSON], at: Path, hint: Any, old: Any) -> list[Any]:
        """Those parts that can be; the others are named. What is put back a second time finds
        there what came of the first."""
        there = list(old) if isinstance(old, list | tuple | deque) else []
        found: list[Any] = []
        for k, part in enumerate(said_by_each(saved)):
            held = there[len(found)] if len(found) < len(there) else MISSING
            if _is_own(part) and not self._is_live(held):
                held = MISSING  # it stands for another part
            try:
                found.append(self.of(part, (*at, k), hint=hints.part_of(hint, k), old=held))
            except Unfit as error:
                self.problem((*at, k), str(error), is_live=error.is_live)
        return found

    def tuple_of(self, saved: Any, at: Path, hint: Any, old: Any) -> tuple[Any, ...]:
        """Whole or not at all: each place has its meaning."""
        found = self._all(saved["$tuple"], at, hint, old)
        if len(found) < len(saved["$tuple"]):
            raise Unfit("a part of it cannot be")
        return tuple(found)

    def deque_of(self, saved: Any, at: Path, hint: Any, old: Any) -> deque[Any]:
        return deque(self._all(saved["$deque"], at, hint, old), saved["max"])

    def set_of(self, saved: Any, at: Path, hint: Any, _old: Any) -> Any:
        tag, kind = next((tag, kind) for kind, tag in SETS.items() if tag in saved)
        return kind(self._all(saved[tag], at, hint, None))

    def record(self, saved: Any, at: Path, hint: Any, old: Any) -> Any:
        name, _, printed = saved["$type"].partition(" ")
        kind = self._kind(name, hint, old, lambda kind: record_of(kind) is not None)
        record: Any = record_of(kind)
        fields = {key: part for key, part in saved.items() if key != "$type"}
        if type(old) is kind and not record.is_frozen:
            self.fields(record, old, fields, printed, at)
            return old
        there = record.read(old) if type(old) is kind else RecordState({}, {})
        return record.make_over(there, dict(self._parts(record, fields, printed, at, there)))

    def _parts(
        self, record: Record, saved: Mapping[str, JSON], printed: str, at: Path, there: RecordState
    ) -> Iterator[tuple[str, Any]]:
        """Of the fields, then of what is more, those that can be; the others are named."""
        said = hints.hints_of(record.kind)
        is_checked = printed != hints.print_of(record.kind)
        for name, part in sorted(saved.items(), key=lambda one: one[0] == "$more"):
            if name == "$more":
                yield from self.members(part, (*at, name), there.more)
                continue
            hint, old = said.get(name, Any), there.fields.get(name, MISSING)
            if not record.declares(name):
                self.problem((*at, name), "this version has no such field")
                continue
            try:
                value = self.of(part, (*at, name), hint=hint, old=old)
            except Unfit as error:
                self.problem((*at, name), str(error), is_live=error.is_live)
                continue
            if is_checked and not self._is_same(part, old) and not hints.fits(value, hint):
                kind = type(value).__name__
                self.problem((*at, name), f"this version wants another type than {kind}")
            else:
                yield name, value

    def subclass(self, saved: Any, at: Path, hint: Any, old: Any) -> Any:
        kind: Any = self._kind(saved["$as"], hint, old, lambda kind: base_of(kind) is not None)
        is_there = type(old) is kind
        there = old if is_there else MISSING
        of = self.of(saved["$of"], (*at, "$of"), hint=hint, old=there)
        made = self._filled(kind, of, there)
        if isinstance(made, defaultdict):
            self._set_default(made, saved, at)
        own = own_state(old) if is_there else {}
        for name, part in self.members(saved.get("$more", {}), (*at, "$more"), own):
            if name.isidentifier() and not name.startswith("__"):
                object.__setattr__(made, name, part)
        return made

    def _filled(self, kind: Any, of: Any, there: Any) -> Any:
        base = base_of(kind)
        if base in (str, int, float, tuple, frozenset):
            return kind.__new__(kind, of)
        made = kind.__new__(kind) if there is MISSING else there
        if base is deque:
            deque.__init__(made, (), of.maxlen)
        base.clear(made)
        (base.update if issubclass(base, dict | set) else base.extend)(made, of)
        return made

    def _set_default(self, made: Any, saved: Any, at: Path) -> None:
        """A function is none that was recorded: that of the dict which is there stays."""
        name = saved.get("default", "")
        factory = find(name, ()) if name else None
        if name is None or is_factory(factory):
            made.default_factory = factory
        elif name or made.default_factory is None:
            self.problem(at, "made without its default_factory")

    def enum_member(self, saved: Any, _at: Path, hint: Any, old: Any) -> Any:
        kind: Any = self._kind(saved["$enum"], hint, old, lambda kind: isinstance(kind, EnumType))
        return kind.__members__[saved["name"]] if "name" in saved else kind(saved["value"])

    def _kind(self, name: str, hint: Any, old: Any, wanted: Callable[[type], bool]) -> type:
        near = [kind for kind in (*hints.classes_in(hint), type(old)) if wanted(kind)]
        kind = find(name, near)
        if kind is None or not wanted(kind):
            raise Unfit(f"this version has no {name}")
        return kind

    def referred(self, saved: Any, _at: Path, _hint: Any, old: Any) -> Any:
        if saved["$ref"] == ITSELF and self._itself is not MISSING:
            return self._itself
        try:
            return self._refer(saved["$ref"], old)
        except KeyError as error:
            why = "" if error.args == (saved["$ref"],) else f" ({error.args[0]})"
            raise Unfit(f"there is no {saved['$ref']}{why}") from error

    def live(self, saved: Any, at: Path, _hint: Any, old: Any) -> Any:
        """What this process has stays."""
        why = _live(saved["$live"]) if "$live" in saved else "a part of itself"
        if old is MISSING:
            raise LiveElsewhere(why)
        self.problem(at, why, is_live=True)
        return old


def _is_alike(new: Any, old: Any) -> bool:
    """Whether one can have the contents of the other."""
    return type(new) is type(old) and getattr(new, "maxlen", None) == getattr(old, "maxlen", None)


def in_order(saved: Mapping[str, JSON]) -> Iterator[str]:
    """The keys of a dict as they stood in it: sorted, unless it says otherwise."""
    order = saved.get(ORDER)
    named = dict.fromkeys(k for k in order if isinstance(k, str)) if isinstance(order, list) else {}
    for key in (*named, *sorted(saved.keys() - named.keys())):
        if key in saved and key != ORDER:
            yield key


def _each_alone(saved: Mapping[str, JSON]) -> dict[str, JSON]:
    keys = list(in_order(saved))
    parts = said_by_each(saved[key] for key in keys)
    return dict(zip(keys, parts, strict=True)) | {ORDER: keys}


def _live(name: str) -> str:
    return f"live object ({name.rpartition('.')[2]})"


def _is_own(saved: JSON) -> bool:
    """Whether that is a process's own, or a part of itself."""
    return isinstance(saved, dict) and ("$live" in saved or "$circle" in saved)


def _is_tag(key: str) -> bool:
    return key in TAGS or key in INNER


def _scalar(scalar: Scalar) -> "Made":
    def made(decoder: Decoder, saved: Any, at: Path, *_: Any) -> Any:
        if LOST in saved:
            decoder.problem(at, f"made without its {saved[LOST]}")
        return scalar.read(saved)

    return made


Made = Callable[[Decoder, Any, Path, Any, Any], Any]
TAGS: dict[str, Made] = {
    "$type": Decoder.record,
    "$as": Decoder.subclass,
    "$enum": Decoder.enum_member,
    "$ref": Decoder.referred,
    "$live": Decoder.live,
    "$circle": Decoder.live,
    "$tuple": Decoder.tuple_of,
    "$deque": Decoder.deque_of,
    "$set": Decoder.set_of,
    "$frozenset": Decoder.set_of,
    "$int": lambda _self, saved, *_: int(saved["$int"], 16),
    "$float": lambda _self, saved, *_: float(saved["$float"]),
    "$text": lambda _self, saved, *_: base64.b64decode(saved["$text"]).decode(
        "utf-16-le", "surrogatepass"
    ),
    **{scalar.tag: _scalar(scalar) for scalar in SCALARS.values()},
}
