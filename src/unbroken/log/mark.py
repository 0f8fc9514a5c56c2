"""The mark: what is in flight right now. One per session, replaced in place."""

import msgspec

from unbroken.log.entries import PAYLOAD_BYTES_MAX
from unbroken.log.plain import plain
from unbroken.log.segments import whole_words

CHARACTERS_MAX = 10_000  # of each text of a mark that is too large: JSON may need six bytes for one
TRANSCRIPTS_MAX = 100
NAME_MAX = 1_000


class Speech(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the assistant is saying. `heard` is a beginning of `generated`, as far as played.

    `is_said`: the application's own words (`say`), no model's. `is_aside`: they stay out of the
    chat context. `goes_on`: the model has not written all of it, or calls a tool behind it.
    """

    agent: str
    generated: str
    heard: str = ""
    heard_ms: int = 0
    is_said: bool = False
    is_aside: bool = False
    goes_on: bool = False


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """`transcripts` are final, and not yet part of an item. `is_owed`: a model's answer to the
    person is in the making, or not yet said to its end."""

    speech: Speech | None = None
    transcripts: tuple[str, ...] = ()
    is_owed: bool = False


def left_of(mark: Mark, *, said: bool, heard: bool) -> Mark:
    """What is still in flight where an item was recorded behind the mark, which has the words of
    it: an assistant's (`said`) of the speech, a person's (`heard`) of the transcripts."""
    has_answered = said and mark.speech is not None and not mark.speech.is_said
    return Mark(
        speech=None if said else mark.speech,
        transcripts=() if heard else mark.transcripts,
        is_owed=mark.is_owed and not has_answered,
    )


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
        speech = msgspec.structs.replace(
            speech,
            agent=speech.agent[:NAME_MAX],
            generated=whole_words(speech.generated, CHARACTERS_MAX),
            heard=whole_words(speech.heard, CHARACTERS_MAX),
        )
    return Mark(speech, tuple(reversed(newest)), mark.is_owed)


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Mark)
