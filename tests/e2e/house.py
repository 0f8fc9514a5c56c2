"""The real parts on free ports: livekit-server, the service, a worker, and the keeper that the
first call starts. Each may be killed, frozen and started again."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.e2e.waiting import until
from unbroken.env import Host
from unbroken.journal import JournalReader
from unbroken.journal.frames import ENTRY, Frame, Header

ROOT = Path(__file__).parents[2]
HANG_S = 60
AGENT = "concierge"


def livekit_server() -> Path | None:
    named = os.environ.get("UNBROKEN_LIVEKIT_SERVER")
    places = [Path(named)] if named else [ROOT / ".tools" / "livekit-server"]
    return next((place for place in places if place.exists()), None)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class House:
    """Use as a context manager; at its end nothing of it runs."""

    def __init__(self, folder: Path, worker: str, **variables: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.spool, self.spool2 = folder / "spool", folder / "host2"  # of worker and worker2
        self.worker = worker
        self.key, self.secret = "test", secrets.token_hex(24)
        self.ports = {name: free_port() for name in ("livekit", "service", "worker", "worker2")}
        self.service_url = f"http://127.0.0.1:{self.ports['service']}"
        self.livekit_url = f"ws://127.0.0.1:{self.ports['livekit']}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._variables = variables

    def __enter__(self) -> Self:
        for folder in (self.data, self.spool, self.spool2):
            folder.mkdir(parents=True, exist_ok=True)
        try:
            for name in ("livekit", "service", "worker"):
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("worker", "worker2", "service", "livekit"):
            self.kill(name)
        self.kill_keeper()
        self.kill_keeper(self.spool2)

    def start(self, name: str) -> None:
        """Start a part and wait until it is healthy."""
        commands = {
            "livekit": [str(livekit_server()), "--config", str(self._livekit_config())],
            "service": [sys.executable, "-m", "unbroken", "serve"],
            "worker": [sys.executable, "-m", self.worker],
            "worker2": [sys.executable, "-m", self.worker],  # a second host, as it were
        }
        own = {"UNBROKEN_WORKER_PORT": str(self.ports.get(name, 0))}
        if name == "worker2":
            own["UNBROKEN_SPOOL"] = str(self.spool2)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                commands[name],
                cwd=ROOT,
                env=self._environment() | own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        path = "/healthz" if name == "service" else "/"  # a worker's: registered and warm
        address = f"http://127.0.0.1:{self.ports[name]}{path}"
        self._wait(lambda: answers(address), f"{name} to be healthy", alive=name)

    def kill(self, name: str) -> None:
        """SIGKILL, the whole process group: as when a host is lost."""
        if process := self.processes.pop(name, None):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGCONT)
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(HANG_S)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.processes[name].pid, number)

    def keeper_pid(self, spool: Path | None = None) -> int | None:
        """The process that ships the spool, the first host's unless given."""
        target = str(spool or self.spool)
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                if b"unbroken.keeper" in command and target in (entry / "environ").read_text():
                    return int(entry.name)
        return None

    def kill_keeper(self, spool: Path | None = None) -> int | None:
        if pid := self.keeper_pid(spool):
            os.kill(pid, signal.SIGKILL)
        return pid

    def job_pid(self, room_name: str, *, role: str = AGENT) -> int:
        """The process that writes the room's newest journal."""
        keepers = {self.keeper_pid(), self.keeper_pid(self.spool2)}
        (pid,) = _openers(self.journals(room_name, role=role)[-1]) - keepers
        return pid

    def holder_pid(self, room: dict[str, Any], *, role: str = AGENT) -> int | None:
        """The process that has the room's session; None between two, or before the first."""
        found = self.sessions(room["conversation_id"], role=role)
        if not found:
            return None
        journals = self.journals(room["name"], role=role)
        its = [p for p in journals if _header(p).agent_identity == found[0]["agent_identity"]]
        keepers = {self.keeper_pid(), self.keeper_pid(self.spool2)}
        return next(iter(_openers(its[-1]) - keepers), None) if its else None

    def seen(self, room: dict[str, Any] | None = None) -> str:
        """For who reads why a test failed."""
        told = [repr(self.get(f"/conversations/{room['conversation_id']}"))] if room else []
        return "\n".join([*told, self._logs()])

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def get(self, path: str, **params: Any) -> Any:
        answer = httpx.get(f"{self.service_url}/api/v1{path}", params=params, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def answers(self, path: str) -> bool:
        return answers(self.service_url + path)

    def create_room(self, name: str, **asked: str) -> dict[str, Any]:
        wanted = {"name": name, **asked}
        answer = httpx.post(f"{self.service_url}/api/v1/rooms", json=wanted, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    def sessions(self, conversation_id: str, *, role: str = AGENT) -> list[dict[str, Any]]:
        calls = self.get(f"/conversations/{conversation_id}")["call_list"]
        found = [session for call in calls for session in call["sessions"]]
        return [session for session in found if session["role"] == role]

    def entries(self, session_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.get(f"/sessions/{session_id}/entries", after=after, limit=500)
            found += page["entries"]
            after = page["next"]
        return found

    async def messages(self, conversation_id: str, *, count: int = 0) -> list[dict[str, Any]]:
        """The transcript, once it has `count` lines: the keeper is a moment behind."""
        path = f"/conversations/{conversation_id}/messages"

        def found() -> list[dict[str, Any]] | None:
            messages = self.get(path, limit=500)["messages"]
            return messages if len(messages) >= count else None

        return list(await until(found) or []) if count else self.get(path, limit=500)["messages"]

    async def shipped(self, room: dict[str, Any], *, role: str = AGENT) -> list[dict[str, Any]]:
        """The log of the room's session `role`, once it has all that its journals hold.

        What must be there is read from the journal files themselves.
        """
        stored, written = await until(lambda: self._both(room, role))
        assert [e["seq"] for e in stored] == list(range(1, len(stored) + 1))
        assert [e["kind"] for e in stored] == [frame.kind for frame in written]
        assert [e["payload"] for e in stored] == [json.loads(f.payload) for f in written]
        return stored

    def _both(self, room: dict[str, Any], role: str) -> tuple[list[Any], list[Frame]] | None:
        (session,) = self.sessions(room["conversation_id"], role=role)
        stored = self.entries(session["id"])
        written = self.written(room["name"], role=role)  # after: a call goes on writing
        return (stored, written) if len(stored) == len(written) else None

    def written(self, room_name: str, *, role: str = AGENT) -> list[Frame]:
        """The entries of a session's journals, in the order of their terms."""
        env, found = Host(), []
        for path in self.journals(room_name, role=role):
            reader = JournalReader(env, str(path))
            while frames := reader.read(is_living=True):
                found += [frame for frame in frames if frame.type == ENTRY]
            reader.close()
        return found

    def journals(self, room_name: str, *, role: str = AGENT) -> list[Path]:
        """Holders' ids follow time, and so do these paths."""
        wanted = (room_name, role)
        paths = [*self.spool.glob("*.journal"), *self.spool2.glob("*.journal")]
        return [p for p in sorted(paths, key=lambda path: path.name) if _whose(p) == wanted]

    def _wait(self, condition: Callable[[], bool], what: str, *, alive: str | None = None) -> None:
        until = time.monotonic() + HANG_S
        while not condition():
            if alive and self.processes[alive].poll() is not None:
                raise AssertionError(f"{alive} ended:\n{self.log(alive)[-4_000:]}")
            if time.monotonic() > until:
                raise AssertionError(f"waited {HANG_S} s for {what}\n{self._logs()}")
            time.sleep(0.05)

    def _logs(self) -> str:
        return "\n".join(
            f"== {p.name}\n{self.log(p.stem)[-3_000:]}" for p in self.folder.glob("*.log")
        )

    def _environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        return inherited | {
            "LIVEKIT_URL": self.livekit_url,
            "LIVEKIT_API_KEY": self.key,
            "LIVEKIT_API_SECRET": self.secret,
            "UNBROKEN_ARCHIVE": self.service_url,
            "UNBROKEN_PORT": str(self.ports["service"]),
            "UNBROKEN_DATA": str(self.data),
            "UNBROKEN_SPOOL": str(self.spool),
            "UNBROKEN_AGENT_NAME": AGENT,
            "UNBROKEN_BOOKINGS": str(self.folder / "bookings.sqlite"),
            "PYTHONUNBUFFERED": "1",
            **self._variables,
        }

    def _livekit_config(self) -> Path:
        """Loopback only, media too."""
        config = {
            "port": self.ports["livekit"],
            "bind_addresses": ["127.0.0.1"],
            "keys": {self.key: self.secret},
            "rtc": {
                "tcp_port": 0,
                "udp_port": free_port(socket.SOCK_DGRAM),
                "use_external_ip": False,
                "node_ip": "127.0.0.1",
                "enable_loopback_candidate": True,
                "interfaces": {"includes": ["lo"]},
                "ips": {"includes": ["127.0.0.1/32"]},
            },
            "logging": {"level": "info"},
        }
        path = self.folder / "livekit.yaml"
        if not path.exists():
            path.write_text(json.dumps(config))  # JSON is YAML
        return path


@contextlib.contextmanager
def standing_house(
    folder: Path, worker: str, rules: list[Any], **variables: str
) -> Iterator[House]:
    """A house whose model answers by `rules`. Without a livekit-server the test is skipped."""
    if livekit_server() is None:
        missing = "no livekit-server: run `make test`, which builds it"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    (path := folder / "rules.json").write_text(json.dumps(rules))
    with House(folder, worker, UNBROKEN_TEST_RULES=str(path), **variables) as house:
        yield house


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _whose(path: Path) -> tuple[str, str]:
    header = _header(path)
    return header.room, header.role


def _header(path: Path) -> Header:
    reader = JournalReader(Host(), str(path))
    reader.close()
    return reader.header


def _openers(path: Path) -> set[int]:
    """Processes end, and files are closed, while this looks."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for entry in list((process / "fd").iterdir()):
                with contextlib.suppress(OSError):
                    if entry.readlink() == path:
                        found.add(int(process.name))
    return found
