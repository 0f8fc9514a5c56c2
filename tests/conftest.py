"""The house for the tests that talk: real parts, a scripted model, a person with a voice."""

import json
import os
from collections.abc import Iterator

import pytest

from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from tests.e2e.house import House, livekit_server

RULES = [
    ["story", "Once there was a lighthouse. " + "The light went round and round all night. " * 6],
    ["note", {"tool": "keep_note", "arguments": {"note": "{heard}"}}],
    ["", "I heard {heard}"],
]


@pytest.fixture(scope="session")
def voice() -> HibariTTS:
    return HibariTTS()


@pytest.fixture(scope="session")
def ears() -> MoonshineSTT:
    return MoonshineSTT()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests: each has a room of its own, and leaves all parts running."""
    if livekit_server() is None:
        missing = "no livekit-server: run `make test`, which builds it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("house")
    (rules := folder / "rules.json").write_text(json.dumps(RULES))
    worker = "tests.agents.scripted_worker"
    with House(folder, worker, UNBROKEN_TEST_RULES=str(rules)) as standing:
        yield standing
