"""What agents of one room read of what all of them said."""

import httpx
import pytest

from unbroken.coordination.transcript import RemoteTranscript
from unbroken.env import Host
from unbroken.errors import ArchiveUnavailable, NotFound

ENV = Host()


@pytest.fixture
async def transcript(url):
    remote = RemoteTranscript(url, ENV)
    yield remote
    await remote.aclose()


async def saved(url, room, user, assistant):
    said = {"room_name": room, "user_message": user, "assistant_message": assistant}
    said["participant_identity"] = "ann"
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as http:
        answer = await http.post("/conversations/save-turn", json=said)
        answer.raise_for_status()
        return answer.json()["conversation_id"]


async def test_it_is_read_in_the_order_in_which_it_was_heard(url, transcript):
    room = f"hall {ENV.new_id()}"
    for n in range(3):
        conversation_id = await saved(url, room, f"question {n}", f"answer {n}")
    found = await transcript.lines(conversation_id, 4)
    assert [(line.role, line.content, line.agent, line.speaker) for line in found] == [
        ("user", "question 1", "saved", "ann"),
        ("assistant", "answer 1", "saved", None),
        ("user", "question 2", "saved", "ann"),
        ("assistant", "answer 2", "saved", None),
    ]
    assert len(await transcript.lines(conversation_id, 1_000)) == 6


async def test_a_conversation_that_is_none_is_not_found(transcript):
    with pytest.raises(NotFound):
        await transcript.lines(str(ENV.new_id()), 4)


async def test_without_the_service_nothing_is_read():
    transcript = RemoteTranscript("http://127.0.0.1:9", ENV)
    with pytest.raises(ArchiveUnavailable):
        await transcript.lines(str(ENV.new_id()), 4)
    await transcript.aclose()
