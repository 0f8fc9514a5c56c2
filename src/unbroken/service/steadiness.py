"""Whether silent hosts may be judged."""

from unbroken.env import Env


class Steadiness:
    """Since when this process could have heard every host.

    A host that is silent is lost only if we listened for a whole lease: not right after a
    start or a pause of this process. Steps of the wall clock are the store's clock's matter.
    """

    PAUSE_US = 3_000_000

    def __init__(self, env: Env) -> None:
        self._env = env
        self._since = self._pulse = env.boot_us()

    def pulse(self) -> None:
        """Called about once a second: a pause of ours is no proof that hosts are lost."""
        now = self._env.boot_us()
        if now - self._pulse > self.PAUSE_US:
            self._since = now
        self._pulse = now

    def listened_us(self) -> int:
        """How long we have been able to hear every host."""
        return self._env.boot_us() - self._since
