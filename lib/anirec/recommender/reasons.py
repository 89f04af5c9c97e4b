"""Why an anime is recommended, in words and in exact terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SHOWN_CONTRIBUTION = 0.005
"""A title is named as a reason if it contributes at least this."""

REASONS = 2
"""Titles, and genres, named as reasons."""


@dataclass(frozen=True)
class Explanation:
    """Why an anime is recommended.

    Attributes
    ----------
    text : one sentence.
    match : the retriever's score: the sum of the terms.
    terms : frame with ``anime_id``, ``title``, ``contribution`` of each entry of the profile,
        greatest first: the exact terms of ``match``. Empty for a model that is no such sum.
    genres : those of the anime that tell most of what the person likes.
    ranker : frame with ``group``, ``feature``, ``value``, ``contribution``: what the ranker of
        `TwoStage` made of it, exactly; None for other models, and for an anime that was none of
        its candidates.
    expected : the rating expected of the person; None without a fitted `RatingNet` or any rating.
    """

    text: str
    match: float
    terms: pd.DataFrame
    genres: list[str]
    ranker: pd.DataFrame | None = None
    expected: float | None = None


def terms_frame(
    anime_ids: np.ndarray, titles: np.ndarray, contributions: np.ndarray
) -> pd.DataFrame:
    """Return the terms of an anime's match, greatest first."""
    terms = pd.DataFrame({"anime_id": anime_ids, "title": titles, "contribution": contributions})
    return terms.sort_values("contribution", ascending=False, kind="stable", ignore_index=True)


def list_note(known: bool, found: int, wanted: int) -> str:
    """Return what is to be said of a list of recommendations as a whole."""
    if not found:
        return "no anime passes the filters: loosen them"
    if not known:
        return "nobody we learned from has these titles, so the most popular anime come first"
    if found < wanted:
        return f"only {found} anime pass the filters: loosen them for more"
    return ""


def reason_text(titles: np.ndarray, contributions: np.ndarray, genres: list[str]) -> str:
    """Return ``X (+0.31) and Y (+0.12), and it is Sports · Comedy``."""
    strongest = np.argsort(-contributions, kind="stable")[:REASONS]
    named = " and ".join(
        f"{titles[place]} ({contributions[place]:+.2f})"
        for place in strongest
        if contributions[place] >= SHOWN_CONTRIBUTION
    )
    return f"{named}, and it is {' · '.join(genres)}" if named and genres else named
