"""Moonshine's tokenizer.bin: token ids to text. Decoding only, without the `tokenizers` package.

A token is one length byte and that many bytes of UTF-8. Length 0 is an empty slot; a first byte
of 128 or more begins a two-byte length, (first - 128) + 128 * second.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

LONG = 128  # a length byte of this much or more is the first of two
WORD_START = "\u2581"  # sentencepiece writes a leading space as this block
_BYTE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
_SPECIAL = re.compile(rb"<.*>")


def load(path: Path) -> list[bytes]:
    """All tokens of the file, at the place of their id."""
    data = path.read_bytes()
    tokens = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= LONG:
            length = (length - LONG) + LONG * data[at]
            at += 1
        tokens.append(data[at : at + length])
        at += length
    return tokens


def decode(tokens: Sequence[bytes], ids: Iterable[int]) -> str:
    """The text of `ids`. Special tokens are silent; `<0x..>` tokens are raw bytes."""
    text = b"".join(_bytes(tokens[token_id]) for token_id in ids)
    return text.decode("utf-8", "replace").replace(WORD_START, " ").strip()


def _bytes(token: bytes) -> bytes:
    if byte := _BYTE.fullmatch(token):
        return bytes([int(byte[1], 16)])
    return b"" if _SPECIAL.fullmatch(token) else token
