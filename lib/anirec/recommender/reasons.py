"""Why an anime is recommended, in words and in exact terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SHOWN_CONTRIBUTION, SHOWN_SHARE = 0.02, 0.1
"""A title is named as a reason if it adds at least this to a match, and this share of it."""

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


def reason_text(
    titles: np.ndarray,
    contributions: np.ndarray,
    liked: np.ndarray,
    match: float,
    genres: list[str],
    segment: str = "",
) -> str:
    """Return why, as a clause: ``because you liked X and Y, and it is Sports · Comedy``.

    A title that adds little to the match (`SHOWN_CONTRIBUTION`, `SHOWN_SHARE`) is no reason; with
    none left the genres speak, and without these the community.

    Parameters
    ----------
    titles, contributions, liked : of each entry that does not speak against it: its title, what it
        adds to the match, and whether the person said that they like it.
    match : the whole match.
    segment : the name of the segment whose titles stand for the person's; empty for their own.
    """
    least = max(SHOWN_CONTRIBUTION, SHOWN_SHARE * match)
    strongest = np.argsort(-contributions, kind="stable")[:REASONS]
    strongest = strongest[contributions[strongest] >= least]
    kind = " · ".join(genres)
    if not len(strongest):
        if kind:
            return f"it is {kind}, like much of what you like" if not segment else f"it is {kind}"
        return "many people like it"
    named = " and ".join(str(titles[place]) for place in strongest)
    if segment:
        said = f"because people of {segment} like {named}"
    else:
        verb = "liked" if liked[strongest].all() else "watched"
        said = f"because you {verb} {named}"
    return f"{said}, and it is {kind}" if kind else said
