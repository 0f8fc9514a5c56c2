"""Who is a person, by LiveKit's own names of both of its enumerations."""

import pytest
from livekit import rtc
from livekit.protocol.models import ParticipantInfo

from unbroken.people import is_person

PEOPLE = {"STANDARD", "SIP", "CONNECTOR"}


@pytest.mark.parametrize("kind", ParticipantInfo.Kind.keys())
def test_of_the_server_api(kind):
    assert is_person(kind) == (kind in PEOPLE)


@pytest.mark.parametrize("kind", rtc.ParticipantKind.keys())
def test_of_the_client_sdk_and_in_the_log(kind):
    name = kind.removeprefix("PARTICIPANT_KIND_")
    assert is_person(kind) == is_person(name.lower()) == (name in PEOPLE)
