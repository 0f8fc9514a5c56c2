"""An application's values as JSON that says their types, and the values again.

Theory of operation
-------------------
What JSON says by itself is itself. All else is an object with one key that begins with `$`:

    {"$datetime": "2026-01-01T00:00:00"}    also date, time, timedelta, zone, decimal, fraction,
                                            complex, uuid, bytes, path, IP address, range
    {"$tuple": [1, 2]}                      also set, frozenset, deque
    {"$enum": "app.Mood", "name": "BAD"}
    {"$type": "app.Line 1f0c", "what": "tea", "n": 2}    a record: dataclass, pydantic model,
                                            msgspec struct, attrs class, named tuple
    {"$as": "app.Cart", "$of": […]}         a subclass of list, dict, set, str, int, float; a
                                            defaultdict says its `default`, if that is a class
    {"$live": "app.Database"}               any other object: it belongs to its process
    {"$ref": "Greeter"}                     an object that has a name in both processes; `.` is the
                                            one whose fields these are
    {"$circle": "app.Node"}                 a value inside itself

A key of a dict that is no text, or begins with `$`, is written `$` and its JSON. `$order` has the
keys of a dict where they are not in the order of the alphabet, as entries sort them; dicts in one
list, or in one dict, say it only where it is not that of the one before with the same keys. A
record's attributes that its class does not declare are in `$more`, and of a model's fields the
names of those that were set, if it is not all. An object in two places is written twice; `sharing`
knows which.

No class is ever imported by a name that is read, and no code is run that is named there: a name
only chooses among the record classes that the annotations of this process mention, that it holds
in the same place, or that it has loaded already under that very name. The number behind a name is
a print of the class's annotations: where it is another one the class has changed since, and a
value must fit its annotation to come back.
"""

from unbroken.typed.alone import alone, value_of
from unbroken.typed.decode import TAGS, Decoder, Ours, Refer, in_order
from unbroken.typed.encode import (
    CHANGEABLE,
    ITSELF,
    NOBODY,
    ORDER,
    Encoder,
    Name,
    TooMuch,
    encode,
    is_value,
    type_name,
)
from unbroken.typed.problems import Path, Problem, Unfit, where
from unbroken.typed.records import Loose, Record, RecordState, record_of, state_of
from unbroken.typed.sharing import Group, Root, Shared, SharedParts

__all__ = [
    "CHANGEABLE",
    "ITSELF",
    "NOBODY",
    "ORDER",
    "TAGS",
    "Decoder",
    "Encoder",
    "Group",
    "Loose",
    "Name",
    "Ours",
    "Path",
    "Problem",
    "Record",
    "RecordState",
    "Refer",
    "Root",
    "Shared",
    "SharedParts",
    "TooMuch",
    "Unfit",
    "alone",
    "encode",
    "in_order",
    "is_value",
    "record_of",
    "state_of",
    "type_name",
    "value_of",
    "where",
]
