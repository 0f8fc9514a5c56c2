"""What was said, as items and as utterances."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from unbroken.log.entries import Item, text_of
from unbroken.log.session import Session
from unbroken.log.utterance import LIVEKIT, Utterance


def said_in(session: Session) -> Iterator[Utterance]:
    """What was said before this holder. LiveKit has it in its history now, and reports it no
    more."""
    for item_id in session.spoken:
        item, put = session.items[item_id], session.placed[item_id]
        whole = whole_of(item, put.generated)
        known = Utterance.of(put.way, item_id, item["role"], text_of(item), whole)
        known.ways.add(LIVEKIT)
        yield known


def whole_of(item: Item, generated: object) -> str | None:
    """What the model wrote of a reply that may have been cut; nothing, if it is not known."""
    return None if item.get("interrupted") is False else str(generated or "")


def message(
    item_id: str,
    role: str,
    text: str,
    at_s: float,
    *,
    extra: Mapping[str, object] = MappingProxyType({}),
    interrupted: bool = False,
) -> Item:
    """A chat message that LiveKit did not make, in LiveKit's JSON form. `at_s`: Unix time."""
    return {
        "id": item_id,
        "type": "message",
        "role": role,
        "content": [text],
        "interrupted": interrupted,
        "created_at": at_s,
        "extra": dict(extra),
        "metrics": {},
    }
