"""Payloads: canonical, and whatever comes from outside, an entry."""

import json

from hypothesis import given
from hypothesis import strategies as st

from unbroken.log import entries
from unbroken.log.entries import ALTERED, KINDS, ItemPut, Noted, Unknown, decode, encode, plain

JSONISH = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_the_bytes_do_not_depend_on_the_order_of_keys():
    assert encode(Noted("a", {"x": 1, "b": 2})) == encode(Noted("a", {"b": 2, "x": 1}))


def test_a_kind_stands_for_one_payload():
    assert len(set(KINDS.values())) == len(KINDS)


@given(JSONISH)
def test_every_value_becomes_canonical_json(value):
    data, flags = encode(Noted("x", value))
    assert json.loads(data)["name"] == "x"
    again = decode("note", data)
    assert isinstance(again, Noted)
    assert encode(again)[0] == data
    assert flags in (0, ALTERED)


def test_what_json_cannot_say_is_replaced_and_flagged():
    data, flags = encode(Noted("x", {"lone \ud800": object}))
    assert flags == ALTERED
    assert "\ufffd" in json.loads(data)["data"].popitem()[0]


def test_nesting_without_end_is_cut():
    deep: list = []
    for _ in range(20_000):
        deep = [deep]
    data, flags = encode(Noted("x", deep))
    assert flags == ALTERED
    assert len(data) < 1_000


def test_what_is_no_number_becomes_null():
    assert json.loads(encode(Noted("x", [float("nan"), float("inf")]))[0])["data"] == [None, None]


def test_numbers_too_large_for_others_are_kept_as_text():
    assert plain(1 << 80) == str(1 << 80)


def test_unknown_kinds_and_forms_are_kept_as_they_are():
    assert decode("of_the_future", b"{}") == Unknown("of_the_future", b"{}")
    assert isinstance(decode("item", b'{"item": {"no": "id"}}'), Unknown)
    assert isinstance(decode("item", b"not json"), Unknown)
    assert isinstance(decode("context", b'{"agent":"a","keep":-1,"then":[]}'), Unknown)


def test_from_is_called_from_on_the_wire():
    data, _ = encode(ItemPut({"id": "i"}, from_="anna"))
    assert json.loads(data)["from"] == "anna"
    flagged, _ = encode(ItemPut({"id": "i", "text": "\ud800"}, from_="anna"))
    assert json.loads(flagged)["from"] == "anna"
    assert entries.decode("item", flagged).from_ == "anna"
