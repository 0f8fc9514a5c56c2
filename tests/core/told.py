"""A host whose environment a test writes, and that starts no processes."""

from typing import Any

from unbroken.env import Host


class Told(Host):
    def __init__(self, folder: object, **variables: str) -> None:
        super().__init__()
        self._variables = {"UNBROKEN_SPOOL": str(folder), **variables}

    def variable(self, name: str) -> str | None:
        return self._variables.get(name)

    def start(self, *_: Any, **__: Any) -> int:
        return 0
