"""Each utterance once, however many ways report it.

An utterance reaches a session by up to three ways: LiveKit's own item, the application's
`conversation_history.append`, and `save_conversation_turn`. They come in any order, with the
same words or, for a reply that was cut, with more or fewer of them. Each way may claim an
utterance once, so that a person who says "yes" twice has said it twice.
"""

from collections import deque

import msgspec

RECENT_MAX = 12  # utterances that a report may still mean: about the last six turns


class Utterance(msgspec.Struct):
    item_id: str
    role: str
    words: str
    ways: set[str]


class Utterances:
    """The newest utterances of a session, and who has reported them."""

    def __init__(self) -> None:
        self._recent: deque[Utterance] = deque(maxlen=RECENT_MAX)

    def claim(self, way: str, role: str, text: str) -> Utterance | None:
        """The utterance that `text` reports, if another way has reported it and this one not."""
        words = normal(text)
        for known in self._recent:  # the oldest first: reports keep their order
            if known.role == role and way not in known.ways and alike(role, known.words, words):
                known.ways.add(way)
                return known
        return None

    def add(self, way: str, item_id: str, role: str, text: str) -> None:
        self._recent.append(Utterance(item_id, role, normal(text), {way}))


def alike(role: str, a: str, b: str) -> bool:
    """The same words; of a reply, one may be a beginning of the other."""
    if a == b:
        return True
    return role == "assistant" and bool(a and b) and (a.startswith(b) or b.startswith(a))


def normal(text: str) -> str:
    """Case, spacing and punctuation differ between what a model wrote and what was heard of it."""
    kept = (c if c.isalnum() else " " for c in text.casefold())
    return " ".join("".join(kept).split())
