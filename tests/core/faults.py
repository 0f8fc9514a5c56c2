"""A host whose files can fail: short writes, full disks, slow disks, broken fsync."""

import errno
import time

from unbroken.env import File, Host


class FaultyFile:
    def __init__(self, inner: File, env: "FaultyHost") -> None:
        self._inner, self._env = inner, env

    def write(self, data: bytes) -> int:
        time.sleep(self._env.write_s)
        if self._env.room_bytes is not None:
            if self._env.room_bytes == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            data = data[: self._env.room_bytes]  # as tmpfs does: short first, then ENOSPC
            self._env.room_bytes -= len(data)
        return self._inner.write(data)

    def sync(self) -> None:
        if self._env.sync_fails:
            raise OSError(errno.EIO, "Input/output error")
        self._inner.sync()

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


class FaultyHost(Host):
    """`room_bytes`: what the disk still takes, None is plenty. `write_s`: the time of a write."""

    def __init__(self) -> None:
        super().__init__()
        self.room_bytes: int | None = None
        self.write_s = 0.0
        self.sync_fails = False
        self.create_fails = False

    def create(self, path: str) -> File:
        if self.create_fails:
            raise OSError(errno.EROFS, "Read-only file system")
        return FaultyFile(super().create(path), self)
