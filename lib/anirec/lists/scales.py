"""Scores: on which scale a file's are, and what each is on the scale of 10."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from anirec.config import InputError

TEN, HUNDRED, STARS, SMILEYS = "10", "100", "5 stars", "3 smileys"
GREATEST = {TEN: 10.0, HUNDRED: 100.0, STARS: 5.0, SMILEYS: 3.0}
"""The scales, and the greatest score on each."""

SMILEY_RATINGS = {1: 3.5, 2: 6.0, 3: 8.5}
"""What AniList counts its smileys as: 35, 60 and 85 of 100."""

NOT_SCORED = frozenset(["", "0", "-", "–", "—", "-1", "none", "null", "nan", "n/a", "unrated", "?"])
HAPPY, SO_SO, SAD = (
    frozenset("😀😃😄😁😆😊🙂😍🤩☺😻❤"),
    frozenset("😐😑😶"),
    frozenset("🙁☹😞😠😡😢😭😒👿"),
)
SPELLED_SMILEYS = {":)": 3, ":-)": 3, ":|": 2, ":-|": 2, ":(": 1, ":-(": 1}
UP = frozenset([
    "true", "yes", "y", "1", "+", "+1", "up", "like", "liked", "likes", "love", "loved", "good",
    "thumbsup", "thumbs up", "thumb up", "x", "✓", "✔", "👍", "❤", "♥", "☑", "✅", "ja", "oui",
    "si", "да", "favorite", "favourite",
])  # fmt: skip
DOWN = frozenset([
    "false", "no", "n", "-", "-1", "down", "dislike", "disliked", "dislikes", "hate", "hated",
    "bad", "thumbsdown", "thumbs down", "thumb down", "✗", "✘", "👎", "❌", "nein", "non", "нет",
])  # fmt: skip
_THUMB_SIGNS = frozenset("👍👎❤♥✅❌✓✔✗✘☑")
_TONES = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f\u200d]")
_NUMBER = r"(?P<value>[0-9]{1,4}(?:[.,][0-9]{1,4})?)"
_OF = re.compile(rf"{_NUMBER}\s*(?:/|of|out of|von|sur|из)\s*(?P<of>5|10|100|20)(?:[.,]0+)?")
_PERCENT = re.compile(rf"{_NUMBER}\s*%")
_SAID_STARS = re.compile(
    rf"(?:{_NUMBER}\s*(?:stars?|★|⭐)|[★⭐]\s*(?P<after>[0-9](?:[.,][0-9]+)?))"
)
_DRAWN = re.compile(r"(?P<full>[★⭐🌟]+)(?P<half>[½⯨⯪]|\.5)?(?P<empty>[☆✩✰]*)")
_PLAIN = re.compile(_NUMBER)
_BEHIND = (
    re.compile(r"(?P<title>.+?)\s*[:：=|\t]\s*(?P<score>[^:：=|\t]+)"),
    re.compile(r"(?P<title>.+?)\s+[-–—]+\s+(?P<score>\S.*?)"),
    re.compile(r"(?P<title>.+?)\s*[\[(](?P<score>[^\[\]()]+)[\])]"),
    re.compile(r"(?P<title>.+?),\s*(?P<score>[^,]+)"),
    re.compile(r"(?P<title>.+?)\s+(?P<score>\S+\s*(?:/|of|out of)\s*(?:5|10|100))"),
    re.compile(r"(?P<title>.+?)\s*(?P<score>[★⭐🌟][★⭐🌟½☆✩✰]*|[0-9.,]+\s*(?:stars?|★|⭐))"),
)
"""How a score stands behind a title."""


class BadScore(ValueError):
    """A score that cannot be read, or that its scale does not have."""


@dataclass(frozen=True)
class Score:
    """A score as written: its value, and the scale it names itself, None if it names none."""

    value: float
    scale: str | None = None


def parsed_score(text: str) -> Score | None:
    """Return the score that a text states, None if it says that there is none.

    Raises
    ------
    BadScore
        If it states none that can be read.
    """
    text = _TONES.sub("", text).strip()
    if text.lower() in NOT_SCORED or re.fullmatch(r"-?0*[.,]?0+|-1(?:[.,]0+)?", text):
        return None
    smiley = _smiley(text)
    if smiley is not None:
        return Score(smiley, SMILEYS)
    drawn = _DRAWN.fullmatch(text)
    if drawn:
        stars = len(drawn["full"]) + (0.5 if drawn["half"] else 0)
        most = len(drawn["full"]) + len(drawn["empty"]) + bool(drawn["half"])
        return Score(stars, STARS if max(most, stars) <= 5 else TEN)
    text = unicodedata.normalize("NFKC", text.replace("½", ".5")).replace("⁄", "/").lower()
    if match := _OF.fullmatch(text):
        value, of = _number(match["value"]), int(match["of"])
        if of == 20:
            value, of = value / 2, 10
        return _stated(value, {5: STARS, 10: TEN, 100: HUNDRED}[of], text)
    if match := _PERCENT.fullmatch(text):
        return _stated(_number(match["value"]), HUNDRED, text)
    if match := _SAID_STARS.fullmatch(text):
        value = _number(match["value"] or match["after"])
        return _stated(value, STARS if value <= 5 else TEN, text)
    if match := _PLAIN.fullmatch(text):
        return Score(_number(match["value"])) if _number(match["value"]) else None
    raise BadScore(f"{text!r} is no score")


def _stated(value: float, scale: str, text: str) -> Score | None:
    if value > GREATEST[scale]:
        raise BadScore(f"{text!r} is more than there is")
    return Score(value, scale) if value else None


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _smiley(text: str) -> int | None:
    if text in SPELLED_SMILEYS:
        return SPELLED_SMILEYS[text]
    for place, faces in enumerate((SAD, SO_SO, HAPPY), start=1):
        if text and len(text) <= 2 and set(text) <= faces - {"❤"}:
            return place
    return None


def decide(texts: Iterable[str], given: str | None = None) -> str:
    """Return the scale of a file's scores, one of `GREATEST`, from all of them.

    The one most of them name themselves, if any do. Otherwise any above 10 are points of 100;
    nothing above 5 and halves are stars; and everything else is on the scale of 10.

    Parameters
    ----------
    given : the scale that the person, or the format, says it is.

    Raises
    ------
    InputError
        If the scale given is none, or most of the scores cannot be on the one given or on any.
    """
    if given is not None and given not in GREATEST:
        raise InputError(f"unknown scale {given!r}: choose one of {', '.join(GREATEST)}")
    scores = [score for score in map(_or_none, texts) if score is not None]
    bare = [score.value for score in scores if score.scale is None]
    greatest = GREATEST[given] if given else GREATEST[HUNDRED]
    if bare and sum(value > greatest for value in bare) > len(bare) / 2:
        what = f"the scale of {given}" if given else "any scale known"
        raise InputError(f"the scores, such as {max(bare):g}, are not on {what}: choose the scale")
    if given is not None:
        return given
    named = Counter(score.scale for score in scores if score.scale is not None)
    if named:
        return named.most_common(1)[0][0]
    possible = [value for value in bare if value <= GREATEST[HUNDRED]]
    if any(value > 10 for value in possible):
        return HUNDRED
    halves = [value for value in possible if value % 1]
    if halves and max(possible) <= 5 and all(value % 0.5 == 0 for value in halves):
        return STARS
    return TEN


def _or_none(text: str) -> Score | None:
    try:
        return parsed_score(text)
    except BadScore:
        return None


def rating(text: str, scale: str) -> float | None:
    """Return a score on the scale of 10, from 1; None if there is none.

    Parameters
    ----------
    scale : the file's, which holds unless the score names its own.

    Raises
    ------
    BadScore
        If it cannot be read or the scale has no such score.
    """
    score = parsed_score(text)
    if score is None:
        return None
    scale = score.scale or scale
    if score.value > GREATEST[scale]:
        raise BadScore(f"{text.strip()!r} is not on the scale of {scale}")
    if scale == SMILEYS:
        if score.value not in SMILEY_RATINGS:
            raise BadScore(f"{text.strip()!r} is none of three smileys")
        return SMILEY_RATINGS[int(score.value)]
    return max(1.0, round(score.value * 10 / GREATEST[scale], 3))


def thumb(text: str) -> bool | None:
    """Return whether a text is a thumb up or down, in words, signs or emoji; None if empty.

    Raises
    ------
    BadScore
        If it is neither.
    """
    said = _TONES.sub("", text).strip().lower()
    if said in ("", "none", "null", "neutral"):
        return None
    if said in UP:
        return True
    if said in DOWN or said == "0":
        return False
    raise BadScore(f"{text.strip()!r} is neither a thumb up nor down")


def is_thumb(text: str) -> bool:
    """Return whether a text where a score belongs is a thumb instead."""
    said = _TONES.sub("", text).strip().lower()
    words = {"like", "liked", "dislike", "disliked", "loved", "hated", "thumbs up", "thumbs down"}
    return bool(said) and (set(said) <= _THUMB_SIGNS or said in words)


def behind(text: str) -> tuple[str, str]:
    """Return a title and the score or thumb written behind it, empty if there is none.

    ``Trigun: 9``, ``Trigun - 4/5``, ``Trigun (8)``, ``Trigun 9/10`` and ``Trigun ★★★★`` have one;
    ``Mob Psycho 100`` has none.
    """
    text = text.strip()
    for shape in _BEHIND:
        match = shape.fullmatch(text)
        if match and _is_score(match["score"]):
            return match["title"].rstrip(" \t-–—"), match["score"].strip()
    return text, ""


def _is_score(text: str) -> bool:
    if is_thumb(text):
        return True
    if not re.search(r"[0-9０-９★⭐🌟]", text) and _smiley(text.strip()) is None:
        return False
    try:
        score = parsed_score(text)
    except BadScore:
        return bool(re.fullmatch(r"\s*-[0-9]+\s*", text))
    return score is None or score.value <= GREATEST[score.scale or HUNDRED]
