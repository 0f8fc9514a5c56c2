"""What a name may be, and the nearest one to what may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unbroken import names
from unbroken.errors import InvalidInput

ANY = st.text(st.characters(), max_size=700)  # lone surrogates too
GOOD = ["a", "room 1", "a/b", "a\nb", "\U0001f600", "x" * 512, "user@example.org", "\u202e"]
BAD = ["x" * 513, "a\0b", "\0", "\ud800", "a\udfffb"]


@pytest.mark.parametrize("name", GOOD)
def test_what_livekit_takes_is_a_name(name):
    assert names.check("the room", name) == name
    assert names.fit(name) == name


@pytest.mark.parametrize("name", BAD)
def test_what_no_column_holds_is_none_and_the_refusal_says_what_and_why(name):
    with pytest.raises(InvalidInput, match=r"the room (is longer|holds)"):
        names.check("the room", name)
    assert names.check("the room", names.fit(name)) != name


def test_an_empty_name_is_one_only_where_there_may_be_none():
    with pytest.raises(InvalidInput, match="the role is empty"):
        names.check("the role", "")
    assert names.check("the agent's name", "", may_be_empty=True) == ""
    assert names.fit("") == ""


@pytest.mark.parametrize("name", [*BAD, "", "x" * 257, "a\nb", "\x7f"])
def test_a_new_name_is_one_that_can_be_read(name):
    with pytest.raises(InvalidInput):
        names.check_new("the room", name)


@given(ANY)
def test_the_nearest_name_may_always_be(name):
    nearest = names.fit(name)
    assert names.check("x", nearest, may_be_empty=not name) == nearest
    assert names.fit(nearest) == nearest


@given(ANY, ANY)
def test_two_names_stay_two(one, other):
    assert (names.fit(one) == names.fit(other)) == (one == other)


def test_two_long_names_that_begin_alike_stay_two():
    assert names.fit("x" * 600) != names.fit("x" * 601)
