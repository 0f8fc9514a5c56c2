"""Which texts have the same words.

One utterance is written in several ways: as a model wrote it, as it was heard, as an application
keeps it. Case, spacing, punctuation and markdown differ between them and say nothing. Letters,
their combining marks, numbers, operators and pictures do: "C" is not "C++", nor -5 +5, nor 👍 👎.
Vowel points, which Arabic and Hebrew may leave out, count where both texts have them.
"""

import re
import unicodedata

import msgspec

COMPARED_CHARS_MAX = 8_000  # of a longer text the rest is compared as it is, but for case and space

_POINT = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u06d6-\u06ed"
_POINTS = re.compile(f"[{_POINT}]")
_LETTER = re.compile(f"([^{_POINT}])([{_POINT}]*)")
_UNSEEN = re.compile("[\u0640\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # tatweel, variants of a picture
_SPACES = frozenset("\u200b\u200c")  # control characters that separate
# Scripts that are written without spaces: where one stands there says nothing.
_SPACELESS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]"
)
_MARKS = frozenset("#%&@^‰٪")  # operators that Unicode takes for punctuation
_OPERATORS = (
    ("#", re.compile(r"^[ \t]*#+\s", re.MULTILINE), " "),  # a heading
    ("*", re.compile(r"(?<=\d)\s*\*\s*(?=\d)"), "×"),  # noqa: RUF001
    ("/", re.compile(r"(?<=\d)\s*/\s*(?=\d)"), "÷"),
    ("-‐‑–", re.compile(r"(?<!\w)[-‐‑–](?=[$€£¥₹]?\d)|(?<=\d)\s+[-‐‑–]\s+(?=\d)"), "−"),  # noqa: RUF001
)


class Words(msgspec.Struct, frozen=True):
    """What of a text counts: its words, those with vowel points if it has any, and pictures."""

    bare: str
    pointed: str
    pictures: str

    @property
    def key(self) -> str:
        """The same for all texts that are alike."""
        return self.bare or self.pictures


def words(text: str) -> Words:
    plain = unicodedata.normalize("NFC", text.casefold())
    head, rest = _with_operators(plain[:COMPARED_CHARS_MAX]), plain[COMPARED_CHARS_MAX:]
    pictures = "" if head.isascii() else "".join(filter(_is_picture, head))
    whole = _spaced(head.translate(_PIECES) + rest)
    bare = _spaced(_POINTS.sub("", whole))
    if not bare and not pictures:
        bare = unicodedata.normalize("NFKC", _spaced(plain))  # nothing but punctuation
    return Words(bare, whole if whole != bare else "", pictures)


def alike(role: str, a: Words, b: Words) -> bool:
    """The same words. An assistant's pictures are not heard: one of both texts may lack them."""
    if a.bare != b.bare:
        return False
    is_heard = role == "assistant" and bool(a.bare) and not (a.pictures and b.pictures)
    return (a.pictures == b.pictures or is_heard) and _points_agree(a, b)


def begins(part: Words, whole: Words) -> bool:
    """`whole` says what `part` says, and may go on; without words nothing is begun."""
    return bool(part.bare) and whole.bare.startswith(part.bare)


def _with_operators(text: str) -> str:
    """With signs that are operators here, and elsewhere punctuation, as what they mean."""
    for signs, found, operator in _OPERATORS:
        if any(sign in text for sign in signs):  # most texts have none
            text = found.sub(operator, text)
    return text


class _Pieces(dict[int, str]):
    """What stands for a character among words."""

    def __missing__(self, code: int) -> str:
        self[code] = piece = _piece(chr(code))
        return piece


def _piece(char: str) -> str:
    kind = unicodedata.category(char)
    if kind[0] in "LNM":
        return "" if _UNSEEN.match(char) else f" {char} " if _SPACELESS.match(char) else char
    if kind in ("Sm", "Sc") or char in _MARKS:
        return f" {char} "
    return "" if kind == "Cf" and char not in _SPACES else " "


def _is_picture(char: str) -> bool:
    """Emoji and the like, and the colour of their skin."""
    kind = unicodedata.category(char)
    return kind == "So" or (kind == "Sk" and char > "\uffff")


def _points_agree(a: Words, b: Words) -> bool:
    """Of each letter one text has all the points that the other has."""
    if not (a.pointed and b.pointed):
        return True
    pairs = zip(_points(a.pointed), _points(b.pointed), strict=False)
    return all(one <= other or other <= one for one, other in pairs)


def _points(text: str) -> list[frozenset[str]]:
    return [frozenset(points) for _, points in _LETTER.findall(text)]


def _spaced(text: str) -> str:
    return " ".join(text.split())


_PIECES = _Pieces()  # at most one for each character there is
