"""The command `unbroken`: start everything, or one part, or look at what is there."""

import sys


def main() -> None:
    """Run the command line and end the process. A refusal is one sentence on stderr."""
    try:
        from unbroken.cli.app import run  # noqa: PLC0415  the library can be installed without it
    except ModuleNotFoundError as error:
        from unbroken.cli.extras import refusal_without  # noqa: PLC0415  rarely needed

        sys.exit(str(refusal_without(error.name or "") or error))
    run(sys.argv[1:])
