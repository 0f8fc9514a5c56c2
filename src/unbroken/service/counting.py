"""Where windows are counted: in the store, or in the Redis that the settings name."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from unbroken.coordination.coordinator import Windows
from unbroken.env import Env
from unbroken.errors import SettingsInvalid
from unbroken.service.settings import Settings
from unbroken.store.port import Store

if TYPE_CHECKING:
    from unbroken.coordination.redis_windows import FailingOver


@asynccontextmanager
async def open_windows(settings: Settings, store: Store, env: Env) -> AsyncIterator[Windows]:
    """A Redis need not answer, neither now nor later. Raises SettingsInvalid without its driver."""
    if settings.redis is None:
        yield store.leases
        return
    counted = _in_redis(settings.redis.get_secret_value(), store, env)
    try:
        yield counted
    finally:
        await counted.aclose()


def _in_redis(url: str, store: Store, env: Env) -> "FailingOver":
    try:
        from unbroken.coordination.redis_windows import FailingOver  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        need = "UNBROKEN_REDIS needs an extra: pip install 'unbroken[redis]'"
        raise SettingsInvalid(need) from error
    return FailingOver.at(url, store.archive.identity.system_id, store.leases, env)
