"""The house for the tests that talk: real parts, a scripted model, a person with a voice."""

from collections.abc import Iterator

import pytest

from agents.speech.hibari import HibariTTS
from agents.speech.moonshine import MoonshineSTT
from tests.e2e.house import House, standing_house
from unbroken.live.live import by_room

RULES = [
    ["story", "Once there was a lighthouse. " + "The light went round and round all night. " * 6],
    ["note", {"tool": "keep_note", "arguments": {"note": "{heard}"}}],
    ["book|table", {"tool": "book_table", "arguments": {"request": "{heard}"}}],
    ["yes, please", {"tool": "confirm_booking"}],
    ["", "I heard {heard}"],
]


@pytest.fixture(autouse=True)
def _forget_rooms() -> Iterator[None]:
    """What a test that failed has left open is not another one's."""
    yield
    by_room._rooms.clear()


@pytest.fixture(scope="session")
def voice() -> HibariTTS:
    return HibariTTS()


@pytest.fixture(scope="session")
def ears() -> MoonshineSTT:
    return MoonshineSTT()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests: each has a room of its own, and leaves all parts running."""
    folder = tmp_path_factory.mktemp("house")
    with standing_house(folder, "tests.agents.scripted_worker", RULES, UNBROKEN_DEMO="1") as house:
        yield house
