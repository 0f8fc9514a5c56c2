"""Journals of dead holders, as bytes: to be damaged; and what of a spool is open."""

from pathlib import Path

import msgspec

from tests.core.conftest import new_header
from unbroken.env import Env
from unbroken.journal.frames import (
    BOUND,
    CLOSED,
    ENTRY,
    MARK,
    Frame,
    Header,
    encode_frame,
    encode_header,
)
from unbroken.journal.spool import Spool
from unbroken.log import entries
from unbroken.log.entries import Noted


def entry(n: int, *, at_us: int = 1_000, kind: str = "note", flags: int = 0) -> bytes:
    payload, _ = entries.encode(Noted("n", n))
    return encode_frame(Frame(ENTRY, n, at_us, kind, flags, payload))


def mark(n: int, payload: bytes = b"{}") -> bytes:
    return encode_frame(Frame(MARK, n, 1_000, "", 0, payload))


def closed(n: int = 0, cause: str = "left") -> bytes:
    return encode_frame(Frame(CLOSED, n, 1_000, cause, 0, b""))


def bound(header: Header, term: int, base: int = 0) -> bytes:
    frame = Frame(BOUND, base, 1_000, "", 0, header.new_session_id.bytes, term)
    return encode_frame(frame)


def dead_header(env: Env, spool: Spool, **more) -> Header:
    """Of a process that is long gone."""
    name = str(env.new_id())
    header = new_header(env, spool, room=name, sid=name)
    return msgspec.structs.replace(header, pid=1 << 30, pid_start=1, **more)


def lay(spool: Spool, header: Header, *frames: bytes, part: int = 0) -> Path:
    """Put a journal of a dead holder into the spool."""
    Path(spool.lock(header.holder)).touch(mode=0o600)
    spool.ack(header.holder).close()
    return lay_bytes(spool, header, encode_header(header) + b"".join(frames), part=part)


def lay_bytes(spool: Spool, header: Header, content: bytes, *, part: int = 0) -> Path:
    path = Path(spool.journal(header.holder, part))
    path.write_bytes(content)
    return path


def open_files(folder: str) -> list[str]:
    """The files of `folder` that this process has open, not those of other tests."""
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [link for link in links if link.startswith(folder)]
