"""The commands by name. What a command needs is imported when it runs, so that help is quick."""

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import typer

from unbroken.cli import (
    copy,
    doctor,
    export_redis,
    import_redis,
    init,
    keep,
    migrate,
    serve,
    up,
    verify,
)
from unbroken.cli.extras import refusal_without
from unbroken.cli.refusal import Refusal
from unbroken.cli.variables import misspelt

app = typer.Typer(
    name="unbroken",
    help="Durable state for LiveKit voice agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(up.up)
app.command("serve")(serve.serve)
app.command("keep")(keep.keep)
app.command("doctor")(doctor.doctor)
app.command("init")(init.init)
app.command("migrate")(migrate.migrate)
app.command("copy")(copy.copy)
app.command("verify")(verify.verify)
app.command("import-redis")(import_redis.import_redis)
app.command("export-redis")(export_redis.export_redis)


@app.callback(invoke_without_command=True)
def version(*, version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Durable state for LiveKit voice agents."""
    if version:
        from importlib.metadata import version as version_of  # noqa: PLC0415

        print(version_of("unbroken"))
        raise typer.Exit


def run(arguments: Sequence[str]) -> NoReturn:
    """Run one command and end the process."""
    for sentence in misspelt(os.environ):
        print(sentence, file=sys.stderr)
    try:
        app(list(arguments))
    except Refusal as refusal:
        _refuse(refusal)
    except ModuleNotFoundError as error:
        if (missing := refusal_without(error.name or "")) is None:
            raise
        _refuse(missing)
    except SystemExit as ended:
        _end(ended.code if isinstance(ended.code, int) else 0)
    _end(0)


def _refuse(refusal: Refusal) -> NoReturn:
    print(refusal, file=sys.stderr)
    _end(refusal.code)


def _end(code: int) -> NoReturn:
    """The interpreter is not taken down: a thread of obstore's that comes for it then aborts the
    process (before Python 3.14), which is no exit code that a supervisor understands."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
