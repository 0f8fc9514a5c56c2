"""What of a conversation is there already, where its messages say no time."""

import random

from unbroken.moving.kept import _overlap


def slowly(there, here):
    return max(n for n in range(len(here) + 1) if there[len(there) - n :] == here[:n])


def test_the_end_of_what_is_there_is_found_in_the_beginning_of_what_was_read():
    chance = random.Random(7)
    for _ in range(3_000):
        there, here = (
            [chance.choice([b"a", b"b"]) for _ in range(chance.randrange(9))] for _ in range(2)
        )
        if len(here) <= len(there) and here == there[len(there) - len(here) :]:
            continue  # all of it is there: asked before
        assert _overlap(there, here) == slowly(there, here), (there, here)


def test_nothing_is_read_twice_however_much_repeats_itself():
    class Counted(bytes):
        compared = 0

        def __ne__(self, other):
            Counted.compared += 1
            return bytes.__ne__(self, other)

    many = 20_000
    here = [Counted(b"a")] * many + [b"b"]
    assert _overlap([b"a"] * (many - 1), here) == many - 1
    assert Counted.compared < 8 * many
