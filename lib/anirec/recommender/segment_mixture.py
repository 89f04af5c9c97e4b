"""A person's mixture of the community's segments: "62 % Romance · School, 21 % Sports"."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from anirec.analysis.mixture import SegmentMixture
from anirec.profiles import Profile
from anirec.recommender.shelves import Said
from anirec.recommender.taste import encoded_entries, liked_ids

SAID_FROM = 0.1
"""A segment of a smaller share is not named."""

MOST_NAMED = 3

GUESSED_BELOW = 10
"""Fewer liked titles than this make a guess, and it is called one."""


@dataclass(frozen=True)
class TasteMixture:
    """A profile's shares of the community's segments.

    Attributes
    ----------
    shares : frame with ``segment`` (its name) and ``share``, the greatest first; they sum to one.
    n_titles : liked titles that it is made from.
    is_guess : whether these are too few to be sure of.
    text : one sentence.
    """

    shares: pd.DataFrame
    n_titles: int
    is_guess: bool
    text: str


class Mixtures:
    """What `AnimeRecommender` tells of a person's place among the segments."""

    mixture: SegmentMixture | None

    def segment_mixture(self, profile: Said) -> TasteMixture | None:
        """Return the mixture of segments that a profile is, from what it holds and likes.

        A share is a chance: of people with such a list so many have the rest of theirs in that
        segment. The fewer titles, the nearer the shares are to everybody's (`SegmentMixture`).
        None where the run found no segments, or nothing liked is known to them.
        """
        if self.mixture is None:
            return None
        profile = Profile.of(profile)
        liked = {anime_id: profile[anime_id] for anime_id in liked_ids(profile)}
        entries = encoded_entries(liked, self.mixture.space.anime_ids)
        if not entries.nnz:
            return None
        shares = pd.DataFrame(
            {"segment": self.mixture.names, "share": self.mixture.shares(entries)[0]}
        )
        shares = shares.sort_values("share", ascending=False, kind="stable", ignore_index=True)
        is_guess = entries.nnz < GUESSED_BELOW
        return TasteMixture(shares, entries.nnz, is_guess, _sentence(shares, entries.nnz, is_guess))


def _sentence(shares: pd.DataFrame, n_titles: int, is_guess: bool) -> str:
    named = shares.head(MOST_NAMED)
    named = named[(named["share"] >= SAID_FROM) | (named.index == 0)]
    parts = [
        f"{row.share:.0%}".replace("%", " %") + f" {row.segment}" for row in named.itertuples()
    ]
    text = ", ".join(parts)
    if not is_guess:
        return f"Your taste: {text}."
    titles = "1 title" if n_titles == 1 else f"{n_titles} titles"
    return f"Your taste, guessed from {titles}: {text}."
