"""A real S3 server of our own, and a way to it that can be cut."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from unbroken.blobs.object_store import ObjectBlobs

PROGRAM = Path(__file__).resolve().parent.parent / ".tools" / "versitygw"
KEY, SECRET = "unbroken-tests", "a secret that nobody is told"
START_S = 30  # it takes 0.1


class S3:
    """One server; a bucket is a folder in it. Started by `start`; its data outlive `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "buckets"
        self._sidecar = folder / "metadata"  # not every file system has extended attributes
        for place in (self.folder, self._sidecar):
            place.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        listen = ("--port", f"127.0.0.1:{self.port}", "--health", "/health", "--quiet")
        account = ("--access", KEY, "--secret", SECRET)
        store = ("posix", "--sidecar", str(self._sidecar), str(self.folder))
        self._process = subprocess.Popen(
            [str(PROGRAM), *account, *listen, *store],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OSError("versitygw does not start")
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def make_bucket(self, name: str) -> str:
        """Its URL."""
        (self.folder / name).mkdir()
        return f"s3://{name}"

    def environ(self, *, port: int | None = None, secret: str = SECRET) -> dict[str, str]:
        """What a client of it is told, by the variables of every S3 tool."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_REGION": "us-east-1",
        }

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def standing() -> Iterator[S3]:
    """Runs, and is gone afterwards. Raises OSError where it cannot."""
    if not os.access(PROGRAM, os.X_OK):
        raise OSError("versitygw is missing; `python3 -m scripts.setup test` builds it")
    folder = Path(tempfile.mkdtemp(prefix="unbroken-s3-"))
    server = S3(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


class Cut:
    """Stands between a client and a server, and cuts every connection where it is told to."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.up: int | None = None  # bytes of a request that come through; None: all
        self.down: int | None = None  # ...of an answer
        self.is_mute = False  # nothing comes back, and nothing is cut
        self.seen = 0  # bytes that went up

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.close()
            return
        ways = (
            asyncio.create_task(self._pass(reader, there[1], is_up=True)),
            asyncio.create_task(self._pass(there[0], writer, is_up=False)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, there[1]):
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool
    ) -> None:
        done = 0
        while data := await reader.read(1 << 16):
            if self.is_mute and not is_up:
                await asyncio.Event().wait()
            limit = self.up if is_up else self.down
            left = len(data) if limit is None else max(0, limit - done)
            writer.write(data[:left])
            await writer.drain()
            done += len(data[:left])
            self.seen += len(data[:left]) if is_up else 0
            if left < len(data):
                return


@asynccontextmanager
async def between(server: S3) -> AsyncIterator[Cut]:
    cut = Cut(server.port)
    listening = await asyncio.start_server(cut.serve, "127.0.0.1", 0)
    cut.port = listening.sockets[0].getsockname()[1]
    try:
        yield cut
    finally:
        listening.close()


async def blobs_at(url: str, environ: dict[str, str], monkeypatch) -> ObjectBlobs:
    """As a service finds them: obstore reads the credentials of the environment itself."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return await ObjectBlobs.at(url, environ)
