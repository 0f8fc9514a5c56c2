"""`unbroken init`: the secrets of an installation with docker-compose, in its .env."""

import re
import secrets
from pathlib import Path
from typing import Annotated

import typer

from unbroken.cli.folders import SECRET_BYTES, write_private
from unbroken.cli.refusal import Refusal, refusal_of

Folder = Annotated[Path, typer.Argument(help="Where docker-compose.yml is.")]
S3 = Annotated[
    bool, typer.Option("--s3", help="Keep files in a bucket of an S3 server that starts with it.")
]
Redis = Annotated[
    bool,
    typer.Option(
        "--redis", help="Start a Redis with it, for a StateManager and windows. Nothing needs it."
    ),
]
NAMED = re.compile(r"^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*\S", re.MULTILINE)
PROFILES = "COMPOSE_PROFILES"
BUCKET = {
    "UNBROKEN_BLOBS": "s3://unbroken",
    "S3_ENDPOINT": "http://s3:7070",
}
SHARED = {"UNBROKEN_REDIS": "redis://redis:6379/0"}


def init(folder: Folder = Path(), *, s3: S3 = False, redis: Redis = False) -> None:
    """Write new secrets for docker-compose into .env. What is set there stays as it is.

    Only the file's owner can read it. Nothing is started. Exit code 1: it cannot be written.
    """
    path = folder / ".env"
    text = _read(path)
    known = set(NAMED.findall(text))
    added = {
        name: value for name, value in _values(s3=s3, redis=redis).items() if name not in known
    }
    if not added:
        print(f"{path} has all that is needed: nothing to do.")
        return
    profiles = _profiles(s3=s3, redis=redis)
    if profiles and PROFILES in known:
        print(f"{path} has {PROFILES} already: see that {profiles} is in it.")
    before = text if not text or text.endswith("\n") else f"{text}\n"
    write_private(path, before + "".join(f"{name}={value}\n" for name, value in added.items()))
    print(f"{path} now has {', '.join(added)}.")
    print("docker-compose up -d starts all of it. The page asks for UNBROKEN_API_KEY.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not a text file.", code=1) from error
    except OSError as error:
        raise refusal_of(error, f"Reading {path}") from error


def _profiles(*, s3: bool, redis: bool) -> str:
    return ",".join(name for name, is_wanted in (("s3", s3), ("redis", redis)) if is_wanted)


def _values(*, s3: bool, redis: bool) -> dict[str, str]:
    made = {
        "UNBROKEN_API_KEY": _secret(),
        "LIVEKIT_API_KEY": f"key{secrets.token_hex(6)}",
        "LIVEKIT_API_SECRET": _secret(),
        "POSTGRES_PASSWORD": _secret(),
    }
    if profiles := _profiles(s3=s3, redis=redis):
        made[PROFILES] = profiles
    if redis:
        made |= SHARED
    if s3:
        made |= BUCKET | {"S3_ACCESS_KEY": secrets.token_hex(10), "S3_SECRET_KEY": _secret()}
    return made


def _secret() -> str:
    return secrets.token_hex(SECRET_BYTES)
