"""A host whose every change of the world passes one place, where it can be cut off or refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

from unbroken.env import Env, File, Host

LOOKING = {  # these change nothing
    *("now_us", "boot_us", "new_id", "host_name", "pid", "started", "is_stopped", "variable"),
    *("variables", "interpreter", "state_folder", "network_file_system", "list_folder", "open"),
    *("exists", "is_locked"),
}
CHANGING = {name for name in vars(Env) if not name.startswith("_")} - LOOKING
FILE_CHANGING = {"write", "sync", "truncate"}


class TouchedHost(Host):
    """Every call that changes something goes through `touch`, those of files too."""

    def touch(self, _name: str, work: Callable[..., Any], *given: Any, **how: Any) -> Any:
        """Do it: `work(*given, **how)`. The first of `given` is a path, or what a file is to
        write."""
        return work(*given, **how)

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in CHANGING:
            return found
        made = partial(self.touch, name, found)
        return partial(self._opened, made) if name == "create" else made

    def _opened(self, create: Callable[..., File], path: str) -> "TouchedFile":
        return TouchedFile(create(path), self, path)


class TouchedFile:
    """A file that was made by a TouchedHost."""

    def __init__(self, file: File, host: TouchedHost, path: str) -> None:
        self._file, self._host, self.path = file, host, path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        return partial(self._host.touch, name, found) if name in FILE_CHANGING else found
