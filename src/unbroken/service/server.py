"""The process: binds, serves, ends within a second of being asked to."""

import asyncio
import errno
import logging
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from unbroken.errors import SettingsInvalid
from unbroken.service.app import create_app
from unbroken.service.connections import Rarely, bounded, connections_max
from unbroken.service.settings import Settings, read_settings

BACKLOG = 1024
ACCEPTED_AT_ONCE = 64  # before any of them is looked at
# Longer than clients and balancers keep one unused (httpx 5 s, most balancers 60 s): who closes
# first must be who asks, or a request meets a connection that has just been closed.
KEEP_ALIVE_S = 75
# So long a thread that makes a list keeps the interpreter from the one that stores: that one asks
# for it dozens of times in a transaction. Python's own 5 ms would make tenths of a second of it.
SWITCH_S = 0.001
GRACE_S = 0.3  # for requests in flight; what they write is committed all the same
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = structlog.get_logger()


def run(
    settings: Settings | None = None, *, host: str | None = None, port: int | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; without `settings` by those of the environment.

    Raises SettingsInvalid if the start cannot succeed: no key beyond loopback, a busy port, a
    data folder that may not be used.
    """
    given = {"host": host, "port": port}
    changed = {name: value for name, value in given.items() if value is not None}
    asyncio.run(serve((settings or read_settings()).model_copy(update=changed)))


async def serve(settings: Settings) -> None:
    """As `run`, in a loop that runs already."""
    # Of a short LIVEKIT_API_SECRET, at each request: it matters beyond loopback, see `bind`.
    warnings.filterwarnings("ignore", message="The HMAC key is")
    sys.setswitchinterval(SWITCH_S)
    app = create_app(settings)
    with bind(settings) as listener:
        # Our own lifespan, not uvicorn's: a start that fails is an error of the caller's.
        async with app.router.lifespan_context(app):
            port = listener.getsockname()[1]
            log.info("service started", host=settings.host, port=port, data=str(settings.data))
            config = uvicorn.Config(
                app,
                http=bounded(connections_max()),
                ws="none",
                lifespan="off",
                backlog=ACCEPTED_AT_ONCE,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,  # type: ignore[arg-type]  # a float works
            )
            logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
            asyncio.get_running_loop().set_exception_handler(Rarely())
            await _Server(config).serve(sockets=[listener])
            log.info("service stopped", port=port)


def bind(settings: Settings) -> socket.socket:
    """A listening socket. Raises SettingsInvalid with a clear sentence."""
    if settings.api_key is None and not settings.is_loopback:
        raise SettingsInvalid(
            f"{settings.host} is not this host only: set UNBROKEN_API_KEY, "
            "or leave UNBROKEN_HOST at 127.0.0.1"
        )
    if settings.has_public_secret:
        raise SettingsInvalid(
            "LIVEKIT_API_SECRET is one that LiveKit publishes, which only this host may use: "
            "set a secret of your own, or leave UNBROKEN_HOST and LIVEKIT_URL on loopback"
        )
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sets TCP_NODELAY; without it small answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsInvalid(_why(error, settings)) from error
    listener.set_inheritable(False)
    return listener


class _Server(uvicorn.Server):
    """uvicorn that leaves by returning: its own handlers raise the signal again, which would
    end the process before the store is closed."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)  # asyncio has made it as short as what it accepts at once

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._leave)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _leave(self) -> None:
        self.should_exit = True


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """A request that our end cut off is no error to be told with a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _why(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} on {settings.host} is in use; set UNBROKEN_PORT to another"
    return f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
