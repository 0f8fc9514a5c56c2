"""The table of mutants is sound: each place is there once, each named test exists."""

from pathlib import Path

import pytest

from bench.mutants.mutant import Mutant, Stale
from bench.mutants.table import MUTANTS

ROOT = Path(__file__).parents[2]
ENOUGH = 40


def test_each_place_stands_once_and_each_test_exists():
    for mutant in MUTANTS:
        mutant.check(ROOT)


def test_there_are_enough_of_them_each_with_a_name_of_its_own():
    assert len(MUTANTS) >= ENOUGH
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_every_mutant_changes_something_and_says_what_it_breaks():
    assert all(mutant.old != mutant.new and mutant.promise for mutant in MUTANTS)


@pytest.fixture
def tree(tmp_path):
    """A tree with one source file and one test."""
    (source := tmp_path / "src/unbroken/ack.py").parent.mkdir(parents=True)
    source.write_text("a = 1\nb = 1\n", encoding="utf-8")
    (test := tmp_path / "tests/core/test_ack.py").parent.mkdir(parents=True)
    test.write_text("def test_one(): ...\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "test", "why"),
    [
        ("c = 1", "core/test_ack.py::test_one", "stands 0 times"),
        (" = 1", "core/test_ack.py::test_one", "stands 2 times"),
        ("a = 1", "core/test_ack.py::test_two", "there is no test"),
        ("a = 1", "core/test_none.py::test_one", "there is no test"),
    ],
)
def test_what_is_gone_is_noticed(tree, old, test, why):
    with pytest.raises(Stale, match=why):
        Mutant("m", "ack.py", old, "x", "p", test).check(tree)


def test_a_tree_is_as_before_behind_a_mutant(tree):
    source = tree / "src/unbroken/ack.py"
    mutant = Mutant("m", "ack.py", "a = 1", "a = 2", "p", "core/test_ack.py::test_one")
    mutant.check(tree)
    with mutant.applied(tree):
        assert source.read_text(encoding="utf-8") == "a = 2\nb = 1\n"
    assert source.read_text(encoding="utf-8") == "a = 1\nb = 1\n"
