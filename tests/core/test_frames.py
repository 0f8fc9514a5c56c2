"""Frames: what is read was written, or it is nothing."""

import pytest

from unbroken.journal.frames import ENTRY, Frame, decode_frame, encode_frame


def test_no_flipped_bit_is_read_as_what_was_never_written():
    frame = Frame(ENTRY, 7, 1_790_000_000_000_000, "note", 0, b'{"data":"Friday","name":"day"}')
    whole = encode_frame(frame)
    assert decode_frame(whole, 0) == (frame, len(whole))
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        assert decode_frame(bytes(damaged), 0) is None


@pytest.mark.parametrize("missing", [1, 5, 30])
def test_a_frame_that_is_cut_is_none(missing):
    whole = encode_frame(Frame(ENTRY, 1, 0, "note", 0, b"some words that were said"))
    assert decode_frame(whole[:-missing], 0) is None
