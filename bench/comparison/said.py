"""What is said in a comparison: messages of real size, each with a name of its own."""

from bench.calls import SAID
from unbroken.log.entries import ItemPut

ROLES = ("user", "assistant")
PATTERN = {  # a chat item of LiveKit's, in its own JSON
    "type": "message",
    "interrupted": False,
    "extra": {},
    "metrics": {
        "started_speaking_at": 1_790_000_000.1, "stopped_speaking_at": 1_790_000_004.7,
        "llm_node_ttft": 0.4123, "tts_node_ttfb": 0.0712, "e2e_latency": 1.1021,
    },
    "created_at": 1_790_000_000.05,
}  # fmt: skip


def text(room: str, number: int) -> str:
    """The message `number` of a room: found again by these words wherever it is stored."""
    return f"{room} {number}: {SAID}"


def name_of(said: str) -> str:
    """`room number` of a text that `text` made."""
    return said.partition(":")[0]


def role(number: int) -> str:
    return ROLES[number % 2]


class Puts:
    """What a journal is given: items, each behind the one before it."""

    def __init__(self, room: str) -> None:
        self._room = room
        self._after: str | None = None

    def put(self, number: int, said: str) -> ItemPut:
        name = f"item_{self._room}_{number}"
        one = {**PATTERN, "id": name, "role": role(number), "content": [said]}
        made = ItemPut(one, after=self._after, agent="Assistant")
        self._after = name
        return made
