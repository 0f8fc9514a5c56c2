"""A shape that says something while it looks something up."""

from livekit.agents import Agent, function_tool

from tests.agents.scripted import ScriptedLLM
from tests.e2e.shapes.shape import Shape, speaking

PREAMBLE = "Let me look that up for you, one moment please, it takes a little while. "
PRICE = "It costs ten euros."
PRICE_RULES = (("price", {"tool": "price", "arguments": {}}), ("", "You said {heard}."))


class Shop(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Sell.")

    @function_tool
    async def price(self) -> str:
        """The price."""
        return PRICE


PREAMBLED = Shape(
    name="preamble",
    what="says that it looks something up, and does so meanwhile",
    first=Shop,
    session=lambda: {"llm": ScriptedLLM(PRICE_RULES, preamble=PREAMBLE)},
    last="What is the price?",
    killed="while it says so",
    at=speaking("Let me look"),
    back="what the tool had returned meanwhile, not called again",
    told="the answer",
    said=rf"^{PRICE}$",
    then=(("Thank you.", "You said thank you"),),
)
