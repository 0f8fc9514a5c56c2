"""A list that was cut is taken up at its item, never inside of it or of its number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken.log.listing import ITEM_CHARS_MAX, items
from unbroken.log.segments import sentences
from unbroken.recovery.plan import split

ROMANS = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"]
WORDS = st.text("abcdefg", min_size=2, max_size=6)
SAID = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
MARKS = {
    "numbers": lambda k: f"{k + 1}. ",
    "brackets": lambda k: f"({k + 1}) ",
    "half of one": lambda k: f"{k + 1}) ",
    "letters": lambda k: f"{'abcdefgh'[k]}) ",
    "bullets": lambda _: "• ",
    "bold": lambda k: f"**{k + 1}.** ",
    "romans": lambda k: f"{ROMANS[k]}. ",
}


@given(
    st.sampled_from(sorted(MARKS)),
    st.lists(SAID, min_size=2, max_size=8),
    st.sampled_from([" ", ", ", ". ", "; ", "\n", ". Well. "]),
    st.data(),
)
def test_wherever_it_is_cut_it_goes_on_at_an_item(kind, said, between, data):
    parts = [MARKS[kind](k) + text for k, text in enumerate(said)]
    begins = [len("Do this: " + between.join([*parts[:k], ""])) for k in range(len(parts))]
    whole = "Do this: " + between.join(parts) + "."
    place = data.draw(st.integers(begins[0] + 1, len(whole) - 1))
    heard, unheard, _ = split(whole, whole[:place])
    at = len(whole) - len(unheard)
    assert at in begins
    is_heard_whole = at > len(heard)
    assert is_heard_whole or at == max(begin for begin in begins if begin <= len(heard))


@pytest.mark.parametrize(
    "parts",
    [
        ["You need", "(1) milk,", "(2) eggs, and", "(3) bread.", "Anything else?"],
        ["Do this:", "1. Go.", "2. Stay."],
        ["1. Go in. It may be stuck.", "2. Wait there.", "Then I will call you."],
        ["一、牛奶", "二、鸡蛋", "三、面包。"],
        ["3. Stay.", "4. Go."],  # the rest of one that was cut before
    ],
)
def test_each_item_is_a_part(parts):
    assert sentences(" ".join(parts)) == parts


def test_a_list_in_a_list_has_items_of_its_own():
    text = "Order:\n1. Tea\n   - black\n   - green\n2. Coffee"
    assert sentences(text) == ["Order:", "1. Tea", "- black", "- green", "2. Coffee"]


@pytest.mark.parametrize(
    "text",
    [
        "I have 3. You have 4. Good.",
        "There are 1. Then there are 2 of them.",
        "My code is 4 - 5 - 6.",
        "It is a. And b is none.",
        "At 5: we open. At 7: we close.",
        "",
        "•",
        "1. 1. 1.",
    ],
)
def test_what_only_looks_like_a_number_of_a_list_is_none(text):
    assert items(text) == []


def test_a_very_long_item_is_taken_up_at_one_of_its_sentences():
    sentence = "It is open all day. "
    text = "1. " + sentence * (ITEM_CHARS_MAX // len(sentence) + 1) + "2. Go."
    assert sentences(text)[:2] == ["1. It is open all day.", "It is open all day."]
    assert sentences(text)[-1] == "2. Go."
