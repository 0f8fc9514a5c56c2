"""What userdata and attributes were earlier is known as long as it takes little room."""

from random import Random

import msgspec

from unbroken.log.attributes import Attributes
from unbroken.log.changes import Change, diff, same
from unbroken.log.earlier import BYTES_MAX, Earlier
from unbroken.log.entries import UserdataChanged


def drawn(draw: Random, depth: int = 0):
    if depth == 0 or (depth < 4 and draw.random() < 0.6):
        inner = [drawn(draw, depth + 1) for _ in range(draw.randrange(4))]
        return dict(zip("abc", inner, strict=False)) if draw.random() < 0.6 or not depth else inner
    return draw.choice([None, True, 1, 1.0, "x"])


def whole(value) -> UserdataChanged:
    return UserdataChanged(type="dict", value=value)


def changes(*made: Change) -> UserdataChanged:
    return UserdataChanged(type="dict", changes=made)


def through_the_log(entry: UserdataChanged) -> UserdataChanged:
    return msgspec.json.decode(msgspec.json.encode(entry), type=UserdataChanged)


def test_what_it_was_at_each_moment_is_known():
    for number in range(300):
        draw = Random(number)
        _check([drawn(draw) for _ in range(draw.randint(1, 6))], draw)


def _check(values, draw):
    earlier, held, other = Earlier(), Attributes(), Attributes()
    moments = []
    for value in values:
        is_whole = held.type is None or draw.random() < 0.2
        entry = whole(value) if is_whole else changes(*diff(held.value, value))
        earlier.change("userdata", held, through_the_log(entry))
        earlier.change("attributes of A", other, whole({"n": len(moments)}))
        moments.append((earlier.now, sorted(held.gone)))
    for n, ((moment, gone), value) in enumerate(zip(moments, values, strict=True)):
        was = earlier.at(moment, "userdata", held)
        assert same(was.value, value)
        assert was.gone >= {*gone} | (held.value.keys() - value.keys())
        assert earlier.at(moment, "attributes of A", other).value == {"n": n}
    assert same(held.value, values[-1])


def test_an_entry_that_refused_something_and_one_of_another_class_are_undone_too():
    earlier, held = Earlier(), Attributes()
    assert earlier.at(0, "userdata", held) is held
    earlier.change("userdata", held, UserdataChanged(type="old", value={"n": 1}))
    moment = earlier.now
    earlier.change("userdata", held, UserdataChanged(type="new", changes=(), refused={"n": "why"}))
    was = earlier.at(moment, "userdata", held)
    assert (was.type, was.refused, was.value) == ("old", {}, {"n": 1})
    assert earlier.at(0, "userdata", held).type is None
    assert earlier.at(None, "userdata", held) is held


def test_it_takes_bounded_room_and_what_is_too_old_is_as_it_is_now():
    earlier, held = Earlier(), Attributes()
    large = "x" * (BYTES_MAX // 4)
    moments = []
    for n in range(10):
        earlier.change("userdata", held, whole({"n": n, "large": large}))
        moments.append(earlier.now)
    found = [earlier.at(moment, "userdata", held).value["n"] for moment in moments]
    assert found == [9, 9, 9, 9, 9, 9, 6, 7, 8, 9]
