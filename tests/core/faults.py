"""A host whose files can fail: short writes, full disks, slow disks, broken fsync."""

import errno
import time

from unbroken.env import File, Host, SharedWords


class FaultyFile:
    def __init__(self, inner: File, env: "FaultyHost", path: str) -> None:
        self._inner, self._env, self._path = inner, env, path.removesuffix(".new")

    def write(self, data: bytes) -> int:
        time.sleep(self._env.write_s)
        if self._env.room_bytes is not None:
            if self._env.room_bytes == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            data = data[: self._env.room_bytes]  # as tmpfs does: short first, then ENOSPC
            self._env.room_bytes -= len(data)
        return self._inner.write(data)

    def sync(self) -> None:
        if self._env.sync_fails or self._env.syncs_to_fail > 0:
            self._env.syncs_to_fail -= 1
            self._env.failed.append(self._path)
            raise OSError(errno.EIO, "Input/output error")
        self._inner.sync()
        self._env.synced.append(self._path)

    def __getattr__(self, name: str):
        return getattr(self._inner, name)


class FaultyHost(Host):
    """`room_bytes`: what the disk still takes, None is plenty. `write_s`: the time of a write.
    `syncs_to_fail`: so many fail, then all is well, as kernels do. `refused`: what opening a file
    is answered with."""

    def __init__(self) -> None:
        super().__init__()
        self.room_bytes: int | None = None
        self.write_s = 0.0
        self.sync_fails = False
        self.syncs_to_fail = 0
        self.create_fails = False
        self.refused: OSError | None = None
        self.synced: list[str] = []  # files and folders, in order
        self.failed: list[str] = []
        self.jump_us = 0

    def now_us(self) -> int:
        return super().now_us() + self.jump_us

    def create(self, path: str) -> File:
        if self.create_fails:
            raise OSError(errno.EROFS, "Read-only file system")
        self._refuse()
        return FaultyFile(super().create(path), self, path)

    def open(self, path: str) -> File:
        self._refuse()
        return FaultyFile(super().open(path), self, path)

    def open_words(self, path: str, count: int) -> SharedWords:
        self._refuse()
        return super().open_words(path, count)

    def sync_folder(self, path: str, *, above: bool = False) -> None:
        super().sync_folder(path, above=above)
        self.synced.append(path)

    def _refuse(self) -> None:
        if self.refused:
            raise self.refused
