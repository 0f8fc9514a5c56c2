"""`unbroken keep`: the keeper of this host's spool, under a supervisor or as a sidecar."""

import typer


def keep() -> None:
    """Ship the journals of this host until idle. Settings: UNBROKEN_SPOOL, UNBROKEN_ARCHIVE."""
    from unbroken.keep import main  # noqa: PLC0415  the HTTP client takes a moment to import

    raise typer.Exit(main())
