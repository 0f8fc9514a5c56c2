"""Agents' messages: msgpack, in bounds, compressed if they say so."""

import asyncio
from typing import TypeVar

import msgspec
import zstandard
from fastapi import Request, Response

from unbroken import archive
from unbroken.errors import InvalidInput, TooLarge

MSGPACK = "application/msgpack"
# Payloads of several sessions and what frames them.
MESSAGE_BYTES_MAX = 2 * archive.BATCH_BYTES_MAX
INLINE_BYTES_MAX = 64 << 10  # beyond it a thread decodes, so that the loop goes on

M = TypeVar("M", bound=msgspec.Struct)


async def read(request: Request, form: type[M]) -> M:
    """The body as `form`. Raises InvalidInput, and TooLarge before it is unpacked."""
    body = await request.body()
    coding = request.headers.get("content-encoding", "identity").lower()
    if len(body) <= INLINE_BYTES_MAX and coding == "identity":
        return _decode(body, coding, form)
    return await asyncio.to_thread(_decode, body, coding, form)


async def answer(message: msgspec.Struct) -> Response:
    return Response(archive.encode(message), media_type=MSGPACK)


def _decode(body: bytes, coding: str, form: type[M]) -> M:
    try:
        return msgspec.msgpack.decode(_plain(body, coding), type=form)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"not a {form.__name__}: {error}") from error


def _plain(body: bytes, coding: str) -> bytes:
    match coding:
        case "identity":
            plain = body
        case "zstd":
            plain = _unpacked(body)
        case _:
            raise InvalidInput("Content-Encoding is zstd or identity")
    if len(plain) > MESSAGE_BYTES_MAX:
        raise TooLarge(f"a message has at most {MESSAGE_BYTES_MAX} bytes")
    return plain


def _unpacked(body: bytes) -> bytes:
    # A window as large as a message at most: memory is bounded by what may come out.
    decompressor = zstandard.ZstdDecompressor(max_window_size=MESSAGE_BYTES_MAX)
    try:
        with decompressor.stream_reader(body) as reader:
            return reader.read(MESSAGE_BYTES_MAX + 1)
    except zstandard.ZstdError as error:
        raise InvalidInput(f"not zstd: {error}") from error
