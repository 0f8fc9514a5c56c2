"""The difference of two values leads from one to the other, and is not longer than it must be."""

from copy import deepcopy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.log.changes import Change, changed, diff

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "", "a"]),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text("ab", max_size=1), parts),
    max_leaves=12,
)


@given(JSON, JSON)
def test_changes_lead_from_one_value_to_the_other(before, now):
    found = msgspec.json.decode(msgspec.json.encode(list(diff(before, now))), type=list[Change])
    assert msgspec.json.encode(changed(deepcopy(before), found), order="sorted") == (
        msgspec.json.encode(now, order="sorted")
    )


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [Change(("b",), 3)]),
        ({"a": 1, "b": None}, {"a": None}, [Change(("b",), is_gone=True), Change(("a",), None)]),
        ({"a": {"b": [1, 2], "c": 1}}, {"a": {"b": [1, 2, 3], "c": 1}},
         [Change(("a", "b"), [3], keep=2)]),
        ({"a": [1, 2, 3]}, {"a": [1]}, [Change(("a",), [], keep=1)]),
        ({"a": 1}, {"a": True}, [Change(("a",), True)]),
        ([{"a": 1}], [{"a": 1.0}], [Change((), [{"a": 1.0}])]),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, [1], [Change((), [1])]),
    ],
)  # fmt: skip
def test_only_what_differs_is_a_change(before, now, changes):
    assert list(diff(before, now)) == changes


def test_a_change_to_a_place_that_is_not_there_makes_the_place():
    assert changed(None, [Change(("a", "b"), 1)]) == {"a": {"b": 1}}
    assert changed({"a": 3}, [Change(("a",), [1], keep=5)]) == {"a": [1]}
    assert changed({}, [Change(("a", "b"), is_gone=True)]) == {"a": {}}
