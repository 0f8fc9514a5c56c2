"""Texts are cut between sentences, between words, and never inside a character."""

import pytest

from unbroken.log.segments import ends_sentence, sentences, whole_words

FAMILY = "👩\u200d👩\u200d👧\u200d👦"


@pytest.mark.parametrize(
    "parts",
    [
        ["It is open.", "Come in!", "Will you?", "Yes."],
        ["Dr. Smith is here.", "He waits."],
        ["Mr. and Mrs. J. R. Smith live at St. Mary St. in the U.S.", "They like it."],
        ["It costs 3.5 euros.", "Or 4."],
        ["1. First, do this.", "2. Then that."],
        ["I have 3.", "You have 4.", "Good."],
        ["Call 555. 0199. 22.", "Now."],
        ["Wir sehen uns am 12. März.", "Gut."],
        ["Step 1. Open the door.", "Step 2. Turn left."],
        ["Use e.g. Milk.", "And eggs."],
        ["Room No. 5.", "It is Jan. 5.", "Ok."],
        ["At 5 p.m. we close.", "See you."],
        ['He said "Stop."', "Then he left."],
        ["Wait… what?", "I see…", "OK!"],
        ["Well...", "Then go."],
        ["See www.example.com for more.", "Bye."],
        ["z. B. Milch.", "Und Eier."],
        ["नमस्ते।", "आप कैसे हैं?", "ठीक।"],
        ["مرحبا؟", "كيف حالك؟", "بخير."],
        [f"{FAMILY} fam.", "👍🏽!", "Yes.", "👍🏽 Done.", "No"],
    ],
)
def test_sentences_end_where_people_end_them(parts):
    assert sentences(" ".join(parts)) == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["我们早上九点开门。", "下午五点关门\uff01", "好吗\uff1f", "是的"],
        ["朝九時に開店します。", "日曜日はお休みです。"],
        ["你好!", "我是小王。"],
    ],
)
def test_where_no_space_stands_between_them_too(parts):
    assert sentences("".join(parts)) == parts


def test_thai_has_a_space_where_others_have_a_mark():
    parts = ["เราเปิดเก้าโมงเช้า", "และปิดห้าโมงเย็น"]
    assert sentences(" ".join(parts)) == parts


def test_a_line_is_a_sentence():
    assert sentences("Plan.\n1. One.\n2. Two") == ["Plan.", "1. One.", "2. Two"]


@pytest.mark.parametrize("mark", ".!?…。！？।؟۔")  # noqa: RUF001
def test_every_script_has_its_marks(mark):
    assert ends_sentence(f"so{mark} ")
    assert not ends_sentence(f"so{mark} more")


@pytest.mark.parametrize(
    ("text", "place", "whole"),
    [
        ("one two", 5, "one "),
        ("one two", 3, "one"),
        ("one two", 7, "one two"),
        ("one", 2, ""),
        ("x" * 80, 40, "x" * 40),  # no word is that long
        ("我们早上九点开门", 3, "我们"),
        ("朝九時に開店します", 5, "朝九時に"),
        ("เราเปิดเก้าโมงเช้า", 6, "เรา"),
        ("twenty-five men", 9, ""),
        ("you're it", 5, ""),
        ("go to a/b now", 8, "go to "),
        ("it costs 3.5 euros", 11, "it costs "),
        ("Hello, there", 5, "Hello"),
        ("नमस्ते आप", 3, ""),
        (f"so {FAMILY} fam", 6, "so "),
        ("x" * 39 + FAMILY + "x" * 40, 42, "x" * 39),
        ("ok 👍🏽 then", 4, "ok "),
    ],
)
def test_no_word_and_no_character_is_cut(text, place, whole):
    assert whole_words(text, place) == whole


def test_every_cut_of_a_long_text_is_a_beginning_of_it():
    text = ("We open at nine. 我们早上九点开门。 เราเปิดเก้าโมงเช้า " + FAMILY) * 20
    cuts = [whole_words(text, place) for place in range(0, len(text), 7)]
    assert all(text.startswith(cut) for cut in cuts)
    assert [len(cut) for cut in cuts] == sorted(len(cut) for cut in cuts)
