"""Each utterance once, however many ways report it, and however often.

Theory of operation
-------------------
An utterance reaches a session by up to four ways: LiveKit's own item, and an application's
`conversation_history.append`, `save_conversation_turn` and `add_message`. They come in any order,
with the same words or, for a reply that was cut, with more of them. LiveKit reports what was said,
each utterance once. An application reports lines of its own too, and may save the whole
conversation again at its end. So its reports are laid along the lines that are known:

- a way that goes on where it was, in order, means the next line that it has not reported yet;
- else it means one of the newest lines that it has not reported yet;
- else its line is new, and may begin a repetition of earlier ones. If those behind it follow in
  the same order, with nothing said in between, the lines recorded for them so far are withdrawn,
  and the repetition is known from there on.

Lines that only this way has reported begin no repetition: who says "yes" twice has said it twice.
"""

from collections.abc import Iterable, Iterator

import msgspec

from unbroken.log.words import Words, alike, begins, words

LIVEKIT = "livekit"
NEAR = 12  # newest utterances that a report may mean: about the last six turns
SKIP_MAX = 3  # lines that a way may leave out between two that it reports
REPEATED_MIN = 3  # lines in order; fewer if one is known, or a question and its answer
BEGINNINGS_MAX = 64  # lines at which a repetition is looked for, of those with the same words
TEXTS_MAX = 4  # of one utterance: as written, as heard, as an application keeps it
KNOWN_MAX = 10_000  # a call of a whole day has fewer; beyond it the older half is forgotten


class Utterance(msgspec.Struct):
    """`texts`: how it was written, by those whose words differ. `whole`: the reply was cut, and
    this is what the model wrote; without words if that is not known."""

    item_id: str
    role: str
    texts: list[Words]
    ways: set[str]
    whole: Words | None = None

    @classmethod
    def of(
        cls, way: str | None, item_id: str, role: str, text: str, whole: str | None = None
    ) -> "Utterance":
        cut = None if whole is None else words(whole)
        return cls(item_id, role, [words(text)], {way} if way else set(), cut)


class KnownUtterance(msgspec.Struct, frozen=True):
    """A report is about `utterance`. The items of `withdrawn` were no new lines either."""

    utterance: Utterance
    withdrawn: tuple[str, ...] = ()


class _Way(msgspec.Struct):
    """`reached`: the places of the lines that its last known report may mean. Repeating: it says
    again what it has said. `others`: how many lines others had added then; at first none were."""

    reached: list[int]
    is_repeating: bool = False
    added: int = 0
    others: int = -1


class _Repetition(msgspec.Struct):
    """What may be one: the places of the lines that it may repeat. `recorded`: of the newest
    reports, which were recorded as new lines."""

    way: str
    paths: list[list[int]] = []
    recorded: list[str | None] = []


class Utterances:
    """The utterances of a session, and who has reported them. What a report costs does not grow
    with the call."""

    def __init__(self, restored: Iterable[Utterance] = ()) -> None:
        """`restored`: what an earlier holder recorded."""
        self._all: list[Utterance] = []
        self._by_words: dict[tuple[str, str], list[int]] = {}
        self._ways: dict[str, _Way] = {}
        self._added = 0
        self._repetition: _Repetition | None = None
        for utterance in restored:
            self._append(utterance)
        self._start = max(0, len(self._all) - NEAR) - 1

    def claim(
        self, way: str, role: str, text: str, whole: str | None = None
    ) -> KnownUtterance | None:
        """The utterance that `text` reports, if it is known; else `add` it."""
        report = Utterance.of(way, "", role, text, whole)
        if way == LIVEKIT:
            self._repetition = None
            places = self._near(way, report)
            return KnownUtterance(self._claimed(places, report)) if places else None
        return self._saved(way, report)

    def add(self, way: str, item_id: str, role: str, text: str, whole: str | None = None) -> None:
        """A new line, at the end."""
        if self._repetition and self._repetition.way == way:
            self._repetition.recorded[-1] = item_id
        else:
            self._repetition = None
        self._append(Utterance.of(way, item_id, role, text, whole))
        self._added += 1
        known = self._way(way)
        known.added += 1
        if known.others != self._added - known.added:
            known.reached = []  # a line of its own, and not between those that it says again
        if len(self._all) > KNOWN_MAX:
            self._forget()

    def _saved(self, way: str, report: Utterance) -> KnownUtterance | None:
        """What an application's report is about."""
        begun = self._repetition
        if begun is None or begun.way != way:
            begun = self._repetition = _Repetition(way)
        paths = self._followed(begun, report)
        if certain := [path for path in paths if self._is_certain(path, begun)]:
            return self._withdraw(begun, certain, paths, report)
        begun.recorded = [*begun.recorded, None][-REPEATED_MIN:]
        known = self._next(way, report) or self._near(way, report)
        begun.paths = paths + [[p] for p in known or self._beginnings(way, report)]
        return KnownUtterance(self._claimed(known, report)) if known else None

    def _next(self, way: str, report: Utterance) -> list[int]:
        """Lines that follow on those that this way has reached."""
        known, found = self._way(way), []
        for reached in known.reached:
            places = self._from(reached + 1, report)
            is_open = known.is_repeating
            found += [p for p in places if is_open or way not in self._all[p].ways][:1]
        return found

    def _near(self, way: str, report: Utterance) -> list[int]:
        """The oldest first: reports keep their order."""
        for place in range(max(0, len(self._all) - NEAR), len(self._all)):
            known = self._all[place]
            if way not in known.ways and _is_same(known, report):
                self._way(way).is_repeating = False
                return [place]
        return []

    def _beginnings(self, way: str, report: Utterance) -> Iterator[int]:
        """Where it may begin: lines that somebody else has reported, too."""
        places = self._by_words.get(_key(report), [])
        if len(places) > BEGINNINGS_MAX:
            places = places[: BEGINNINGS_MAX // 2] + places[-BEGINNINGS_MAX // 2 :]
        return (p for p in places if self._all[p].ways != {way} and _is_same(self._all[p], report))

    def _followed(self, repetition: _Repetition, report: Utterance) -> list[list[int]]:
        end = len(self._all) - len(list(filter(None, repetition.recorded)))
        found = []
        for path in repetition.paths:
            place = next(self._from(path[-1] + 1, report), None)
            if place is not None and place < end:
                found.append([*path, place])
        return found

    def _is_certain(self, path: list[int], repetition: _Repetition) -> bool:
        before, last = path[-2:]
        is_answer = (self._all[before].role, self._all[last].role) == ("user", "assistant")
        is_next = last == before + 1 and (is_answer or repetition.recorded[-1] is None)
        return is_next or len(path) >= REPEATED_MIN

    def _withdraw(
        self,
        repetition: _Repetition,
        certain: list[list[int]],
        paths: list[list[int]],
        report: Utterance,
    ) -> KnownUtterance:
        """It is one. Which of the lines with the same words it repeats, those behind will tell."""
        lines = max(map(len, certain)) - 1
        withdrawn = tuple(filter(None, repetition.recorded[-lines:]))
        for _ in withdrawn:
            self._remove_last(repetition.way)
        self._repetition = None
        self._way(repetition.way).is_repeating = True
        return KnownUtterance(self._claimed([path[-1] for path in paths], report), withdrawn)

    def _from(self, first: int, report: Utterance) -> Iterator[int]:
        """The places near behind `first` that `report` may mean."""
        places = range(first, min(first + SKIP_MAX + 1, len(self._all)))
        return (place for place in places if _is_same(self._all[place], report))

    def _claimed(self, places: list[int], report: Utterance) -> Utterance:
        (way,), (text,) = report.ways, report.texts
        here = self._way(way)
        here.reached, here.others = places, self._added - here.added
        known = self._all[next((p for p in places if way not in self._all[p].ways), places[0])]
        known.ways.add(way)
        is_new = not any(alike(known.role, text, other) for other in known.texts)
        if is_new and len(known.texts) < TEXTS_MAX:
            known.texts.append(text)
        return known

    def _append(self, utterance: Utterance) -> None:
        self._by_words.setdefault(_key(utterance), []).append(len(self._all))
        self._all.append(utterance)

    def _remove_last(self, way: str) -> None:
        self._by_words[_key(self._all.pop())].pop()
        self._way(way).added -= 1
        self._added -= 1

    def _way(self, way: str) -> _Way:
        return self._ways.setdefault(way, _Way([self._start]))

    def _forget(self) -> None:
        gone = len(self._all) // 2
        kept, self._all, self._by_words = self._all[gone:], [], {}
        for utterance in kept:
            self._append(utterance)
        for way in self._ways.values():
            way.reached = [max(place - gone, -1) for place in way.reached]
        self._repetition = None


def _key(utterance: Utterance) -> tuple[str, str]:
    return utterance.role, utterance.texts[0].key


def _is_same(known: Utterance, report: Utterance) -> bool:
    if known.role != report.role:
        return False
    (text,) = report.texts
    if any(alike(known.role, text, other) for other in known.texts):
        return True
    return _is_part(known, report) or _is_part(report, known)


def _is_part(cut: Utterance, other: Utterance) -> bool:
    """`cut` is what was heard of `other`: it begins it, and the model wrote what `other` says."""
    if cut.role != "assistant" or cut.whole is None or other.whole is not None:
        return False
    heard, said = cut.texts[0], other.texts[0]
    is_written = not cut.whole.bare or begins(said, cut.whole) or begins(cut.whole, said)
    return begins(heard, said) and is_written
