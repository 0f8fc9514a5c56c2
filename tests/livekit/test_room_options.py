"""What an application says of its room holds, in LiveKit's new words and in its older ones."""

from types import SimpleNamespace

import pytest
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.room_io import (
    AudioInputOptions,
    RoomInputOptions,
    RoomOptions,
    RoomOutputOptions,
)

from unbroken.errors import InvalidInput
from unbroken.livekit.speech.speech import Spoken
from unbroken.livekit.starting import options_of, with_defaults

HEARD = []


def started(**options):
    """What AgentSession.start is given."""
    room = SimpleNamespace()
    return with_defaults(
        options_of(options, room), lambda to: Spoken(heard=HEARD.append, next_in_chain=to)
    )


def test_where_nothing_is_said_the_session_stays_open_and_the_prompt_is_nobodys():
    given = started()
    wanted = given["room_options"]
    assert (wanted.close_on_disconnect, given["session_host"]) == (False, False)
    assert isinstance(wanted.get_text_output_options().next_in_chain, Spoken)


def test_room_options_are_taken_as_they_are_and_not_changed():
    mine = RoomOptions(text_input=False, participant_identity="ann")
    wanted = started(room_options=mine, record=False)["room_options"]
    assert wanted.get_text_input_options() is None
    assert (wanted.participant_identity, wanted.close_on_disconnect) == ("ann", True)
    assert not mine.text_output


def test_older_input_options_say_the_same():
    older = RoomInputOptions(
        text_enabled=False,
        video_enabled=True,
        audio_sample_rate=16_000,
        participant_identity="ann",
        participant_kinds=[rtc.ParticipantKind.PARTICIPANT_KIND_SIP],
        close_on_disconnect=False,
        delete_room_on_close=True,
    )
    given = started(room_input_options=older)
    wanted = given["room_options"]
    assert "room_input_options" not in given
    assert wanted.get_text_input_options() is None
    assert wanted.get_video_input_options() is not None
    assert isinstance(wanted.audio_input, AudioInputOptions)
    assert wanted.audio_input.sample_rate == 16_000
    assert (wanted.participant_identity, wanted.participant_kinds) == ("ann", [3])
    assert (wanted.close_on_disconnect, wanted.delete_room_on_close) == (False, True)
    assert isinstance(wanted.get_text_output_options().next_in_chain, Spoken)


def test_older_input_options_close_with_the_person_as_livekit_has_it():
    older = RoomInputOptions(audio_enabled=False)
    wanted = started(room_input_options=older)["room_options"]
    assert wanted.close_on_disconnect
    assert wanted.get_audio_input_options() is None


def test_older_output_options_switch_the_transcript_off_and_say_nothing_of_the_person():
    older = RoomOutputOptions(transcription_enabled=False, audio_enabled=False)
    given = started(room_output_options=older)
    wanted = given["room_options"]
    assert "room_output_options" not in given
    assert wanted.get_text_output_options() is None
    assert wanted.get_audio_output_options() is None
    assert not wanted.close_on_disconnect


def test_new_options_count_where_both_are_given():
    wanted = started(
        room_options=RoomOptions(text_input=True),
        room_input_options=RoomInputOptions(text_enabled=False),
    )["room_options"]
    assert wanted.get_text_input_options() is not None


@pytest.mark.parametrize(
    "wrong",
    [{"room_options": RoomInputOptions()}, {"room_input_options": RoomOptions()}],
    ids=["older as new", "new as older"],
)
def test_options_of_another_kind_are_refused_before_anything_begins(wrong):
    with pytest.raises(InvalidInput, match="not Room"):
        options_of(wrong, SimpleNamespace())


def test_a_start_that_somebody_has_wrapped_takes_what_it_took(monkeypatch):
    async def wrapper(self, *args, **kwargs):
        """As instrumentation does it."""

    monkeypatch.setattr(AgentSession, "start", wrapper)
    wanted = started(room_input_options=RoomInputOptions(text_enabled=False))["room_options"]
    assert wanted.get_text_input_options() is None
