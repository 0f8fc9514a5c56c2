"""A conversation that an application saves again, whole or in part: each line is there once."""

import random
from collections import Counter

import pytest

from tests.core.conftest import new_header
from unbroken.live.live import Live
from unbroken.log import utterance
from unbroken.log.entries import text_of
from unbroken.log.utterance import KNOWN_MAX, NEAR, Utterance, Utterances

TEXTS = ["yes", "no", "yes", "Sure?", "I see.", "two tickets", "-5", "+5", "👍", "की"]
Line = tuple[str, str]


class Transcript:
    """The lines that reports by several ways make."""

    def __init__(self, restored: list[Line] | None = None) -> None:
        before = restored or []
        self.lines = {f"r{n}": line for n, line in enumerate(before)}
        said = [Utterance.of("livekit", f"r{n}", *line) for n, line in enumerate(before)]
        self.known = Utterances(said)
        self._number = 0

    def report(self, way: str, line: Line) -> None:
        known = self.known.claim(way, *line)
        if known is None:
            self._number += 1
            self.known.add(way, f"i{self._number}", *line)
            self.lines[f"i{self._number}"] = line
        for item_id in known.withdrawn if known else ():
            del self.lines[item_id]

    def all(self, way: str, lines: list[Line]) -> None:
        for line in lines:
            self.report(way, line)

    @property
    def said(self) -> list[Line]:
        return list(self.lines.values())


def call(rng: random.Random, turns: int) -> list[Line]:
    lines: list[Line] = [("assistant", "Welcome!")] if rng.random() < 0.5 else []
    for _ in range(turns):
        lines.append(("user", rng.choice(TEXTS)))
        lines += [("assistant", rng.choice(TEXTS)) for _ in range(rng.choice((1, 1, 1, 2)))]
    return lines


def as_kept(rng: random.Random, line: Line) -> Line:
    """As an application may write the same words."""
    role, text = line
    return role, rng.choice((text, text.upper(), f" {text}  ", f"{text}!"))


@pytest.mark.parametrize("seed", range(60))
def test_a_call_that_is_saved_again_at_its_end_is_there_once(seed):
    rng = random.Random(seed)
    said = call(rng, rng.choice((1, 3, 6, 7, 12, 40)))
    transcript = Transcript()
    for line in said:
        transcript.report("livekit", line)
        if rng.random() < 0.3:
            transcript.report("turn", as_kept(rng, line))
    for way in ("turn", "history", "turn", "manager", "history"):
        transcript.all(way, [as_kept(rng, line) for line in said])
        assert transcript.said == said


@pytest.mark.parametrize("seed", range(60))
def test_what_was_saved_first_and_again_at_the_end_is_there_once(seed):
    rng = random.Random(seed)
    said = call(rng, 15)
    transcript = Transcript()
    for line in said:
        for way in rng.sample(("livekit", "turn"), 2):
            transcript.report(way, line)
    transcript.all("turn", said)
    assert transcript.said == said


@pytest.mark.parametrize("seed", range(40))
def test_a_part_that_is_saved_again_is_there_once(seed):
    """Distinct lines: of a part with the same words as another one nobody can tell the place."""
    rng = random.Random(seed)
    said = [(role, f"{role} {n}") for n in range(30) for role in ("user", "assistant")]
    transcript = Transcript()
    transcript.all("livekit", said)
    for _ in range(4):
        first = rng.randrange(len(said) - 3)
        transcript.all(rng.choice(("turn", "history")), said[first : first + rng.randint(3, 40)])
        assert Counter(transcript.said) == Counter(said)


@pytest.mark.parametrize("seed", range(40))
def test_only_one_side_that_is_saved_again_is_there_once(seed):
    rng = random.Random(seed)
    said = [(role, f"{role} {n}") for n in range(20) for role in ("user", "assistant")]
    transcript = Transcript()
    transcript.all("livekit", said)
    side = rng.choice(("user", "assistant"))
    transcript.all("turn", [line for line in said if line[0] == side])
    transcript.all("turn", [line for line in said if line[0] == side])
    assert transcript.said == said


def test_lines_of_the_application_in_between_are_kept():
    said: list[Line] = [(r, f"{r} {n}") for n in range(12) for r in ("user", "assistant")]
    own: list[Line] = [("assistant", f"card {n}") for n in range(12)]
    transcript = Transcript()
    for n in range(12):
        transcript.all("livekit", said[2 * n : 2 * n + 2])
        transcript.report("history", own[n])
    live = transcript.said
    assert Counter(live) == Counter(said + own)
    transcript.all("history", live)
    assert transcript.said == live


def test_a_turn_of_the_holder_before_is_known():
    before: list[Line] = [(r, f"{r} {n}") for n in range(20) for r in ("user", "assistant")]
    transcript = Transcript(before)
    new: list[Line] = [("user", "new"), ("assistant", "newer")]
    transcript.all("livekit", new)
    transcript.all("turn", new)
    transcript.all("turn", before[4:6])
    transcript.all("turn", before)
    assert transcript.said == before + new


def test_who_is_the_only_one_to_report_is_taken_at_his_word():
    transcript = Transcript()
    transcript.all("turn", [("user", "yes"), ("assistant", "Sure?")] * 30)
    assert len(transcript.said) == 60


def test_one_line_of_an_application_is_no_repetition():
    """A button says yes, long after the caller had said it."""
    transcript = Transcript()
    transcript.report("history", ("user", "a button"))
    transcript.all("livekit", [("user", "yes"), ("assistant", "Sure?"), ("user", "no")])
    transcript.all("livekit", [("assistant", f"line {n}") for n in range(NEAR)])
    transcript.report("history", ("user", "yes"))
    transcript.report("livekit", ("user", "go on"))
    transcript.report("history", ("user", "no"))
    assert transcript.said.count(("user", "yes")) == 2
    assert transcript.said.count(("user", "no")) == 2


def test_two_buttons_are_no_repetition():
    transcript = Transcript()
    transcript.report("history", ("user", "a button"))
    transcript.all("livekit", [("user", "yes"), ("assistant", "Sure?"), ("user", "no")])
    transcript.all("livekit", [("assistant", f"line {n}") for n in range(NEAR)])
    transcript.all("history", [("user", "yes"), ("user", "no")])
    assert transcript.said[-2:] == [("user", "yes"), ("user", "no")]
    assert transcript.said.count(("user", "yes")) == 2


def test_what_is_said_twice_is_there_twice_though_it_was_saved_before_it_was_heard():
    transcript = Transcript()
    turn: list[Line] = [("user", "yes"), ("assistant", "Sure?")]
    other: list[Line] = [("assistant", f"line {n}") for n in range(20)]
    for line in (*turn, *other, *turn):
        transcript.report("turn", line)
        transcript.report("livekit", line)
    assert Counter(transcript.said) == Counter(turn + other + turn)


def test_what_livekit_reports_is_never_a_repetition():
    transcript = Transcript()
    turn: list[Line] = [("user", "yes"), ("assistant", "Sure?")]
    for _ in range(20):
        transcript.all("livekit", turn)
    transcript.report("turn", ("user", "and yes"))
    transcript.all("livekit", [("user", "and yes"), *turn, *turn])
    assert Counter(transcript.said) == Counter([*turn * 22, ("user", "and yes")])


def test_a_report_costs_the_same_in_a_long_call(monkeypatch):
    looked = 0

    def count(known, report):
        nonlocal looked
        looked += 1
        return original(known, report)

    original = utterance._is_same
    monkeypatch.setattr(utterance, "_is_same", count)
    costs = []
    transcript = Transcript()
    for n in range(2_000):
        looked = 0
        for way in ("livekit", "turn", "history"):
            transcript.report(way, ("user", "yes" if n % 2 else f"line {n}"))
        costs.append(looked)
    assert max(costs[1_000:]) <= max(costs[100:1_000])
    assert max(costs) < 200


def test_the_older_half_of_an_endless_call_is_forgotten():
    known = Utterances()
    for n in range(KNOWN_MAX + 10):
        known.add("livekit", f"i{n}", "user", f"line {n}")
    assert len(known._all) < KNOWN_MAX
    assert known.claim("turn", "user", f"line {KNOWN_MAX + 9}") is not None


async def test_lines_that_were_recorded_in_vain_are_taken_back(spool, env):
    live = Live.open(spool, new_header(env, spool))
    for n in range(10):
        for role in ("user", "assistant"):
            item = {"id": f"{role}{n}", "type": "message", "role": role, "content": [f"{role} {n}"]}
            live.report("livekit", item, after=next(reversed(live.session.order), None))
    live.say("turn", "user", "a button", extra={})
    said = list(live.session.order)
    ids = [
        live.say("turn", f"{r}", f"{r} {n}", extra={})
        for n in (2, 3)
        for r in ("user", "assistant")
    ]
    assert live.session.order == said
    assert ids[1:] == ["assistant2", "user3", "assistant3"]
    await live.close("left")


async def test_a_successor_knows_which_lines_the_application_had_reported(spool, env):
    first = Live.open(spool, new_header(env, spool))
    first.say("history", "user", "yes", extra={})
    second = Live.open(spool, new_header(env, spool), first.session)
    second.say("turn", "user", "yes", extra={})
    assert [text_of(item) for item in second.session.history] == ["yes"]
    second.say("history", "user", "yes", extra={})
    assert [text_of(item) for item in second.session.history] == ["yes", "yes"]
    await first.close("left")
    await second.close("left")
