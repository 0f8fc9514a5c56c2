"""What the tests of the assistant share: its models, loaded once, and the local model's server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit.agents import inference

from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def voice() -> HibariTTS:
    return HibariTTS()


@pytest.fixture(scope="session")
def ears() -> MoonshineSTT:
    return MoonshineSTT(voice_activity=inference.VAD(min_silence_duration=0.3))


@pytest.fixture(scope="session")
def llm_url() -> Iterator[str]:
    """The base URL of `python -m agents.llm_server`, as it prints it."""
    server = subprocess.Popen(
        [sys.executable, "-m", "agents.llm_server"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    with server.stdout:
        yield server.stdout.readline().strip()
        server.terminate()
        assert server.wait(60) == 0
