"""What the application's dispatch said reaches every successor, ours beside it under one key."""

import json
from uuid import UUID

import pytest

from unbroken.dispatch import (
    KEPT_BYTES_MAX,
    TEXT_BYTES_MAX,
    Pointer,
    Said,
    is_kept,
    of_application,
    pointer_in,
    with_pointer,
)

POINTER = Pointer(UUID(int=1), 2, UUID(int=3))
OURS = {"session_id": str(UUID(int=1)), "after_term": 2, "conversation_id": str(UUID(int=3))}
OBJECTS = [
    '{"customer": "c-17", "phone_number": "+15550100"}',
    ' {"a":{"b":[1,2,{"c":"}"}]}}\n',
    '{"amount": 1.10, "big": 123456789012345678901234567890, "e": 1E400}',
    '{"name":"\\ud83d\\ude00 \\u00e9 é"}',
    '{"a":1,"a":2}',
]
TEXTS = [
    "customer 17",
    "[1, 2]",
    '"text"',
    "7",
    "{",
    "{broken}",
    '{"a":NaN}',
    "null",
    "  x ",
    "\x00é",
]


@pytest.mark.parametrize("text", OBJECTS)
def test_ours_is_one_more_member_of_an_object(text):
    said = with_pointer(Said(text, {"tier": "gold"}), POINTER)
    assert said.metadata.startswith(text.strip()[:-1])
    assert json.loads(said.metadata) == json.loads(text) | {"unbroken": OURS}
    assert said.attributes == {"tier": "gold"}
    assert pointer_in(said) == OURS
    assert of_application(said) == Said(text.strip(), {"tier": "gold"})


@pytest.mark.parametrize("text", ["", "  ", "{}", "{ }"])
def test_who_said_nothing_gets_an_object_of_ours_alone(text):
    said = with_pointer(Said(text), POINTER)
    assert json.loads(said.metadata) == {"unbroken": OURS}
    assert pointer_in(said) == OURS
    assert of_application(said) == Said("")


@pytest.mark.parametrize("text", TEXTS)
def test_any_other_text_stays_exactly_as_it_was(text):
    said = with_pointer(Said(text, {"tier": "gold"}), POINTER)
    assert said.metadata == text
    assert json.loads(said.attributes["unbroken"]) == OURS
    assert said.attributes["tier"] == "gold"
    assert pointer_in(said) == OURS
    assert of_application(said) == Said(text, {"tier": "gold"})


def test_a_second_successor_gets_the_same_words():
    first = Said('{"customer":"c-17"}')
    again = Pointer(UUID(int=1), 3, UUID(int=3))
    second = with_pointer(of_application(with_pointer(first, POINTER)), again)
    assert json.loads(second.metadata)["customer"] == "c-17"
    assert pointer_in(second)["after_term"] == 3
    assert second.metadata.count("unbroken") == 1


def test_an_object_that_leaves_no_room_stays_as_it_was():
    text = json.dumps({"a": "x" * (TEXT_BYTES_MAX - 20)})
    said = with_pointer(Said(text), POINTER)
    assert said.metadata == text
    assert pointer_in(said) == OURS


def test_what_earlier_versions_wrote_is_understood():
    assert pointer_in(Said(json.dumps(OURS))) == OURS


def test_the_application_may_name_a_conversation_but_its_session_id_is_its_own():
    said = Said(json.dumps({"conversation_id": "c", "session_id": str(UUID(int=9))}))
    assert pointer_in(said) == {"conversation_id": "c"}


@pytest.mark.parametrize("text", [*TEXTS, "", '{"unbroken": 7}', "[" * 100_000])
def test_what_is_not_ours_points_nowhere(text):
    assert pointer_in(Said(text, {"unbroken": "x"})) == {}


def test_what_is_kept_with_a_session_has_a_bound():
    assert is_kept(Said("x" * KEPT_BYTES_MAX))
    assert not is_kept(Said("x" * KEPT_BYTES_MAX, {"a": "b"}))
    assert not is_kept(Said("é" * KEPT_BYTES_MAX))
