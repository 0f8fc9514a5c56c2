"""Why a job ends: what LiveKit says, in the log's words."""

import pytest
from livekit import rtc
from livekit.agents import CloseEvent, CloseReason

from unbroken.livekit.leaving import Leaving
from unbroken.log.entries import Ended, ParticipantJoined, ParticipantLeft
from unbroken.log.session import Session


class Emitter(rtc.EventEmitter):
    pass


class Job:
    """What of a JobContext matters here."""

    def __init__(self) -> None:
        self.room = Emitter()
        self.reasons: list[str] = []

    def shutdown(self, reason: str) -> None:
        self.reasons.append(reason)


def in_call(*payloads) -> Session:
    session = Session()
    for payload in (ParticipantJoined("ann", "standard"), *payloads):
        session.apply(payload)
    return session


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def agent_session(job):
    return Emitter()


@pytest.fixture
def leaving(job, agent_session):
    leaving = Leaving(job)
    leaving.attach(agent_session)
    return leaving


def test_people_decide_whether_somebody_must_go_on(leaving):
    assert leaving.cause(in_call(), "") == "left"
    assert leaving.cause(in_call(ParticipantLeft("ann")), "") == "empty"
    assert leaving.cause(in_call(ParticipantJoined("bot", "agent")), "") == "left"
    assert leaving.cause(in_call(Ended("done")), "") == "ended"


def test_an_exception_of_the_application_is_named(leaving):
    assert leaving.cause(in_call(), "job crashed") == "entrypoint_failed"
    assert leaving.cause(in_call(ParticipantLeft("ann")), "job crashed") == "empty"


def test_a_session_that_livekit_closed_for_its_errors_ends_the_job(leaving, job, agent_session):
    agent_session.emit("close", CloseEvent(reason=CloseReason.USER_INITIATED))
    assert job.reasons == []
    agent_session.emit("close", CloseEvent(reason=CloseReason.ERROR))
    assert job.reasons == ["a provider is lost"]
    assert leaving.cause(in_call(), "a provider is lost") == "provider_lost"


def test_a_session_that_closed_with_its_person_ends_the_job(leaving, job, agent_session):
    agent_session.emit("close", CloseEvent(reason=CloseReason.PARTICIPANT_DISCONNECTED))
    assert job.reasons == ["the person is gone"]
    assert leaving.cause(in_call(ParticipantLeft("ann")), job.reasons[0]) == "empty"
    assert leaving.cause(in_call(), job.reasons[0]) == "left"  # somebody else is there


def test_an_orderly_end_of_the_server_is_no_hang_up(leaving, job):
    job.room.emit("disconnected", rtc.DisconnectReason.CLIENT_INITIATED)
    assert leaving.cause(in_call(), "") == "left"
    job.room.emit("disconnected", rtc.DisconnectReason.SERVER_SHUTDOWN)
    assert leaving.cause(in_call(), "") == "server_shutdown"
