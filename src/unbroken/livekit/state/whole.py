"""What was not in the log as it is, and was written whole: counted, in a note of the session."""

import logging

from unbroken.live.live import Live
from unbroken.log.entries import Noted

log = logging.getLogger(__name__)

WRITTEN_WHOLE = "unbroken.written_whole"  # the note: how often, and which field was the last


def note(live: Live, field: str) -> None:
    """`field` has just been written whole. The count is that of the session, over all holders."""
    known = live.session.notes.get(WRITTEN_WHOLE)
    count = known.get("count") if isinstance(known, dict) else None
    counted = count if isinstance(count, int) else 0
    live.record(Noted(WRITTEN_WHOLE, {"count": counted + 1, "field": field}))
    log.warning("%s was not recorded as it is: written whole", field)
