"""The bytes of a journal file.

    file   = "UNBJ" u8 version u8 alg u16 key_id, header frame, frame*
    frame  = u32 length, u32 crc32(body), body = msgpack
    header = {room, role, holder, session_id?, term?, base?, ...}       class Header
    entry  = [0, n, at_us, kind, flags, payload, follow]                n contiguous from 1
    mark   = [1, after_n, at_us, "", 0, payload]                        replaces the one before
    bound  = [2, base, at_us, "", 0, session_id, term]                  the session was taken
    closed = [3, n, at_us, cause, 0, ""]                                the last word; n: the newest

A plain CRC per frame: a damaged frame costs itself, never those behind it. In front of its body
each frame has a zero byte, the highest of its length, and a payload is JSON, which has none: what
looks like a frame inside a damaged one is not taken for one. A header with one flipped bit is
mended. `alg` and `key_id` are reserved for encrypted journals. Versions are two bits apart (1, 2,
4, 7, 8), so that a flipped bit never makes one of another.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from uuid import UUID

import msgspec

from unbroken.dispatch import Said
from unbroken.errors import JournalUnreadable
from unbroken.people import Person

MAGIC = b"UNBJ"
VERSION = 1
PREFIX = struct.Struct("<4sBBH")
LENGTHS = struct.Struct("<II")
FRAME_BYTES_MAX = 1 << 20  # four times the largest payload
FRAME_BYTES_MIN = LENGTHS.size + 8  # of an entry
START_BYTES = LENGTHS.size + 2  # lengths, and how the body of every frame begins
HEADER_BYTES_MAX = 64 << 10
MENDED_BYTES_MAX = 2 << 10  # of a header: trying its bits takes some 30 ms

ENTRY, MARK, BOUND, CLOSED = range(4)


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who writes this file. Without `session_id` a frame may tell that the session was taken;
    else the keeper takes it."""

    holder: UUID
    host_id: UUID
    room: str
    room_sid: str
    role: str
    agent_name: str | None = None
    agent_identity: str
    wanted_session_id: UUID | None = None  # a dispatch named it
    said: Said | None = None  # what the application's dispatch said; None: too long to be kept
    conversation_id: UUID | None = None
    is_room_word: bool = False  # the room's metadata names it
    people: tuple[Person, ...] | None = None  # who was seen in the room
    user_id: str | None = None
    new_session_id: UUID
    new_call_id: UUID
    new_conversation_id: UUID
    session_id: UUID | None = None
    term: int | None = None
    base: int | None = None
    started_at_us: int
    pid: int
    pid_start: int | None = None  # with `pid`, one process for sure
    versions: dict[str, str] = {}


class Frame(msgspec.Struct, frozen=True, array_like=True):
    type: int
    n: int
    at_us: int
    kind: str
    flags: int
    payload: bytes
    extra: int = 0  # of an entry: how many behind it are of its group; of a binding: the term


_ENCODER = msgspec.msgpack.Encoder(uuid_format="bytes")
_HEADER = msgspec.msgpack.Decoder(Header)
_FRAME = msgspec.msgpack.Decoder(Frame)
# The body is an array of seven, its first a type; in front of it stand the CRC and a length of at
# most a megabyte. In this order a search is as quick as one for the first byte.
_START = re.compile(rb"(?s)\x97[\x00-\x0f](?<=[\x00-\x10]\x00.{6})")


def encode_header(header: Header) -> bytes:
    return PREFIX.pack(MAGIC, VERSION, 0, 0) + _wrap(_ENCODER.encode(header))


def encode_frame(frame: Frame, *, extra: int = 0) -> bytes:
    if extra:
        frame = msgspec.structs.replace(frame, extra=extra)
    return _wrap(_ENCODER.encode(frame))


def decode_header(data: bytes) -> tuple[Header, int] | None:
    """The header and where the frames begin; None if no sound one is there, perhaps not yet.

    Raises JournalUnreadable for a file of another version.
    """
    if len(data) < PREFIX.size:
        return None
    magic, version, _, _ = PREFIX.unpack_from(data)
    if magic == MAGIC and (version ^ VERSION).bit_count() > 1:
        raise JournalUnreadable(f"not a journal of version {VERSION}")
    if (body := _body(data, PREFIX.size) or _mended(data, PREFIX.size)) is None:
        return None
    try:
        return _HEADER.decode(body), PREFIX.size + LENGTHS.size + len(body)
    except msgspec.DecodeError:
        return None


def decode_frame(data: bytes, at: int) -> tuple[Frame, int] | None:
    """The frame at `at` and the offset behind it; None if no whole, sound frame stands there."""
    body = _body(data, at)
    if body is None:
        return None
    try:
        return _FRAME.decode(body), at + LENGTHS.size + len(body)
    except msgspec.DecodeError:
        return None


def starts(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Where at or behind `at` a frame may begin, judged by its first bytes, and how long it is."""
    for found in _START.finditer(data, at + LENGTHS.size):
        offset = found.start() - LENGTHS.size
        if 0 < (length := _length(data, offset)) <= FRAME_BYTES_MAX:
            yield offset, LENGTHS.size + length


def extent(data: bytes, at: int) -> int | None:
    """How long the frame at `at` says that it is; None if that is not to be known or believed."""
    if at + LENGTHS.size > len(data) or not 0 < (length := _length(data, at)) <= FRAME_BYTES_MAX:
        return None
    return LENGTHS.size + length


def resync(data: bytes, at: int) -> int:
    """The offset of the next sound frame at or behind `at`; the end of `data` if there is none."""
    found = (offset for offset, _ in starts(data, at) if decode_frame(data, offset))
    return next(found, len(data))


def _wrap(body: bytes) -> bytes:
    return LENGTHS.pack(len(body), zlib.crc32(body)) + body


def _mended(data: bytes, at: int) -> bytes | None:
    """The body of a frame of which one bit is flipped: the CRC tells which one."""
    if at + LENGTHS.size > len(data):
        return None
    length, crc = LENGTHS.unpack_from(data, at)
    for bit in range(32):
        if body := _body(LENGTHS.pack(length ^ 1 << bit, crc) + data[at + LENGTHS.size :], 0):
            return body
    body = data[at + LENGTHS.size : at + LENGTHS.size + length]
    if not len(body) == length <= MENDED_BYTES_MAX:
        return None
    if (zlib.crc32(body) ^ crc).bit_count() == 1:
        return body
    return _turned(bytearray(body), crc)


def _turned(body: bytearray, crc: int) -> bytes | None:
    for bit in range(len(body) * 8):
        body[bit // 8] ^= 1 << bit % 8
        if zlib.crc32(body) == crc:
            return bytes(body)
        body[bit // 8] ^= 1 << bit % 8
    return None


def _length(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _body(data: bytes, at: int) -> bytes | None:
    if at + LENGTHS.size > len(data):
        return None
    length, crc = LENGTHS.unpack_from(data, at)
    start = at + LENGTHS.size
    if not 0 < length <= FRAME_BYTES_MAX or start + length > len(data):
        return None
    body = data[start : start + length]
    return body if zlib.crc32(body) == crc else None
