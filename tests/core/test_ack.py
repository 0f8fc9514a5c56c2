"""The ack file: what an agent and its keeper tell each other."""

import pytest

from unbroken.env import Host
from unbroken.journal.ack import WORDS, Ack

RING = 14  # losses whose n can be told


@pytest.fixture
def both(tmp_path):
    """The agent's view and the keeper's, of one file."""
    views = [Ack(Host().open_words(str(tmp_path / "ack"), WORDS)) for _ in range(2)]
    yield views
    for view in views:
        view.close()


def test_each_side_sees_what_the_other_says(both):
    agent, keeper = both
    session_id = Host().new_id()
    agent.beat(123)
    agent.append(8)
    agent.hang_up(7)
    keeper.confirm(acked=5, term=2, boot_us=456)
    keeper.bind(session_id, base=3)
    assert keeper.taken_back == 0
    assert (keeper.beats, keeper.appended, keeper.hung_up) == ((1, 123), 8, 7)
    assert (agent.acked, agent.term, agent.confirmed_us) == (5, 2, 456)
    agent.take_back(8)
    assert (keeper.hung_up, keeper.taken_back) == (0, 8)
    assert (agent.session_id, agent.base) == (session_id, 3)


def test_who_waits_for_less_takes_nothing_from_who_waits_for_more(both):
    agent, keeper = both
    agent.want(9)
    agent.want(4)
    assert keeper.wanted == 9


def test_what_was_lost_is_told_by_number(both):
    agent, keeper = both
    for n in (3, 5, 8):
        keeper.lose(n)
    assert agent.lost_since(0) == [3, 5, 8]
    assert agent.lost_since(2) == [8]
    assert agent.lost_since(3) == []


def test_more_losses_than_can_be_named_are_said_to_be_unknown(both):
    agent, keeper = both
    for n in range(1, RING + 2):
        keeper.lose(n)
    assert agent.lost_since(0) is None
    assert agent.lost_since(1) == list(range(2, RING + 2))
