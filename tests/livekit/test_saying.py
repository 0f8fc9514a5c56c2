"""A text is said by whatever a session can speak with."""

import pytest

from unbroken.livekit.saying import GO_ON, by_voice_or_model


def refuses(*_, **__):
    raise RuntimeError("trying to generate speech from text without a TTS model")


def telling(*given, **more):
    return given, more


def test_a_voice_says_it():
    said = by_voice_or_model(telling, refuses, "Hello.", of_say={"add_to_chat_ctx": False})
    assert said == (("Hello.",), {"add_to_chat_ctx": False})


def test_a_model_is_told_it_where_there_is_no_voice():
    asked = by_voice_or_model(refuses, telling, "Hello.", of_reply={"tool_choice": "none"})
    assert asked == ((), {"tool_choice": "none", "instructions": GO_ON.format(text="Hello.")})


def test_who_asks_is_told_where_nothing_can_speak():
    with pytest.raises(RuntimeError):
        by_voice_or_model(refuses, refuses, "Hello.")
