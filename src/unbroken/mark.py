"""The mark: what is in flight right now. One per session, replaced in place."""

import msgspec

from unbroken.archive import PAYLOAD_BYTES_MAX
from unbroken.plain import plain

CHARACTERS_MAX = 10_000  # of each text of a mark that is too large: JSON may need six bytes for one
TRANSCRIPTS_MAX = 100
NAME_MAX = 1_000


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


def encode(mark: Mark) -> bytes | None:
    """What JSON cannot say is replaced, by the rules of `plain`. Never raises.

    Of a mark beyond PAYLOAD_BYTES_MAX the beginnings stay of what is generated and heard, and the
    newest transcripts, CHARACTERS_MAX of each. None: what it holds is not the form of a mark.
    """
    try:
        data = _ENCODER.encode(mark)
    except Exception:  # noqa: BLE001 - whatever a value does that JSON cannot say
        data = _ENCODER.encode(plain(mark))
    if len(data) <= PAYLOAD_BYTES_MAX:
        return data
    known = decode(data)
    return _ENCODER.encode(_cut(known)) if known else None


def decode(payload: bytes) -> Mark | None:
    """None for a mark of a form that this version does not know: it is never owed."""
    try:
        return _DECODER.decode(payload)
    except msgspec.DecodeError:
        return None


def _cut(mark: Mark) -> Mark:
    speech, newest, left = mark.speech, [], CHARACTERS_MAX
    for transcript in reversed(mark.transcripts[-TRANSCRIPTS_MAX:]):
        left -= len(transcript)
        if left < 0:
            break
        newest.append(transcript)
    if speech:
        speech = Speech(
            speech.agent[:NAME_MAX],
            speech.generated[:CHARACTERS_MAX],
            speech.heard[:CHARACTERS_MAX],
            speech.heard_ms,
        )
    return Mark(speech, tuple(reversed(newest)))


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Mark)
