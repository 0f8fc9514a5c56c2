"""How quick a journal's writes are: whether the event loop may make them itself."""

SLOW_WRITE_US = 10_000
QUICK_WRITES = 4  # in a row, in the thread, until the loop writes again


class Speed:
    """`is_slow` from a slow write on, until enough writes in a row were quick. One hiccup costs
    little, and a disk that stays slow makes the loop wait more and more rarely: after each slow
    write twice as many have to be quick."""

    def __init__(self) -> None:
        self.is_slow = False
        self._needed = self._left = 0

    def slow_down(self) -> None:
        """The loop made a write that took longer than SLOW_WRITE_US."""
        self.is_slow = True
        self._left = self._needed = max(QUICK_WRITES, 2 * self._needed)

    def there(self, took_us: int) -> None:
        """The thread made one."""
        self._left = self._left - 1 if took_us <= SLOW_WRITE_US else self._needed
        self.is_slow = self._left > 0
