"""The assistant as it comes: its own worker and the embedded model. Structure, not wording."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.caller import Caller
from tests.e2e.house import ROOT, House

pytestmark = pytest.mark.e2e


@pytest.fixture
def llm_url() -> Iterator[str]:
    command = [sys.executable, "-m", "agents.llm_server"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with server.stdout:
        yield server.stdout.readline().strip()
        server.terminate()
        server.wait(60)


async def test_the_embedded_model_talks_and_keeps_a_note(llm_url, voice, tmp_path):
    with House(tmp_path, "agents.worker", UNBROKEN_LLM_URL=llm_url) as house:
        room = house.create_room("local")
        async with Caller.join(room["url"], room["token"], voice) as caller:
            await caller.hear(after=0.0)
            asked = await caller.say("What is the capital of France?")
            await caller.hear(after=asked)
            asked = await caller.say("Please keep a note: buy milk and bread.")
            await caller.hear(after=asked)
            found = await house.messages(room["conversation_id"], count=5)
        entries = await house.shipped(room)
    assert [m["role"] for m in found[:4]] == ["assistant", "user", "assistant", "user"]
    assert all(m["content"].strip() for m in found)
    assert all(m["metrics"]["llm_node_ttft"] > 0 for m in found[2:3])
    tools = [e["payload"] for e in entries if e["kind"] == "tool_ended"]
    assert [tool["status"] for tool in tools] == ["done"]
    (changed,) = [e["payload"] for e in entries if e["kind"] == "userdata_changed"][1:2]
    assert "milk" in str(changed).lower()
