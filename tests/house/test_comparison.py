"""The comparison with the usual ways: the page is its results, and what is lost is counted."""

import itertools
import json
import os
import re
import signal
from xml.etree import ElementTree as ET

import pytest

from bench.comparison import claims, counting, page, plots
from bench.comparison.counting import Loss, Witness
from bench.comparison.names import AWAY, NATIVE, OURS, THERE
from bench.comparison.plots import Bar, Series
from bench.host.parts import Child

SAID = tuple(f"room {number}" for number in range(6))


def tree(drawn):
    return ET.fromstring(drawn)  # noqa: S314 - we have drawn it


@pytest.fixture(scope="module")
def found():
    return json.loads(page.newest().read_text(encoding="utf-8"))


def test_the_page_and_its_plots_are_made_of_the_newest_results():
    for path, content in page.files(page.newest()).items():
        again = "python -m bench.comparison.page writes it anew"
        assert path.read_text(encoding="utf-8") == content, again


def test_a_changed_figure_changes_the_page(found):
    before = page.text(found, "results")
    found["losses"][0]["lost"] += 1
    assert page.text(found, "results") != before
    found["losses"][0]["lost"] -= 1


def test_each_way_was_killed_as_often_as_is_said_and_counted_call_by_call(found):
    for loss in found["losses"]:
        said, lost, went_on = map(sum, zip(*loss["raw"], strict=True))
        assert (loss["kills"], len(loss["raw"])) == (100, 100)
        assert (loss["said"], loss["lost"], loss["went_on"]) == (said, lost, went_on)


@pytest.mark.parametrize(("lost", "verdict"), [(0, claims.RIGHT), (400, claims.WRONG)])
def test_messages_of_ours_that_are_lost_turn_the_verdict(found, lost, verdict):
    changed = json.loads(json.dumps(found))
    for r in changed["losses"]:
        r["lost"] = lost if r["way"] in OURS.values() else r["lost"]
    (needed,) = (one for one in claims.all_of(changed) if "needs no Redis" in one.said)
    assert needed.verdict == verdict


def test_nothing_is_lost_where_all_is_stored():
    assert counting.loss(Witness(SAID, is_last_open=False), set(SAID)) == Loss(6, 0, 0)


@pytest.mark.parametrize("missing", range(6))
def test_each_missing_message_is_counted_wherever_it_stands(missing):
    stored = set(SAID) - {SAID[missing]}
    assert counting.loss(Witness(SAID, is_last_open=False), stored) == Loss(6, 1, 1)


def test_what_was_still_being_kept_is_lost_but_nobody_went_on_behind_it():
    assert counting.loss(Witness(SAID, is_last_open=True), set(SAID[:-1])) == Loss(6, 1, 0)
    assert counting.loss(Witness(SAID, is_last_open=True), set(SAID[:3])) == Loss(6, 3, 2)
    assert counting.loss(Witness(SAID, is_last_open=True), set(SAID[1:])) == Loss(6, 1, 1)


def test_a_store_that_has_more_than_was_said_hides_no_loss():
    stored = {*SAID[:-2], "room 7", "other 5"}
    assert counting.loss(Witness(SAID, is_last_open=False), stored) == Loss(6, 2, 2)


def test_a_killed_process_has_told_what_it_said_and_not_kept():
    child = Child(_talk)
    seen = counting.witness(child.wait())
    assert child.code == -signal.SIGKILL
    assert seen == Witness(("room 0", "room 1"), is_last_open=True, session="s")
    assert counting.loss(seen, {"room 0"}) == Loss(2, 1, 0)


def _talk(tell):
    tell("session", "s")
    tell("said", "room 0")
    tell("kept")
    tell("said", "room 1")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0.52, "520 ns"), (1, "1 µs"), (9.996, "10 µs"), (38.21, "38.2 µs"), (999.9, "1 ms"),
        (1_234, "1.23 ms"), (154_000, "154 ms"), (3_210_000, "3.21 s"), (0, "0 ns"),
        (12_345_678_000, "12,346 s"),
    ],
)  # fmt: skip
def test_a_time_has_three_digits_and_its_unit(us, text):
    assert plots.micro(us) == text


def test_a_point_ten_times_as_high_is_one_line_of_the_plot_higher():
    drawn = plots.lines("t", "x", [Series("a", [(1, 1), (10, 10), (100, 100)])])
    circles = [e for e in tree(drawn).iter() if e.tag.endswith("circle")]
    xs, ys = ([float(c.get(at)) for c in circles] for at in ("cx", "cy"))
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.2)
    assert ys[0] > ys[1] > ys[2]


def test_names_do_not_stand_on_each_other():
    series = [Series(name, [(1, 1), (10, 10 + number / 10)]) for number, name in enumerate("abc")]
    drawn = tree(plots.lines("t", "x", series))
    places = [float(e.get("y")) for e in drawn.iter() if e.text in {"a", "b", "c"}]
    places.sort()
    assert all(b - a >= plots.NAME_GAP - 0.2 for a, b in itertools.pairwise(places))


def test_a_bar_is_as_long_as_its_share_and_names_are_escaped():
    drawn = plots.bars("t", [Bar("<a>", 0, 50, ""), Bar("b", 0, 100, "")])
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="18"', drawn)]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert "<a>" in [e.text for e in tree(drawn).iter()]


def test_the_plots_are_xml(found):
    for path, content in page.files(page.newest()).items():
        if path.suffix == ".svg":
            assert tree(content).tag.endswith("svg")
    assert {(r["way"], r["servers"]) for r in found["losses"]} >= {(NATIVE, THERE), (NATIVE, AWAY)}
