"""What the search index is asked."""

import json
from collections.abc import Sequence


def matching(terms: Sequence[str]) -> str | None:
    """What the index is asked: each term as it stands, the last one as a beginning, too."""
    quoted = ['"' + term.replace('"', '""') + '"' for term in terms]
    return json.dumps([*quoted[:-1], f"{quoted[-1]} *"]) if quoted else None
