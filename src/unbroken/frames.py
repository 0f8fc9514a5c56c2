"""The bytes of a journal file.

    file   = "UNBJ" u8 version u8 alg u16 key_id, header frame, frame*
    frame  = u32 length, u32 crc32(body), body = msgpack
    header = {room, role, holder, session_id?, term?, base?, ...}       class Header
    entry  = [0, n, at_us, kind, flags, payload]                        n contiguous from 1
    mark   = [1, after_n, at_us, "", 0, payload]                        replaces the one before
    bound  = [2, base, at_us, "", 0, session_id, term]                  the session was taken
    closed = [3, 0, at_us, cause, 0, ""]                                the holder's last word

A plain CRC per frame: a damaged frame costs itself, never those behind it. `alg` and `key_id`
are reserved for encrypted journals.
"""

import struct
import zlib
from uuid import UUID

import msgspec

from unbroken.dispatch import Said
from unbroken.errors import JournalUnreadable

MAGIC = b"UNBJ"
VERSION = 1
PREFIX = struct.Struct("<4sBBH")
LENGTHS = struct.Struct("<II")
FRAME_BYTES_MAX = 1 << 20  # four times the largest payload

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
    extra: int = 0


_ENCODER = msgspec.msgpack.Encoder(uuid_format="bytes")
_HEADER = msgspec.msgpack.Decoder(Header)
_FRAME = msgspec.msgpack.Decoder(Frame)


def encode_header(header: Header) -> bytes:
    return PREFIX.pack(MAGIC, VERSION, 0, 0) + _wrap(_ENCODER.encode(header))


def encode_frame(frame: Frame) -> bytes:
    return _wrap(_ENCODER.encode(frame))


def decode_header(data: bytes) -> tuple[Header, int] | None:
    """The header and where the frames begin; None while it is not yet whole.

    Raises JournalUnreadable for a file that is no journal, or of another version.
    """
    if len(data) < PREFIX.size:
        return None
    magic, version, _, _ = PREFIX.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise JournalUnreadable(f"not a journal of version {VERSION}")
    body = _body(data, PREFIX.size)
    if body is None:
        return None
    try:
        return _HEADER.decode(body), PREFIX.size + LENGTHS.size + len(body)
    except msgspec.DecodeError as error:
        raise JournalUnreadable(f"its header cannot be read: {error}") from None


def decode_frame(data: bytes, at: int) -> tuple[Frame, int] | None:
    """The frame at `at` and the offset behind it; None if no whole, sound frame stands there."""
    body = _body(data, at)
    if body is None:
        return None
    try:
        return _FRAME.decode(body), at + LENGTHS.size + len(body)
    except msgspec.DecodeError:
        return None


def resync(data: bytes, at: int) -> int:
    """The offset of the next sound frame at or behind `at`; the end of `data` if there is none."""
    for offset in range(at, len(data) - LENGTHS.size):
        if decode_frame(data, offset):
            return offset
    return len(data)


def _wrap(body: bytes) -> bytes:
    return LENGTHS.pack(len(body), zlib.crc32(body)) + body


def _body(data: bytes, at: int) -> bytes | None:
    if at + LENGTHS.size > len(data):
        return None
    length, crc = LENGTHS.unpack_from(data, at)
    start = at + LENGTHS.size
    if not 0 < length <= FRAME_BYTES_MAX or start + length > len(data):
        return None
    body = data[start : start + length]
    return body if zlib.crc32(body) == crc else None
