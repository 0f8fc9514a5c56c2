"""Reading wishes out of words, and the book in which each booking stands once."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from agents.core.order import Order
from agents.tools.booking_book import Booking, BookingBook, path_from
from agents.tools.wishes import PARTY_MAX, day_in, party_in


@pytest.mark.parametrize(
    ("said", "day", "party"),
    [
        ("Please book a table for two on Friday.", "Friday", 2),
        ("A table for six people next Monday, please.", "Next Monday", 6),
        ("We are four, tomorrow at eight o'clock.", "Tomorrow", 4),
        ("For tonight, a party of twelve", "Tonight", 12),
        ("on 2026-12-24 for 3", "2026-12-24", 3),
        ("Three.", None, 3),
        ("just two please", None, 2),
        ("for eight o'clock on Sunday", "Sunday", None),
        ("for 7 pm", None, None),
        ("for 7:30", None, None),
        ("on 2026-02-30", None, None),
        ("I read one book", None, None),
        ("", None, None),
        ("for 999999999 people", None, 999_999_999),
        ("for 0 people", None, 0),
        ("für \U0001f9d1 Leute", None, None),
        ("\u0665 people", None, 5),
    ],
)
def test_day_and_number_are_read_and_never_guessed(
    said: str, day: str | None, party: int | None
) -> None:
    assert (day_in(said), party_in(said)) == (day, party)


def test_huge_texts_cost_little() -> None:
    assert day_in("for " * 1_000_000) is None
    assert party_in("1" * 1_000_000) is None


def test_a_party_has_a_bound() -> None:
    assert party_in(f"for {PARTY_MAX} people") == PARTY_MAX


async def test_the_same_key_is_the_same_booking_however_often_and_at_once(tmp_path: Path) -> None:
    book = BookingBook(tmp_path / "new" / "bookings.sqlite")
    wanted = [Booking(key="k", day="Friday", party=n) for n in range(1, 9)]
    done = await asyncio.gather(*(asyncio.to_thread(book.book, booking) for booking in wanted))
    assert len(set(done)) == 1
    assert book.find("k") == done[0]
    with sqlite3.connect(book.path) as connection:
        assert connection.execute("select count(*) from booking").fetchone() == (1,)
    connection.close()


def test_another_key_is_another_booking(tmp_path: Path) -> None:
    book = BookingBook(tmp_path / "bookings.sqlite")
    assert book.find("a") is None
    for key in "ab":
        book.book(Booking(key=key, day="Friday", party=2, name="'); drop table booking; --"))
    assert book.find("b") == Booking(
        key="b", day="Friday", party=2, name="'); drop table booking; --"
    )


def test_where_the_book_lies() -> None:
    both = {"UNBROKEN_BOOKINGS": "/a/b.sqlite", "UNBROKEN_DATA": "/d"}
    assert path_from(both) == Path("/a/b.sqlite")
    assert path_from({"UNBROKEN_DATA": "/d"}) == Path("/d/bookings.sqlite")
    assert path_from({"XDG_DATA_HOME": "/x"}).name == "bookings.sqlite"


def test_an_order_begins_empty() -> None:
    assert Order() == Order(name=None, day=None, party=None, offer=None, booked=[], notes=[])
