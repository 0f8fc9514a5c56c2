"""Agents' messages: msgpack, in bounds, compressed if they say so."""

import asyncio
from typing import TypeVar

import msgspec
import zstandard
from fastapi import Request, Response

from unbroken.archive import port
from unbroken.errors import InvalidInput, TooLarge

MSGPACK = "application/msgpack"
# Payloads of several sessions and what frames them.
MESSAGE_BYTES_MAX = port.MESSAGE_BYTES_MAX
INLINE_BYTES_MAX = 64 << 10  # beyond it a thread decodes, so that the loop goes on

M = TypeVar("M", bound=msgspec.Struct)


async def read(request: Request, form: type[M]) -> M:
    """The body as `form`. Raises InvalidInput, and TooLarge before it is unpacked."""
    plain = await content(request, bytes_max=MESSAGE_BYTES_MAX)
    if len(plain) <= INLINE_BYTES_MAX:
        return _decode(plain, form)
    return await asyncio.to_thread(_decode, plain, form)


async def content(request: Request, *, bytes_max: int) -> bytes:
    """The body, unpacked if it says that it is packed."""
    body = await request.body()
    match request.headers.get("content-encoding", "identity").lower():
        case "identity":
            plain = body
        case "zstd":
            request.state.body.take(_size(body, bytes_max))
            plain = await asyncio.to_thread(_unpacked, body, bytes_max)
        case _:
            raise InvalidInput("Content-Encoding is zstd or identity")
    if len(plain) > bytes_max:
        raise TooLarge(f"a message here has at most {bytes_max} bytes")
    return plain


async def answer(message: msgspec.Struct) -> Response:
    return Response(port.encode(message), media_type=MSGPACK)


def _decode(plain: bytes, form: type[M]) -> M:
    try:
        return msgspec.msgpack.decode(plain, type=form)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # no UTF-8: ValueError
        raise InvalidInput(f"not a {form.__name__}: {error}") from error


def _size(packed: bytes, bytes_max: int) -> int:
    """What it may become, as far as it says so."""
    try:
        said = zstandard.frame_content_size(packed)
    except zstandard.ZstdError as error:
        raise InvalidInput(f"not zstd: {error}") from error
    return min(said, bytes_max) if said >= 0 else bytes_max


def _unpacked(body: bytes, bytes_max: int) -> bytes:
    # A window as large as a message at most: memory is bounded by what may come out.
    decompressor = zstandard.ZstdDecompressor(max_window_size=bytes_max)
    try:
        with decompressor.stream_reader(body) as reader:
            return reader.read(bytes_max + 1)
    except zstandard.ZstdError as error:
        raise InvalidInput(f"not zstd: {error}") from error
