"""Which texts have the same words, in many scripts."""
# ruff: noqa: RUF001 - letters that look like others are what is tested

import pytest

from unbroken.log.words import COMPARED_CHARS_MAX, alike, begins, words

SAME = [
    ("Yes.", "yes"),
    ("  Well,   then!", "well then"),
    ("**Really** _good_", "Really good"),
    ("# Today\n- rain\n- sun", "Today: rain, sun"),
    ("don't", "don’t"),
    ("1.5", "1 5"),
    ("A well-known place", "a well known place"),
    ("Straße", "STRASSE"),
    ("e\u0301te\u0301", "été"),
    ("2 * 3", "2*3"),
    ("C++", "c + +"),
    ("❤️", "❤"),
    ("हाँ, ठीक है।", "हाँ ठीक है"),
    ("مَرْحَبًا بك", "مرحبا بك"),
    ("مكّة", "مَكَّة"),
    ("مـــرحبا", "مرحبا"),
    ("שָׁלוֹם", "שלום"),
    ("今日は晴れです。", "今日 は 晴れ です"),
    ("สวัสดี ครับ", "สวัสดีครับ"),
    ("می\u200cخواهم", "می خواهم"),
    ("abc\u202edef\u202c", "abcdef"),
    ("...", "…"),
    ("", "  "),
]
DIFFERENT = [
    ("👍", "👎"),
    ("👍", "👍👍"),
    ("…", "❤️"),
    ("?", "!"),
    ("🇩🇪", "🇫🇷"),
    ("👍🏻", "👍🏿"),
    ("की", "का"),
    ("हाँ", "हूँ"),
    ("มา", "มี่"),
    ("كَتَبَ", "كُتُب"),
    ("שָׁלוֹם", "שִׁלּוּם"),
    ("C", "C++"),
    ("C", "C#"),
    ("-5", "+5"),
    ("−5", "5"),
    ("-$5", "$5"),
    ("5 - 3", "5 + 3"),
    ("2*3", "2 3"),
    ("1/2", "1 2"),
    ("50%", "50"),
    ("$5", "€5"),
    ("1.5", "15"),
    ("resume", "résumé"),
    ("every day", "everyday"),
    ("OK", "OK, let me see"),
    ("x²", "x2"),
    ("5 > 3", "5 < 3"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_they_are_the_same_words(role, a, b):
    assert alike(role, words(a), words(b))
    assert words(a).key == words(b).key


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_they_are_different_words(role, a, b):
    assert not alike(role, words(a), words(b))


@pytest.mark.parametrize("text", [text for pair in (*SAME, *DIFFERENT) for text in pair])
def test_a_text_has_its_own_words(text):
    assert alike("user", words(text), words(text.upper() if text.isascii() else text))


def test_an_assistants_pictures_are_not_heard():
    written, heard, other = words("Sure 😀"), words("Sure."), words("Sure 😡")
    assert alike("assistant", written, heard)
    assert alike("assistant", heard, written)
    assert not alike("assistant", written, other)
    assert not alike("user", written, heard)
    assert not alike("assistant", words("😀"), words("..."))


def test_a_beginning_has_words():
    assert begins(words("It is sunny"), words("It is sunny, and dry."))
    assert begins(words("It is sunny."), words("it is sunny"))
    assert not begins(words("It is dry"), words("It is sunny"))
    assert not begins(words("..."), words("It is sunny"))


def test_the_end_of_a_long_text_counts():
    long = "word " * COMPARED_CHARS_MAX
    assert alike("user", words(long + "one"), words(long.upper() + " ONE"))
    assert not alike("user", words(long + "one"), words(long + "two"))
