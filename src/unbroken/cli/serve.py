"""`unbroken serve`: the service alone."""

from typing import Annotated, Any

import typer

from unbroken.cli.refusal import Refusal
from unbroken.errors import SettingsInvalid

Host = Annotated[
    str | None, typer.Option(help="Address to listen on; beyond loopback a key is needed.")
]
Port = Annotated[
    int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any that is free.")
]


Database = Annotated[
    str | None,
    typer.Option(
        help="postgresql://USER@HOST/NAME, for several services; else a file in the data folder. "
        "Where the URL has a password, set UNBROKEN_DATABASE: others see a command line."
    ),
]


Blobs = Annotated[
    str | None,
    typer.Option(
        help="s3://BUCKET/PREFIX, gs:// or az://, with credentials in the usual variables; "
        "else a folder in the data folder."
    ),
]


Redis = Annotated[
    str | None,
    typer.Option(
        help="redis://HOST:PORT/DB, rediss:// (TLS), redis-cluster:// or redis+sentinel://: there "
        "windows of `call.limit` are counted while it answers; else in the database. Where the URL "
        "has a password, set UNBROKEN_REDIS."
    ),
]


def serve(
    *,
    host: Host = None,
    port: Port = None,
    database: Database = None,
    blobs: Blobs = None,
    redis: Redis = None,
) -> None:
    """Keep conversations and answer questions about them. Settings: UNBROKEN_*, LIVEKIT_*."""
    from unbroken.service.server import run  # noqa: PLC0415  the web framework takes a second
    from unbroken.service.settings import read_settings  # noqa: PLC0415

    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "database": database,
        "blobs": blobs,
        "redis": redis,
    }
    try:
        run(read_settings(**{k: v for k, v in given.items() if v is not None}))
    except SettingsInvalid as error:
        raise Refusal(f"{error}.") from error
