"""A title taken apart: its base, and which season, part and year of it is meant.

``S2``, ``2``, ``Season 2``, ``2nd Season``, ``II``, ``Second Season`` and ``×2`` behind a base are
one form, and so are a title with and without ``(TV)`` behind it.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

from rapidfuzz.distance import OSA

PARTICLES = frozenset([
    "a", "an", "and", "de", "e", "ga", "in", "ni", "no", "o", "of", "on", "the", "to", "wa", "wo",
    "x",
])  # fmt: skip
"""Words that people often leave out or mistake for one another."""

GREATEST_BARE = 9
"""A number at the end of a title is a season up to this; ``Eyeshield 21`` is a name."""

FIRST_YEAR, LAST_YEAR = 1950, 2035

_ORDINAL_WORDS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
}  # fmt: skip
_ROMAN = {"ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9}
_KANJI = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6}
_WORD = "|".join(_ORDINAL_WORDS)
_NUMBER = rf"(?P<n>\d{{1,2}}|{_WORD})"
_BREAK = r"[\s:;,\-–—~(\[<]*"
_END = r"[)\]>\s]*$"
_GAP = r"(?:[\s:;,\-–—~(\[<!?.'’]+|(?<=[!?.'’)\]]))"
_SEASON = r"(?:season|saison|staffel|temporada)"
_THE = r"\b(?:the\s+)?"
_SUFFIXES = [
    ("year", re.compile(rf"{_BREAK}[(\[](?P<n>(?:19|20)\d\d)[)\]]\s*$")),
    ("year", re.compile(r"\s+(?P<n>(?:19|20)\d\d)\s*$")),
    ("tv", re.compile(rf"{_BREAK}[(\[]?\btv\b(?:\s*(?:series|anime))?{_END}")),
    ("part", re.compile(rf"{_BREAK}\b(?:part|pt\.?|cour)\s*{_NUMBER}{_END}")),
    ("part", re.compile(rf"{_BREAK}\b(?P<n>\d)(?:st|nd|rd|th)\s+(?:part|cour){_END}")),
    ("part", re.compile(rf"{_GAP}p(?P<n>\d){_END}")),
    ("season", re.compile(rf"{_BREAK}{_THE}{_SEASON}\s*{_NUMBER}{_END}")),
    ("season", re.compile(rf"{_BREAK}{_THE}(?P<n>\d{{1,2}})\s*(?:st|nd|rd|th)\s+season{_END}")),
    ("season", re.compile(rf"{_BREAK}{_THE}(?P<n>{_WORD})\s+season{_END}")),
    ("season", re.compile(rf"{_BREAK}\bseason\s*(?P<n>ii|iii|iv|v|vi){_END}")),
    ("season", re.compile(rf"{_GAP}s\.?\s?(?P<n>\d{{1,2}}){_END}")),
    ("season", re.compile(rf"\s*第?(?P<n>\d|[一二三四五六])(?:期|シーズン){_END}")),
    ("season", re.compile(rf"{_BREAK}シーズン(?P<n>\d){_END}")),
    ("number", re.compile(rf"(?:{_GAP}|(?<=\w)(?=×))[x×](?P<n>\d){_END}")),
    ("number", re.compile(rf"{_GAP}(?P<n>\d)(?:st|nd|rd|th){_END}")),
    ("number", re.compile(rf"{_GAP}(?P<n>ii|iii|iv|v|vi|vii|viii|ix){_END}")),
    ("number", re.compile(rf"{_GAP}(?P<n>\d){_END}")),
    ("number", re.compile(rf"{_BREAK}[(\[](?P<n>second|third|fourth|fifth)[)\]]\s*$")),
]  # fmt: skip
"""How a season, a part, a year, or that it is the series, stands at the end of a title."""

_TAIL = re.compile(r"[.!?:'’`°☆★♪♥†+*~…‼⁉△▽×√ψΨ∬]+$")
_CLOSERS = ' \t"”»」』)]-–—;,'
_NOT_ALNUM_ASCII = re.compile("[^a-z0-9]+")
_DIGITS = re.compile(r"\d+")


def normalized(text: str) -> str:
    """Return a name as it is compared: compatibility form, no accents, case or punctuation."""
    if text.isascii():
        return _NOT_ALNUM_ASCII.sub(" ", text.lower()).strip() or " ".join(text.split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    # Combining marks are dropped after Latin letters only: in kana they are part of the letter.
    kept = (c for c in decomposed if not ("\u0300" <= c <= "\u036f"))
    composed = unicodedata.normalize("NFC", "".join(kept))
    words = "".join(c if c.isalnum() else " " for c in composed).split()
    return " ".join(words or text.split())


def letters(text: str) -> str:
    """Return a name as it was written, but for case, blanks, HTML entities and full-width forms."""
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("’", "'").replace("`", "'")
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class TitleForm:
    """A title taken apart.

    Attributes
    ----------
    base : what is left of it, normalised and without blanks.
    words : the same with blanks.
    tail : the marks that it ends in: they alone tell ``Gintama`` from ``Gintama.``.
    season, part, year : 0 where it names none.
    spoken : whether the season is called one, rather than given by a mere number.
    tv : whether it says that it is the series.
    """

    base: str
    words: str
    tail: str = ""
    season: int = 0
    part: int = 0
    year: int = 0
    spoken: bool = False
    tv: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it names no season, part or year, nor that it is the series."""
        return not (self.season or self.part or self.year or self.tv)


def form_of(text: str) -> TitleForm:
    """Return a title taken apart; nothing of it is taken off if nothing else would be left."""
    rest = letters(text)
    found: dict[str, int] = {}
    spoken = tv = False
    while True:
        for what, shape in _SUFFIXES:
            match = shape.search(rest)
            if match is None or not normalized_base(rest[: match.start()]):
                continue
            number = _value(match.groupdict().get("n"))
            slot = "season" if what == "number" else what
            if slot in found and found[slot] != number:
                continue
            if what == "year" and not FIRST_YEAR <= number <= LAST_YEAR:
                continue
            if what in ("number", "season", "part") and number == 0:
                continue
            if what == "number" and number > GREATEST_BARE:
                continue
            spoken |= what == "season"
            tv |= what == "tv"
            found[slot] = number
            # The marks behind the base belong to it, what parts it from the suffix does not.
            rest = _before(rest, match)
            break
        else:
            break
    words = normalized_base(rest)
    tail = _TAIL.search(rest.rstrip(_CLOSERS))
    return TitleForm(
        base=words.replace(" ", ""),
        words=words,
        tail=tail[0] if tail and tail.start() else "",
        season=found.get("season", 0),
        part=found.get("part", 0),
        year=found.get("year", 0),
        spoken=spoken,
        tv=tv,
    )


def _before(rest: str, match: re.Match[str]) -> str:
    start = match.start()
    marks = re.match(r"[!?.'’]+", rest[start:])
    return rest[: start + (marks.end() if marks else 0)].rstrip()


def normalized_base(text: str) -> str:
    """Return what `normalized` makes of a base, empty if no letter or digit is in it."""
    return normalized(text) if any(c.isalnum() for c in text) else ""


def _value(text: str | None) -> int:
    if not text:
        return 0
    for table in (_ORDINAL_WORDS, _ROMAN, _KANJI):
        if text in table:
            return table[text]
    return int(text)


def tails_agree(typed: str, name: str) -> bool:
    """Return whether what was typed ends in the marks of a name, or in none."""
    return not typed or typed == name


def differ_by_typos(typed: str, name: str) -> bool:
    """Return whether two bases, as normalised words, are the same but for slips of typing.

    Each word must be the other's but for a letter or two; short words and numbers must be equal;
    only particles may be left out or mistaken. A word more, or another word, is another title.
    """
    if _DIGITS.findall(typed) != _DIGITS.findall(name):
        return False
    ours, theirs = typed.split(), name.split()
    if len(ours) != len(theirs) or any(map(_mistaken, ours, theirs)):
        ours = [word for word in ours if word not in PARTICLES]
        theirs = [word for word in theirs if word not in PARTICLES]
        if min(len(ours), len(theirs)) < 2:
            return typed.replace(" ", "") == name.replace(" ", "")
    if len(ours) != len(theirs):
        return typed.replace(" ", "") == name.replace(" ", "")
    slips = 0
    for a, b in zip(ours, theirs, strict=True):
        distance = OSA.distance(a, b, score_cutoff=3)
        if distance > (_allowed(min(len(a), len(b))) if a.isascii() and b.isascii() else 0):
            return False
        slips += distance
    return slips <= 1 + len("".join(ours)) // 8


def _mistaken(a: str, b: str) -> bool:
    """Return whether two words differ and one of them is a particle."""
    return a != b and (a in PARTICLES or b in PARTICLES)


def _allowed(length: int) -> int:
    """Return how many slips a word of so many letters may have."""
    return 0 if length < 4 else 1 if length < 8 else 2
