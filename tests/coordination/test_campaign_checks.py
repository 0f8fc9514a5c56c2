"""The checker of the campaign finds the faults that it is there for, and nothing else."""

from bench.coordination_checks import (
    Admitted,
    Held,
    fenced_back,
    lost,
    misheard,
    over_admitted,
    over_windows,
    wrong_fences,
)

LIMITS = {"door": 1, "calls": 2}
FINE = [
    Held("door", 1, 0, 1),
    Held("door", 5, 1, 2),
    Held("calls", 1, 0, 9),
    Held("calls", 2, 0, 3),
    Held("calls", 4, 3, 9),
    Held("calls", 3, 8, 7),  # its time was over when the answer came: it held nothing
]


def test_what_is_as_promised_is_no_fault():
    assert over_admitted(FINE, LIMITS) == []
    assert wrong_fences(FINE, ["door"]) == []
    assert lost([("a", "x"), ("b", "y")], {"a": {"x": 1, "z": 1}, "b": {"y": 1}}) == []
    assert misheard([7, 8, 9], 9) == []
    assert fenced_back([1, 1, 4, 9]) == []


def test_one_holder_too_many_is_found():
    assert len(over_admitted([*FINE, Held("door", 9, 1.9, 2.5)], LIMITS)) == 1
    assert len(over_admitted([*FINE, Held("calls", 9, 2.9, 3)], LIMITS)) == 1


def test_a_fence_that_is_not_larger_is_found():
    assert len(wrong_fences([*FINE, Held("calls", 4, 20, 21)], ["door"])) == 1
    assert len(wrong_fences([*FINE, Held("door", 3, 2, 3)], ["door"])) == 1
    assert fenced_back([1, 4, 3]) != []


def test_a_patch_that_is_lost_is_found():
    values = {"a": {"x": 1}, "n": 7}
    assert len(lost([("a", "x"), ("a", "y"), ("b", "x"), ("n", "x")], values)) == 3


def test_what_a_watcher_missed_or_heard_twice_is_found():
    assert misheard([7, 9], 9) == ["1 changes were missed"]
    assert misheard([7, 8, 8, 9], 9) == ["1 changes were told twice, or late"]
    assert len(misheard([7, 8], 9)) == 1
    assert len(misheard([], 9)) == 1


def test_one_admitted_too_many_is_found():
    fine = [Admitted(at, at + 0.1) for at in (0, 0.3, 1.0, 1.3, 2.0)]
    assert over_windows(fine, limit=2, per_s=1) == []
    assert len(over_windows([*fine, Admitted(0.5, 0.6)], limit=2, per_s=1)) == 3
    unsure = Admitted(2.25, 2.4)  # it may have been behind the end of the stretch
    assert over_windows([*fine, unsure], limit=2, per_s=1) == []
