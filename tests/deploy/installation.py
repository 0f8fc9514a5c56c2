"""docker-compose.yml without an engine: each container's command line as a plain process, with its
environment, its folders for volumes, and an address of its own for its name."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.e2e.house import ROOT, free_port
from tests.postgres import Postgres, standing

READER = ROOT / ".tools" / "compose"
LIVEKIT = [str(ROOT / ".tools" / "livekit-server")]  # its image starts it
END_S = 20


def project(environ: dict[str, str]) -> dict[str, Any]:
    """The file as compose itself reads it. Raises ValueError with what is wrong with it."""
    done = subprocess.run(
        [str(READER), str(ROOT / "docker-compose.yml")],
        env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Installation:
    """Use as a context manager; at its end nothing of it runs."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.containers: dict[str, dict[str, Any]] = project(environ)["services"]
        self.address = {name: f"127.77.0.{n}" for n, name in enumerate(self.containers, 2)}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.postgres: Postgres | None = None
        self._running = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self.processes):
            self.kill(name)
        self._running.close()

    def url(self, name: str, port: int) -> str:
        return f"http://{self.address[name]}:{port}"

    def start(self, name: str) -> None:
        """As the engine would, but on this machine's own network and files."""
        if name == "postgres":
            self._start_postgres()
            return
        container = self.containers[name]
        command = [self._here(name, word) for word in container["command"] or LIVEKIT]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self._environ(name), cwd=ROOT, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """All processes of the container, at once."""
        process = self.processes[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(END_S)

    def is_healthy(self, name: str) -> bool:
        """What the engine asks the container."""
        kind, *test = self.containers[name]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [word.replace("localhost", self.address[name]) for word in test]
        return not subprocess.run(
            words, env=self._environ(name), capture_output=True, timeout=END_S, check=False
        ).returncode

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _environ(self, name: str) -> dict[str, str]:
        asked = self.containers[name].get("environment") or {}
        own = {key: self._here(name, value) for key, value in asked.items() if value}
        if name == "livekit":
            config = own["LIVEKIT_CONFIG"]
            own["LIVEKIT_CONFIG"] = re.sub("(?m)^rtc:.*", f"rtc: {json.dumps(media())}", config)
        path = os.pathsep.join(
            [str(Path(sys.executable).parent), str(ROOT / ".tools"), "/usr/sbin"]
        )
        return {
            "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder), "NO_PROXY": "*", "no_proxy": "*", **own,
        }  # fmt: skip

    def _here(self, name: str, text: str) -> str:
        """`text` with the places of this machine in place of the container's."""
        for volume in self.containers[name].get("volumes", ()):
            place = self._volume(name, volume)
            text = re.sub(rf"(?<![\w.:/]){re.escape(volume['target'])}\b", str(place), text)
        return self._addressed(name, text)

    def _addressed(self, name: str, text: str) -> str:
        text = text.replace("0.0.0.0", self.address[name])  # noqa: S104 - what it is in the file
        if self.postgres:
            text = text.replace("@postgres:5432", f"@127.0.0.1:{self.postgres.port}")
        for other, address in self.address.items():
            text = re.sub(rf"(?<=[/@ ]){other}(?=:\d)", address, text)
        return text

    def _volume(self, name: str, volume: dict[str, Any]) -> Path:
        """Its folder; of a file that is mounted, a copy."""
        if volume["type"] == "bind":
            source = Path(volume["source"])
            copy = self.folder / source.name
            copy.write_text(self._addressed(name, source.read_text(encoding="utf-8")))
            return copy
        place = self.folder / "volumes" / volume["source"]
        place.mkdir(parents=True, exist_ok=True)
        return place

    def _start_postgres(self) -> None:
        """As its image does: the user and the database of the environment, by password only."""
        server = self._running.enter_context(standing())
        asked = self.containers["postgres"]["environment"]
        with psycopg.connect(server.url(), autocommit=True) as connection:
            user, name = asked["POSTGRES_USER"], asked["POSTGRES_DB"]
            connection.execute(f"create role {user} login password '{asked['POSTGRES_PASSWORD']}'")
            connection.execute(f"create database {name} owner {user}")
            (rules,) = connection.execute("show hba_file").fetchone() or ("",)
            theirs = Path(rules).read_text(encoding="utf-8")
            Path(rules).write_text(f"host {name} {user} samehost scram-sha-256\n{theirs}")
            connection.execute("select pg_reload_conf()")
        self.postgres = server


def media() -> dict[str, Any]:
    """What keeps the media of a test on loopback."""
    return {
        "tcp_port": 0, "udp_port": free_port(socket.SOCK_DGRAM), "node_ip": "127.0.0.1",
        "use_external_ip": False, "enable_loopback_candidate": True,
        "interfaces": {"includes": ["lo"]}, "ips": {"includes": ["127.0.0.1/32"]},
    }  # fmt: skip


def missing() -> str | None:
    """What this machine lacks for it."""
    if not READER.exists():
        return "compose's reader is not built"
    if not shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin"):
        return "haproxy is not installed"
    return None
