"""An agent that speaks by a realtime model, killed in the middle of an answer in a real room."""

import re

import pytest

from tests.e2e.house import standing_house
from tests.e2e.shapes.drive import Drive
from tests.e2e.shapes.realtime import REALTIME
from tests.e2e.shapes.seen import PARTS
from unbroken.livekit.restore.restore import NEVER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_the_successor_says_the_rest_by_the_model_and_names_its_audio(tmp_path):
    (tmp_path / "state").mkdir()
    variables = {"UNBROKEN_TEST_STATE": str(tmp_path / "state")}
    with standing_house(tmp_path, "tests.e2e.shapes_worker", [], **variables) as house:
        outcome = await Drive(house, REALTIME).run()
    before, after = outcome.before, outcome.after
    assert outcome.successors == 1
    assert {part: after[part] for part in PARTS} == {part: before[part] for part in PARTS}
    for items in ("history", "context"):
        assert after[items][: len(before[items])] == before[items]
    named = {field: words for field, words in outcome.report.items() if words != "exact"}
    assert named == NEVER
    assert re.search(REALTIME.said, outcome.said)
    assert [line for line in after["history"] if line[2:] == ["user", REALTIME.last]]
    assert REALTIME.then[0][1] in outcome.answers[0]
