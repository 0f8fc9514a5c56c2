"""What is left in a spool and belongs to nobody: of holders killed in creation, or long gone.

Each journal leaves with all that is its own (`Spool.remove`); this is for what has no journal.
Nothing of a living holder is touched, and nothing younger than a minute.
"""

import logging
from uuid import UUID

from unbroken.journal.spool import Spool

log = logging.getLogger(__name__)

CLEAN_US = 10_000_000
LEFT_US = 60_000_000
LOG_BYTES_MAX = 4 << 20  # of keeper.log; beyond, its newer half is kept


class Cleaning:
    def __init__(self, spool: Spool) -> None:
        self._spool, self._env = spool, spool.env
        self._cleaned_us: int | None = None
        self._is_failing = False

    def work(self, holders: set[UUID]) -> None:
        """Now and then. `holders`: those with a journal."""
        now_us = self._env.boot_us()
        if self._cleaned_us is not None and now_us - self._cleaned_us < CLEAN_US:
            return
        self._cleaned_us = now_us
        try:
            self._clean(holders)
            self._env.trim(self._spool.keeper_log, LOG_BYTES_MAX)
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                log.warning("the spool cannot be cleaned: %s", error)
            self._is_failing = True

    def _clean(self, holders: set[UUID]) -> None:
        for path, holder, is_whole in self._spool.leftovers():
            if is_whole and holder in holders:
                continue
            age_us = self._env.age_us(path)
            if age_us is None or age_us < LEFT_US or self._is_living(holder):
                continue
            log.info("removed: %s", path)
            self._env.remove(path)

    def _is_living(self, holder: UUID | None) -> bool:
        return holder is not None and self._env.is_locked(self._spool.lock(holder))
