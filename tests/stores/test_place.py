"""Places sort as the list in which they were made."""

from hypothesis import given
from hypothesis import strategies as st

from unbroken.store.place import between, nth


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 16)), max_size=300))
def test_places_sort_as_the_list(inserts):
    places: list[bytes] = []
    for is_near_end, number in inserts:
        at = max(0, len(places) - number % 3) if is_near_end else number % (len(places) + 1)
        low = places[at - 1] if at else None
        high = places[at] if at < len(places) else None
        places.insert(at, between(low, high))
    assert places == sorted(set(places))


def test_there_is_always_room_below():
    low, high = nth(0), nth(1)
    for _ in range(200):
        new = between(low, high)
        assert low < new < high
        high = new
    assert len(high) < 60


def test_there_is_always_room_above():
    low, high = nth(0), nth(1)
    for _ in range(2_000):
        new = between(low, high)
        assert low < new < high
        low = new
    assert len(low) < 100


def test_numbered_afresh_they_sort():
    places = [nth(n) for n in range(1_000)]
    assert places == sorted(set(places))
