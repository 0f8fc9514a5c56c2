"""The mark: what is in flight right now. One per session, replaced in place."""

import msgspec


class Speech(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the assistant is saying. `heard` is a beginning of `generated`, as far as played."""

    agent: str
    generated: str
    heard: str = ""
    heard_ms: int = 0


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """`transcripts` are final, and not yet part of an item."""

    speech: Speech | None = None
    transcripts: tuple[str, ...] = ()


def encode(mark: Mark) -> bytes:
    return _ENCODER.encode(mark)


def decode(payload: bytes) -> Mark | None:
    """None for a mark of a form that this version does not know: it is never owed."""
    try:
        return _DECODER.decode(payload)
    except msgspec.DecodeError:
        return None


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Mark)
