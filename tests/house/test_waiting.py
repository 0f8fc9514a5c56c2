"""A wait of the tests that ends in vain says what was there instead."""

import pytest

from tests.e2e.waiting import until


class Light:
    def __init__(self, colour: str) -> None:
        self.colour = colour

    def seen(self) -> str:
        return f"the light is {self.colour}"

    def is_green(self) -> bool:
        return self.colour == "green"


class Dark:
    def seen(self) -> str:
        raise ConnectionError("nobody answers")


async def test_a_wait_in_vain_says_what_was_asked_and_what_was_seen():
    light, dark = Light("red"), Dark()
    with pytest.raises(
        TimeoutError, match=r"(?s)light\.is_green.*(is red.*nobody answers|nobody answers.*is red)"
    ):
        await until(lambda: light.is_green() and dark, within_s=0.05)
    with pytest.raises(TimeoutError, match="the light is red"):
        await until(light.is_green, within_s=0.05)


async def test_a_wait_gives_what_came():
    assert await until(lambda: "it") == "it"
