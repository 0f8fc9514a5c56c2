"""A hundred callers with a wish: what they say first, what they answer, and when they are content.

A caller behaves as people do: answers what is asked, says again what was not understood, and
corrects what is read back wrongly. Used with written words in tests, and with spoken ones in
`python -m bench wishes`.
"""

import re
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

TURNS_MAX = 14  # then a caller gives up
SOUNDS_ALIKE = 60  # of 100: Ann and Anne are one name to the ear
Answer = Callable[[str], Awaitable[str]]  # what the assistant answers to what the caller says


@dataclass(frozen=True, kw_only=True)
class Table:
    """A wish for a table, and how its parts are said."""

    opening: str
    day: tuple[str, str]  # as it is said, as it stands in the book
    time: tuple[str, str]
    party: tuple[str, int]
    name: str
    aside: str | None = None  # something else that is asked when the name is asked for
    change: tuple[str, str, str | int] | None = None  # what is said at the offer, part, new value
    gives_up: str | None = None  # said at the offer instead of yes

    @property
    def wanted(self) -> dict[str, str | int]:
        parts: dict[str, str | int] = {
            "day": self.day[1], "time": self.time[1], "party": self.party[1], "name": self.name,
        }  # fmt: skip
        return parts | ({self.change[1]: self.change[2]} if self.change else {})


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Other wishes: what is said, and what must be in the answer to it."""

    lines: tuple[tuple[str, str], ...]


Script = Table | Talk


async def is_met(script: Script, answer: Answer, book: Path) -> bool:
    """Whether the caller of `script` gets what they want."""
    if isinstance(script, Talk):
        return await _talks(script, answer)
    await _arranges(script, answer)
    return _stands(script, book)


async def _talks(script: Talk, answer: Answer) -> bool:
    """Every line is answered as it should be, at the second time at the latest."""
    for said, expected in script.lines:
        for _ in range(2):
            if re.search(expected, await answer(said), re.IGNORECASE):
                break
        else:
            return False
    return True


async def _arranges(script: Table, answer: Answer) -> None:
    said, aside, change = script.opening, script.aside, script.change
    answered: set[str] = set()
    for _ in range(TURNS_MAX):
        reply = await answer(said)
        if re.search(r"\bis booked\b|nothing is booked", reply):
            return
        asked = _asked(reply)
        if asked == "name" and aside:
            said, aside = aside, None
        elif asked == "offer":
            said, change = _to_the_offer(script, reply, change)
        elif asked:
            said = _part(script, asked, is_again=asked in answered)
            answered.add(asked)


def _asked(reply: str) -> str | None:
    """What the last question is about."""
    asks = {
        "day": r"which day", "time": r"what time", "party": r"how many", "name": r"what name",
        "offer": r"shall i book it|shall i go on", "change": r"shall i change",
    }  # fmt: skip
    lowered = reply.lower()
    places = {name: [m.end() for m in re.finditer(p, lowered)] for name, p in asks.items()}
    found = {name: ends[-1] for name, ends in places.items() if ends}
    return max(found, key=lambda name: found[name]) if found else None


def _part(script: Table, asked: str, *, is_again: bool) -> str:
    """An answer; who is asked again says it in a longer way."""
    if is_again:
        clock = _clock(script.time[1])
        again = {
            "day": f"I would like to come {script.day[0].lower()}", "time": f"The time is {clock}.",
            "party": f"We are {script.party[1]} people.",
        }  # fmt: skip
        return again.get(asked, f"My name is {script.name}.")
    parts = {"day": script.day[0], "time": script.time[0], "party": script.party[0]}
    return parts.get(asked, script.name)


def _to_the_offer(
    script: Table, reply: str, change: tuple[str, str, str | int] | None
) -> tuple[str, tuple[str, str, str | int] | None]:
    """A planned change first; then what was misunderstood is corrected; then it is agreed to."""
    if change:
        return change[0], None
    if script.gives_up:
        return script.gives_up, None
    if wrong := _wrong(script, reply):
        return f"No, {wrong}", None
    return "Yes, please.", None


def _wrong(script: Table, reply: str) -> str | None:
    """How to say what the offer has wrong; names are compared as they sound."""
    wanted = script.wanted
    offered = re.search(r"for (\d+) (.*?)(?: at ([\d: apm]+|noon))?(?:, for (.*?))?[.:]", reply)
    if offered is None:
        return None
    changed = script.change[1] if script.change else None
    if offered[1] != str(wanted["party"]):
        return script.party[0] if changed != "party" else f"for {wanted['party']} people"
    if str(wanted["day"]).lower() not in offered[2].lower():
        return script.day[0] if changed != "day" else f"on {wanted['day']}"
    if _clock(str(wanted["time"])) != (offered[3] or "").strip():
        return f"at {_clock(str(wanted['time']))}"
    if fuzz.ratio(str(wanted["name"]).lower(), (offered[4] or "").lower()) < SOUNDS_ALIKE:
        return f"the name is {wanted['name']}"
    return None


def _clock(time: str) -> str:
    hour, minute = int(time[:2]), time[3:]
    if time == "12:00":
        return "noon"
    minutes = "" if minute == "00" else f":{minute}"
    return f"{(hour - 1) % 12 + 1}{minutes} {'pm' if hour >= 12 else 'am'}"


def _stands(script: Table, book: Path) -> bool:
    """Exactly what was wanted is in the book, once."""
    if not book.exists():
        return script.gives_up is not None
    with sqlite3.connect(book) as connection:
        rows = connection.execute("select day, time, party, name from booking").fetchall()
    connection.close()
    if script.gives_up or len(rows) != 1:
        return script.gives_up is not None and not rows
    wanted = script.wanted
    day, time, party, name = rows[0]
    same = (day.lower(), time, party) == (
        str(wanted["day"]).lower(),
        wanted["time"],
        wanted["party"],
    )
    return same and fuzz.ratio(str(wanted["name"]).lower(), (name or "").lower()) >= SOUNDS_ALIKE


def _table(row: str, **more: object) -> Table:
    """ "opening | day | in the book | time | 19:30 | people | 4 | name"."""
    opening, day, day_kept, time, clock, people, count, name = (p.strip() for p in row.split("|"))
    return Table(
        opening=opening, day=(day, day_kept), time=(time, clock), party=(people, int(count)),
        name=name, **more,  # type: ignore[arg-type]
    )  # fmt: skip


_TABLES = """
I'd like to book a table.|Tomorrow.|Tomorrow|Half past seven.|19:30|For four people.|4|Ann
Can I book a table, please?|On Friday.|Friday|At eight o'clock.|20:00|For two people.|2|Peter
I want to reserve a table.|On Saturday, please.|Saturday|At seven.|19:00|There will be six of us.|6|Maria
Please book a table for two on Friday.|On Friday.|Friday|At half past eight.|20:30|For two people.|2|John
Book a table tomorrow at half past seven for four.|Tomorrow.|Tomorrow|Half past seven.|19:30|For four people.|4|Ann Miller
I need a table for five people on Sunday.|On Sunday.|Sunday|At one o'clock.|13:00|For five people.|5|David
Do you have a table for three tonight?|Tonight.|Tonight|At nine o'clock.|21:00|For three people.|3|Sarah
We would like to come for dinner on Wednesday.|On Wednesday.|Wednesday|At quarter past seven.|19:15|We will be eight people.|8|Thomas
Good evening, I'd like to make a reservation for tomorrow.|Tomorrow.|Tomorrow|At six thirty.|18:30|Just for two.|2|Emma
Hello, can I get a table for four people on Monday at seven?|On Monday.|Monday|At seven.|19:00|Four people.|4|Robert
Table for ten on Saturday at eight, please.|On Saturday.|Saturday|At eight.|20:00|Ten people.|10|Susan
Could you book us a table for Tuesday at half past six?|On Tuesday.|Tuesday|Half past six.|18:30|Seven people.|7|Michael
My name is Daniel and I would like to book a table.|Tomorrow.|Tomorrow|At eight.|20:00|For three people.|3|Daniel
I want a table for six tomorrow at seven, my name is Laura.|Tomorrow.|Tomorrow|At seven.|19:00|For six people.|6|Laura
Make a reservation for Thursday at quarter to eight for two people.|On Thursday.|Thursday|At quarter to eight.|19:45|For two people.|2|Martin
Reserve a table for nine people on Friday, please.|On Friday.|Friday|At half past seven.|19:30|Nine people.|9|Helen
I'd like a table for next Monday.|Next Monday.|Next Monday|At six o'clock.|18:00|For four people.|4|George
Is there a table free tonight at eight?|Tonight.|Tonight|At eight.|20:00|For two people.|2|Alice
Can we have a table on Sunday at noon for five people?|On Sunday.|Sunday|At noon.|12:00|For five people.|5|Paul
Please reserve a table.|The day after tomorrow.|The day after tomorrow|Seven thirty.|19:30|For three people.|3|Julia
Book a table for twelve people on Saturday at six.|On Saturday.|Saturday|At six.|18:00|For twelve people.|12|Oliver
I would like to book a table for me and my wife tomorrow.|Tomorrow.|Tomorrow|At eight thirty.|20:30|For two people.|2|Henry
We need a table for seven.|On Thursday.|Thursday|At seven o'clock.|19:00|For seven people.|7|Grace
Get me a table for tomorrow at nine.|Tomorrow.|Tomorrow|At nine.|21:00|For four people.|4|Simon
I need a reservation for three people at half past eight on Tuesday.|On Tuesday.|Tuesday|Half past eight.|20:30|Three people.|3|Clara
Hi, a table for two, please.|Today.|Today|At eight o'clock.|20:00|For two people.|2|Frank
I want to book.|On Friday.|Friday|At seven in the evening.|19:00|We are five people.|5|Nora
Could I book a table for tomorrow evening?|Tomorrow.|Tomorrow|At eight in the evening.|20:00|For six people.|6|Victor
We want to come for dinner on Saturday, eight people at half past seven.|On Saturday.|Saturday|Half past seven.|19:30|Eight people.|8|Lucy
A table for four tomorrow at six under the name of Baker.|Tomorrow.|Tomorrow|At six.|18:00|For four people.|4|Baker
"""  # noqa: E501
_CHANGES = """
I'd like to book a table for four tomorrow at seven.|Tomorrow.|Tomorrow|At seven.|19:00|For four people.|4|Ann|No, for five people.|party|5
Book a table for two on Friday at eight.|On Friday.|Friday|At eight.|20:00|For two people.|2|Peter|No, on Saturday.|day|Saturday
I need a table for six on Monday at seven.|On Monday.|Monday|At seven.|19:00|For six people.|6|Maria|Make it eight o'clock.|time|20:00
Please book a table for three tomorrow.|Tomorrow.|Tomorrow|At six.|18:00|For three people.|3|John|Not three, four people.|party|4
Reserve a table for tonight at nine for two people.|Tonight.|Tonight|At nine.|21:00|For two people.|2|Sarah|No, at half past eight, please.|time|20:30
A table for five on Sunday at one o'clock.|On Sunday.|Sunday|At one o'clock.|13:00|For five people.|5|David|Yes, but for six people.|party|6
Book a table for seven people on Tuesday at seven.|On Tuesday.|Tuesday|At seven.|19:00|For seven people.|7|Emma|Sorry, I mean Wednesday.|day|Wednesday
Can I get a table for two tomorrow at eight?|Tomorrow.|Tomorrow|At eight.|20:00|For two people.|2|Robert|The name is Roger.|name|Roger
I'd like a table for four on Thursday at half past seven.|On Thursday.|Thursday|Half past seven.|19:30|For four people.|4|Susan|Could we come at nine o'clock instead?|time|21:00
Table for three on Saturday.|On Saturday.|Saturday|At eight.|20:00|For three people.|3|Michael|No, there will be eight people.|party|8
"""  # noqa: E501
_ASIDES = """
I'd like to book a table for two on Friday.|On Friday.|Friday|At eight.|20:00|For two people.|2|Ann|What time is it?
Book a table for tomorrow, please.|Tomorrow.|Tomorrow|At seven.|19:00|For four people.|4|Peter|What can you do?
I need a table.|On Sunday.|Sunday|At six o'clock.|18:00|For five people.|5|Maria|How are you?
Reserve a table for Saturday at half past seven.|On Saturday.|Saturday|Half past seven.|19:30|For six people.|6|Thomas|Tell me a joke.
Can I book a table for three?|Tomorrow.|Tomorrow|At eight thirty.|20:30|For three people.|3|Sarah|What is the weather like today?
I want a table for Monday.|On Monday.|Monday|At seven.|19:00|For two people.|2|David|Are you a robot?
Make a reservation for eight people on Friday.|On Friday.|Friday|At nine.|21:00|Eight people.|8|Laura|What day is it today?
Please book a table for four on Wednesday.|On Wednesday.|Wednesday|At six thirty.|18:30|For four people.|4|Martin|Can you say that again?
"""  # noqa: E501
_GIVEN_UP = """
I'd like to book a table for two tomorrow at seven.|Tomorrow.|Tomorrow|At seven.|19:00|For two people.|2|Ann|Never mind.
Book a table for four on Friday at eight.|On Friday.|Friday|At eight.|20:00|For four people.|4|Peter|Cancel, please.
I need a table for six on Sunday at noon.|On Sunday.|Sunday|At noon.|12:00|For six people.|6|Maria|No, thank you.
Reserve a table for three tonight at nine.|Tonight.|Tonight|At nine.|21:00|For three people.|3|John|Forget it.
"""  # noqa: E501
_TALKS = """
Please make a note that my sister is allergic to nuts.>noted.*sister > Read my notes.>notes.*sister
Remember that the train leaves at nine.>noted.*train > What are my notes?>notes.*train
Take a note.>what shall I note > Buy milk and bread.>noted.*milk > Read my notes back to me, please.>milk
Can you note that I like the window seat?>noted.*window > What did I ask you to remember?>window
Write down that we need a high chair.>noted.*chair > Read my notes.>chair
Keep a note, please: call the doctor on Monday.>noted.*doctor > Could you read my notes back to me?>doctor
Do not forget that grandma is coming, too.>noted.*coming > Do I have any notes?>coming
Make a note: bring the red umbrella.>noted.*umbrella > And make a note that it is raining.>noted.*rain > Read my notes.>umbrella.*rain
Remind me to buy flowers.>noted.*flowers > List my notes.>flowers
Please note that I am coming at seven.>noted.*seven|noted.*7 > Read me my notes.>seven|7
What are my notes?>no notes > Note that I am left handed.>noted.*left > Read my notes.>left
Good morning, can you hear me?>hear|am here > Please remember that I drink tea.>noted.*tea > Read my notes, please.>tea
My name is Ann.>nice to meet you, an > What is my name?>your name is an
My name is Peter.>meet you, p > Do you remember my name?>your name is p
Do you know my name?>do not know your name > My name is Sarah.>meet you, sar > What's my name?>your name is sar
Hello, my name is Robert.>meet you, rob > Who am I?>your name is rob
You can call me Maria.>meet you, mar > Tell me a joke.>. > What is my name?>name is mar
What is my name?>do not know > Call me David.>meet you, dav > Say my name.>name is dav
Please tell me a long story.>lighthouse > Thank you.>welcome|pleasure|gladly
Tell me a story.>lighthouse > Tell me another story.>mountains
Can you tell me a story, please?>lighthouse > Go on.>end of the story
I would like to hear a story.>lighthouse > One more story, please.>mountains > Thank you, goodbye.>goodbye
Do you know a story?>lighthouse > What time is it?>\\d (am|pm)|noon
Hello.>hello|hi > What can you do?>book a table
Help.>book a table > What time is it?>it is .*(am|pm|noon)
What day is it today?>today is > Thanks a lot.>welcome|pleasure|gladly
How are you today?>well > Who are you?>assistant
Are you a real person?>program > What can you do for me?>table
Good afternoon.>hello|hi > How are you doing?>well > Goodbye.>goodbye
What is the weather like in the mountains today?>weather.*table|weather.*time
Who is the president of France?>news|know > What can I ask you?>table
What is the capital of France?>know > Tell me a joke.>.
Can you play some music?>music > Tell me a story, then.>lighthouse
I want to talk to a real person.>no person > Make a note that I called.>noted.*call
Order a pizza for me.>menu|table > Thank you very much.>welcome|pleasure|gladly
What are your opening hours?>not told|do not know that|not something > Thank you, bye.>goodbye
Count to twenty, please.>nineteen > Very good.>thank you|glad
Turn on the lights in the kitchen.>cannot|out of my reach > What time is it now?>it is
Do you speak German?>English > Can you repeat that?>English
Can you say that again?>how can I help > Did you book a table for me?>nothing
How much is two plus two?>calculate > What else can you do?>table
Tell me the news.>news > What is your name?>assistant
What happened?>took over|restarted > Are you still there?>hear|here
Will it rain tomorrow?>weather > What did I book?>nothing stands
Can you sing a song?>music > Count to ten.>nine
I am hungry.>table > What is the time?>it is
Tell me something funny.>. > Thanks.>welcome|pleasure|gladly > See you later.>goodbye
Stop.>all right > What can you do?>table
"""  # noqa: E501


def _rows(text: str) -> list[str]:
    return [row for row in text.strip().splitlines() if row]


def _talk(row: str) -> Talk:
    parts = [part.strip() for part in row.split(">")]
    return Talk(lines=tuple(zip(parts[::2], parts[1::2], strict=True)))


def _changing(row: str) -> Table:
    wish, said, part, value = row.rsplit("|", 3)
    return _table(wish, change=(said, part, int(value) if value.isdigit() else value))


SCRIPTS: tuple[Script, ...] = (
    *map(_table, _rows(_TABLES)),
    *map(_changing, _rows(_CHANGES)),
    *(_table(w, aside=a) for w, a in (row.rsplit("|", 1) for row in _rows(_ASIDES))),
    *(_table(w, gives_up=g) for w, g in (row.rsplit("|", 1) for row in _rows(_GIVEN_UP))),
    *map(_talk, _rows(_TALKS)),
)
