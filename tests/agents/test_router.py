"""What callers mean, in spite of what speech recognition wrote down."""

import pytest

from agents.brain.agreement import is_cancel, is_no, is_yes
from agents.brain.phrases import PHRASES
from agents.brain.router import route, without_lead
from agents.brain.slots import read
from agents.brain.wish import Slot

HEARD = """
book: I'd like to book a table. | Please book the cable for two | I would like to buck a table.
book: And need a table for five people on Sunday. | Could we have a tabel on Saturday? | look a table for two
book: I want to make a rezervation | Can I get a table tomorrow at half past seven for four?
book: Table for to, please. | Hello there, I would like, if possible, to book a table for four people
book: We would like to come for dinner on when's day | I'd like to make a preservation for tomorrow.
book: Um, I need a, a table for six. | My name is Daniel, and I would like to book a table.
story: Please tell me a long story. | Tell me a storie | Tell me a storey. | Tell me a long sorry
story: Can you tell me a story, please? | I would like to here a story. | tell me history
story_other: Tell me another story. | One more story, please. | tell me another storey
go_on: Go on. | Continue, please. | What happens next? | carry on please
note: Please make a note that I am coming at seven. | make a not that my sister is allergic to nuts
note: Remember that the train leaves at nine. | Take a note. | Make a knot that we come early
note: And you know that I like the window seat. | Write down that we need a high chair.
note: Don't forget that grandma is coming, too. | Remind me to buy flowers. | make note buy milk
note: We can note that I called.
notes_read: Read my nodes. | Read my notes back to me, please. | What are my knots? | Liz, my notes.
notes_read: What did I ask you to remember? | Could you read my notes back to me, please?
name_tell: My name is Ann. | My name's Bob. | Hello, my name is Robert. | You can call me Maria.
name_ask: What's my name? | Do you remember my name? | What is my mane? | Who am I?
name_yours: What is your name? | Who are you? | Who am I talking to?
help: What can you do? | What can you do for me today? | Help. | How can you help me? | what can u do
time: What time is it? | What's the time? | Do you know what time it is? | What time is it now?
date: What day is it today? | What's the date? | What is today's date?
hear: Good morning, can you hear me? | Are you still there? | Can you here me?
how_are_you: How are you? | How are you today? | How are you doing?
human: Are you a robot? | Are you a real person? | Am I talking to a machine?
thanks: Thanks. | Thank you very much. | Thanks a lot. | Thank you so much!
goodbye: Goodbye. | Thank you very much for your help, goodbye. | See you later. | good buy | Bye bye.
hello: Hello. | Hi there! | Good evening. | Hey.
joke: Tell me a joke. | Do you know a joke? | Tell me a choke.
again: Can you repeat that, please? | Say that again. | What did you say? | Pardon?
stop: Stop. | Thank you, that is quite enough for today. | Be quiet, please.
count: Count to twenty, please. | Can you count to ten?
happened: What happened? | Were you gone? | Did you crash?
weather: What's the weather like in the mountains today? | Will it rain tomorrow? | how is the whether
news: Who is the president of France? | Tell me the news.
facts: What is the capital of France? | How many people live in Berlin? | How far is the moon?
sums: What is two plus two? | How much is ten times ten?
music: Can you play some music? | Sing a song. | Can you sing a song?
devices: Turn on the lights in the kitchen. | Set an alarm for seven.
other_bookings: Book a flight to London | Could you book me a hotel room in Paris?
food: Order a pizza for me. | What is on the menu? | I'm hungry.
place: What are your opening hours? | Where are you? | How much does it cost?
person: I want to talk to a human. | I want to talk to a real person. | Let me speak to the manager.
language: Do you speak German? | Can you speak another language?
booked_ask: Did you book it? | What did I book? | Is my table booked? | Did you book a table for me?
booked_undo: Cancel my booking. | Cancel my reservation, please.
notes_delete: Delete my notes.
"""  # noqa: E501
UNKNOWN = [
    "I have a red bicycle and a dog", "The train to the city leaves in the early morning.",
    "Blah blah blah", "xyzzy", "Two of them eyes.", "In nineteen fifty", "Purple elephants dance",
]  # fmt: skip
PARTS: list[tuple[str, Slot | None, dict[str, object]]] = [
    ("tomorrow at half past seven for four", None,
     {"day": "Tomorrow", "time": "19:30", "party": 4}),
    ("A table for to on Friday", None, {"day": "Friday", "party": 2}),
    ("a table for for to morrow at ate", None, {"day": "Tomorrow", "time": "20:00", "party": 4}),
    ("five people on when's day at seven thirty", None,
     {"day": "Wednesday", "time": "19:30", "party": 5}),
    ("quarter to eight for three on thirsty", None,
     {"day": "Thursday", "time": "19:45", "party": 3}),
    ("Saturday night at 8 p.m. for 2 people, name is Alice.", None,
     {"day": "Saturday", "time": "20:00", "party": 2, "name": "Alice"}),
    ("have past six on fry day", None, {"time": "18:30", "day": "Friday"}),
    ("December 24th at 7", None, {"day": "24 December", "time": "19:00"}),
    ("on the twenty fourth of December", None, {"day": "24 December"}),
    ("the day after tomorrow at noon", None, {"day": "The Day After Tomorrow", "time": "12:00"}),
    ("next Monday", None, {"day": "Next Monday"}), ("me and my wife", None, {"party": 2}),
    ("two adults and three kids", None, {"party": 5}), ("not four, five", None, {"party": 5}),
    ("no, not Friday, Saturday", None, {"day": "Saturday"}), ("just me", None, {"party": 1}),
    ("there will be six of us", None, {"party": 6}), ("twenty past six", None, {"time": "18:20"}),
    ("at ten in the morning", None, {"time": "10:00"}),
    ("make it nine o'clock", None, {"time": "21:00"}),
    ("the name is Miller", None, {"name": "Miller"}), ("My aim is Bob", None, {"name": "Bob"}),
    ("For.", "party", {"party": 4}), ("To.", "party", {"party": 2}), ("Ate", "party", {"party": 8}),
    ("Five, please", "party", {"party": 5}), ("Seven", "time", {"time": "19:00"}),
    ("Adate.", "time", {"time": "20:00"}), ("Add eight.", "time", {"time": "20:00"}),
    ("I've ate.", "time", {"time": "20:00"}), ("I want a clock.", "time", {"time": "13:00"}),
    ("for eight", "time", {"time": "20:00"}), ("730", "time", {"time": "19:30"}),
    ("the name is am", None, {"name": "Ann"}),
    ("Ann", "name", {"name": "Ann"}), ("And.", "name", {"name": "Ann"}),
    ("In.", "name", {"name": "Ann"}),
    ("It's Ann Miller.", "name", {"name": "Ann Miller"}), ("For Peter", "name", {"name": "Peter"}),
    ("Under Miller, please.", "name", {"name": "Miller"}),
    ("What time is it?", "time", {}), ("I don't know", "name", {}), ("tell me a joke", "party", {}),
]  # fmt: skip


def heard() -> list[tuple[str, str]]:
    rows = [row.split(": ", 1) for row in HEARD.strip().splitlines()]
    return [(intent, said.strip()) for intent, all_ in rows for said in all_.split(" | ")]


@pytest.mark.parametrize(("intent", "said"), heard())
def test_what_was_heard_is_understood(intent: str, said: str):
    assert route(said).intent == intent, route(said)


@pytest.mark.parametrize("said", UNKNOWN)
def test_what_means_nothing_here_is_no_intent(said: str):
    assert route(said).intent is None, route(said)


def test_every_phrase_means_its_own_intent():
    wrong = [
        (p, route(p)) for i, phrases in PHRASES.items() for p in phrases if route(p).intent != i
    ]
    assert not wrong


def test_a_misspelt_word_does_not_change_what_is_meant():
    """In each phrase of some length the longest word is misheard by a letter."""
    tried = [(i, p) for i, phrases in PHRASES.items() for p in phrases if len(p.split()) >= 3]
    wrong = [(i, misheard(p), route(misheard(p))) for i, p in tried]
    wrong = [(i, p, m) for i, p, m in wrong if m.intent != i]
    assert len(tried) > 300
    assert len(wrong) <= 0.04 * len(tried), wrong


def misheard(phrase: str) -> str:
    longest = max(phrase.split(), key=len)
    middle = len(longest) // 2
    return phrase.replace(longest, longest[:middle] + "e" + longest[middle + 1 :], 1)


@pytest.mark.parametrize(("said", "expected", "parts"), PARTS)
def test_the_parts_of_a_wish_are_read(said: str, expected: Slot | None, parts: dict[str, object]):
    found = {name: value for name, value in vars(read(said, expected)).items() if value is not None}
    assert found == parts


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        *((said, "yes") for said in ("Yes.", "Yes, please.", "Yeah", "Yep.", "Sure, go ahead.",
          "That's right.", "Okay.", "Correct.", "Do it.", "Sounds good.", "Yes, book it.", "Yas")),
        *((said, "no") for said in ("No.", "Nope.", "That is wrong.", "Know.", "Not right.")),
        *((said, "cancel") for said in ("Never mind.", "Cancel, please.", "Forget it.", "Cansel.",
          "No, thank you.", "I changed my mind.", "Don't book it.", "Stop.")),
        *((said, None) for said in ("Tomorrow", "What time is it?", "Ann", "")),
    ],
)  # fmt: skip
def test_agreement_is_told_from_refusal(said: str, answer: str | None):
    found = (
        "cancel" if is_cancel(said) else "yes" if is_yes(said) else "no" if is_no(said) else None
    )
    assert found == answer


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("Please make a note that my sister likes tea.", "my sister likes tea."),
        ("make a not buy milk", "buy milk"), ("Take a note.", ""),
        ("Remind me to buy flowers.", "buy flowers."), ("Buy milk.", "Buy milk."),
        ("Make a note: bring the red umbrella.", "bring the red umbrella."),
    ],
)  # fmt: skip
def test_a_note_is_what_follows_its_lead(said: str, note: str):
    assert without_lead(said, "note").removeprefix("that ") == note
