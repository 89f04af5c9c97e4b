"""A title as somebody types it, with or without a score behind it: ``Cowboy Bebop: 9/10``."""

from __future__ import annotations

import re

from anirec.catalogue import Catalogue
from anirec.catalogue.titles import SIMILAR, TITLE
from anirec.config import InputError
from anirec.lists import scales
from anirec.profiles import Entry

_SCORED = re.compile(
    r"(?P<title>.*\S)\s*[:：]\s*(?P<score>[-−+]?\d[\d.,]*(?:\s*/\s*\d+)?|[^\w\s!?.~*☆♪]+)"
)
"""A colon and something that is meant as a score: digits, or signs that no title ends in."""

_DIGIT = re.compile(r"\d")


def anime_named(text: str, catalogue: Catalogue) -> tuple[int, str]:
    """Return the id of the anime meant by a text, and what to say where it is not what was written.

    Raises
    ------
    UnknownTitle
        If none is meant; the message names the nearest.
    """
    meant = catalogue.titles.meant(text)
    anime_id = catalogue.titles.resolve(text) if meant is None else meant.anime_id
    how = SIMILAR if meant is None else meant.how
    title = catalogue.anime.at[anime_id, "title"]
    return anime_id, "" if how == TITLE else f"{text!r} is taken for {title!r}"


def entry_of(text: str, catalogue: Catalogue, scale: str | None = None) -> tuple[int, Entry, str]:
    """Return the anime meant, what is said of it, and what to say where that is not as written.

    Parameters
    ----------
    text : a title, perhaps with a score or thumb behind a colon. What is an anime's name as a
        whole has no score.
    scale : of a score that names none; of ten if None.

    Raises
    ------
    InputError
        If the title is unknown or the score cannot be read.
    """
    match = _SCORED.fullmatch(text.strip())
    if match is None or (_DIGIT.search(match["score"]) and catalogue.titles.is_name(text)):
        anime_id, remark = anime_named(text, catalogue)
        return anime_id, Entry(), remark
    anime_id, remark = anime_named(match["title"], catalogue)
    score = match["score"].strip()
    try:
        if scales.is_thumb(score):
            return anime_id, Entry(liked=scales.thumb(score)), remark
        rating = scales.rating(score, scale or scales.TEN)
    except scales.BadScore as error:
        raise InputError(f"the rating in {text!r} cannot be taken: {error}") from None
    if rating is None:
        raise InputError(f"the rating in {text!r} must be from 1 to 10: leave it out for none")
    return anime_id, Entry(rating=rating), remark
