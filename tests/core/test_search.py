"""What a question asks for, and the part of a line that answers it."""

import pytest

from unbroken.store.search import LENGTH, TERMS_MAX, excerpt, indexed, terms_of


def shown(text: str, question: str) -> str:
    """The excerpt, with [what was asked for]."""
    pieces = excerpt(text, terms_of(question))
    return "".join(f"[{p.text}]" if p.is_match else p.text for p in pieces)


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("A Table, please!", ["a", "table", "please"]),
        ("refund refund", ["refund"]),
        ("C++", ["c + +"]),
        ("twenty-five", ["twenty five"]),
        ("预订", ["预 订"]),
        ("+49 (170) 123-45", ["4917012345"]),
        ("at 4 30", ["at", "4", "30"]),
        ("👍", ["👍"]),
        ("", []),
        (" ", []),
    ],
)
def test_a_question_is_its_terms(question, terms):
    assert terms_of(question) == terms


def test_so_many_terms_and_no_more_are_looked_for():
    assert len(terms_of(" ".join(map(str, range(100, 200))) + " a")) == TERMS_MAX


@pytest.mark.parametrize(
    ("text", "question", "found"),
    [
        ("I want a Refund, now.", "refund", "I want a [Refund,] now."),
        ("un café crème", "cafe", "un [café] crème"),
        ("Of course, 我想预订桌子", "预订", "Of course, [我想预订桌子]"),
        ("hello there", "the", "hello [there]"),
        ("hello there", "nothing", "hello there"),
        ("", "nothing", ""),
        ("one, two and one", "two one", "[one,] [two] and [one]"),
    ],
)
def test_what_was_asked_for_is_marked(text, question, found):
    assert shown(text, question) == found


def test_an_excerpt_is_short_and_around_what_was_found():
    said = shown("word " * 500 + "needle " + "word " * 500, "needle")
    assert said.startswith("…word")
    assert "[needle]" in said
    assert said.endswith("…")
    assert len(said) < LENGTH + 10


@pytest.mark.parametrize("text", ["x" * 100_000, "\ufffd" * 5_000, "é" * 9_000, "预" * 9_000])
def test_odd_lines_have_an_excerpt_too(text):
    assert len(shown(text, "needle")) <= LENGTH + 2
    assert indexed(text)
