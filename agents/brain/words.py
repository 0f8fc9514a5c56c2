"""What was heard, in one form: lower case, no punctuation, usual recognition slips repaired."""

import re
from functools import lru_cache

TEXT_MAX = 400  # characters that are read; nobody says more in a breath

_CONTRACTIONS = {
    "can't": "cannot", "won't": "will not", "let's": "let us", "i'm": "i am", "who's": "who is",
    "what's": "what is", "it's": "it is", "that's": "that is", "there's": "there is",
    "how's": "how is", "where's": "where is", "name's": "name is", "here's": "here is",
    "today's": "today is", "whats": "what is", "gonna": "going to", "wanna": "want to",
    "gimme": "give me", "lemme": "let me", "cancelled": "cancel", "canceled": "cancel",
}  # fmt: skip
_ENDINGS = (("n't", " not"), ("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'d", " would"))
# Whole words on both sides; the first one that fits is taken.
_SLIPS = [
    (re.compile(rf"\b(?:{heard})\b"), meant)
    for heard, meant in (
        ("to ?morrow|tomorro|tommorow|tomorrows", "tomorrow"),
        ("to night|tonite|two night", "tonight"),
        ("two day|to day", "today"),
        ("mon day|mundy", "monday"),
        ("tues day|chews day|choose day|tuesdays", "tuesday"),
        ("when'?s? day|when is day|when s day|winds day|wends day|wednes day|wins day|wensday",
         "wednesday"),
        ("thurs day|thirsty|thurzday|thirst day|there is day", "thursday"),
        ("fry day|fri day|frida|fright day|friday s|fridays", "friday"),
        ("satur day|sat a day|saturdays|sadder day", "saturday"),
        ("sun day|son day|sundae|sundays", "sunday"),
        (r"(?:have|of|half|her|harp|halve|hof) (?:past|passed|pass|pasta)", "half past"),
        (r"(?:quarter|quota|water|court or|corner|quarters) (?:past|passed|pass|pasta)",
         "quarter past"),
        ("(?:quarter|quota|corner|quarters) (?:to|two|too|till|of)", "quarter to"),
        ("o clock|oh clock|a clock|a'clock|oclock|o'clock|or clock", "o'clock"),
        ("at (?:ate|hate|aid)", "at eight"),
        ("p m|pea em", "pm"),
        ("a m|am in the morning", "am"),
        ("tabel|tables|stable|cable|tabled|tape all|table s|taber|tapel|taple", "table"),
        ("rezervation|reservations|preservation|reser vation|res ervation", "reservation"),
        (("boo a table|buck a table|brook a table|look a table|put a table|bug a table|"
         "bok a table|cook a table|hook a table|took a table"), "book a table"),
        ("peopl|peoples|pupil|pupils|people's|peep hole|pee people", "people"),
        (("make a nut|make a not|make a knot|make a net|make a notes|make a boat|make an oat|"
         "make note|take note|maker note|make i note|make a nout|make and note"), "make a note"),
        ("my nodes|my boats|my nuts|my knots|minutes back|my note|mine notes|my nose",
         "my notes"),
        (("tell me a storey|tell me story|tell me the story|tell me a store|tell me a star e|"
         "tell me history|tell me a sorry"), "tell me a story"),
        (("my name s|my named is|mine name is|my name as|my names|my mame is|my aim is|"
         "my name his"), "my name is"),
        ("(?:and|can|could|would) you (?:know|not|no|node|notes?) that", "can you note that"),
        ("good buy|good by|goodby|bye bye", "goodbye"),
        ("thank s|tanks|thanx", "thanks"),
    )
]  # fmt: skip


@lru_cache(maxsize=1_024)
def plain(text: str) -> str:
    """`text` as the router and the slots read it."""
    text = text[:TEXT_MAX].lower().replace("\u2019", "'")
    text = re.sub(r"(?<=\d)[.](?=\d\d\b)", ":", text)  # 7.30
    text = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", text)  # p.m.
    text = re.sub(r"(?<=\d)(?=[ap]m\b)", " ", text)
    text = re.sub(r"[^\w':]+|(?<!\d):|:(?!\d)|_", " ", text)
    words = " ".join(_expanded(word) for word in text.split())
    for slip, meant in _SLIPS:
        words = slip.sub(meant, words)
    return words


def _expanded(word: str) -> str:
    word = word.strip("'")
    if word in _CONTRACTIONS:
        return _CONTRACTIONS[word]
    for ending, meant in _ENDINGS:
        if word.endswith(ending):
            return word.removesuffix(ending) + meant
    return word
