"""Agents in the shapes of public examples, each killed at its nastiest point."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from tests.e2e.house import House, standing_house
from tests.e2e.shapes.all import SHAPES
from tests.e2e.shapes.drive import Drive, Outcome
from tests.e2e.shapes.seen import PARTS
from tests.e2e.shapes.shape import Shape

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_500)]

AT_ONCE = 4


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory) -> Iterator[dict[str, Outcome | BaseException]]:
    """All that were asked for, several calls at once, in one house."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "state").mkdir()
    mine = [item for item in request.session.items if item.path == request.node.path]
    names = {item.callspec.params["name"] for item in mine}
    variables = {"UNBROKEN_TEST_STATE": str(folder / "state")}
    with standing_house(folder, "tests.e2e.shapes_worker", [], **variables) as house:
        yield asyncio.run(drive(house, [SHAPES[name] for name in SHAPES if name in names]))


async def drive(house: House, shapes: list[Shape]) -> dict[str, Outcome | BaseException]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(shape: Shape) -> Outcome:
        async with turns:
            return await Drive(house, shape).run()

    found = await asyncio.gather(*map(one, shapes), return_exceptions=True)
    return {shape.name: outcome for shape, outcome in zip(shapes, found, strict=True)}


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_goes_on_as_a_person_expects(name, outcomes):
    shape, outcome = SHAPES[name], outcomes[name]
    if isinstance(outcome, BaseException):
        raise outcome
    print(outcome)
    if not shape.goes_on:
        assert outcome.successors == 0
        return
    assert outcome.successors == 1
    assert_back(outcome)
    assert_said(shape, outcome)


def assert_back(outcome: Outcome) -> None:
    """Everything that the old agent had, and a report that says so."""
    before, after = outcome.before, outcome.after
    assert {part: after[part] for part in PARTS} == {part: before[part] for part in PARTS}
    for items in ("history", "context"):
        assert after[items][: len(before[items])] == before[items]
    assert outcome.report
    assert {field: words for field, words in outcome.report.items() if words != "exact"} == {}


def assert_said(shape: Shape, outcome: Outcome) -> None:
    if shape.said:
        assert re.search(shape.said, outcome.said, re.IGNORECASE)
    else:
        assert outcome.said == ""
    for (_, wanted), answer in zip(shape.then, outcome.answers, strict=True):
        assert re.search(wanted, answer, re.IGNORECASE)
