"""Shelves: several short lists, each for another occasion, in place of one long one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from anirec.catalogue.filters import ALL, CONTROLS, IN_ORDER, Filters
from anirec.config import InputError
from anirec.profiles import Entry, Profile
from anirec.recommender.order import best_first, picked
from anirec.recommender.taste import Taste, liked_ids, said_liked

Said = Profile | Mapping[int, Entry | float | None]

PLANNED = "plan_to_watch"

GEM_SHARE = 0.1
"""A hidden gem is on at most this share of the lists that the person's typical title is on."""

GEM_SCORE_QUANTILE = 0.5
"""A hidden gem has a mean score above this share of the catalogue, where scores are known."""

GEM_POOL = 500
"""A hidden gem is one of this many of the best candidates that are new to the person."""

BECAUSE_POOL = 500
"""What is shown because of one title is among this many of the best candidates for the person."""


@dataclass(frozen=True)
class ShelfText:
    """A shelf's heading, and what is said where nothing is on it.

    ``{title}`` in the heading is a title of the list, ``{verb}`` what the person did: liked it,
    or watched it.
    """

    heading: str
    empty: str


SHELVES = {
    "new": ShelfText("New to you", "nothing that is new to you passes the filters: loosen them"),
    "next": ShelfText(
        "Continue", "nothing passes the filters that goes on with what you finished or watch"
    ),
    "planned": ShelfText(
        "From your plan to watch", "nothing that you plan to watch passes the filters"
    ),
    "gems": ShelfText(
        "Hidden gems", "nothing that fits you and is on few lists passes the filters: loosen them"
    ),
    "because": ShelfText("Because you {verb} {title}", "nothing like it passes the filters"),
    "surprise": ShelfText("Surprise me", "no surprise passes the filters: loosen them"),
}
"""The shelves by their short names, in the order in which they are shown."""

EVERY_SHELF = "all"


@dataclass(frozen=True)
class Whereabouts:
    """Where an anime stands for a person, and what holds it back.

    Attributes
    ----------
    rank : its place among all that may be recommended, from 1; None where it may not be.
    among : how many may be recommended.
    reasons : one line for each thing that keeps it out or holds it back, exactly.
    terms : frame with ``anime_id``, ``title``, ``contribution``, the least first: what each entry
        of the list adds to its match or takes from it; empty for a model that is no such sum.
    """

    rank: int | None
    among: int
    reasons: list[str]
    terms: pd.DataFrame


class Shelves:
    """The shelves of `AnimeRecommender`: each returns what `AnimeRecommender.recommend` does."""

    def shelf(
        self,
        name: str,
        profile: Said,
        k: int = 10,
        model: str | None = None,
        filters: Filters | None = None,
        because: int | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Return a shelf by its short name, its heading as ``frame.attrs["heading"]``.

        Parameters
        ----------
        name : one of `SHELVES`.
        because : the title of the list that the shelf of that name is made for; the first of
            `anchors` if None.
        seed : another one surprises anew.

        Raises
        ------
        InputError
            If there is no such shelf, the title is not on the list, or nothing can be recommended
            for the profile.
        """
        if name not in SHELVES:
            raise InputError(f"unknown shelf {name!r}: choose one of {', '.join(SHELVES)}")
        profile, filters, about = self._checked(profile), filters or Filters(), {}
        if name == "because":
            anchors = [because] if because is not None else self.anchors(profile, 1)
            if not anchors:
                raise InputError("nothing on the list is known here: name a title that is")
            frame = self.because(profile, anchors[0], k, model, filters)
            verb = "liked" if said_liked(profile[anchors[0]]) else "watched"
            about = {"title": self.anime.at[anchors[0], "title"], "verb": verb}
        elif name == "surprise":
            frame = self.surprise(profile, k, model, filters, seed)
        else:
            ways = {
                "new": self.new_to_you, "next": self.next_parts,
                "planned": self.planned, "gems": self.hidden_gems,
            }  # fmt: skip
            frame = ways[name](profile, k, model, filters)
        frame.attrs["heading"] = SHELVES[name].heading.format(**about)
        if not len(frame):
            frame.attrs["note"] = SHELVES[name].empty
        return frame

    def shelves(
        self,
        names: Sequence[str],
        profile: Said,
        k: int = 10,
        model: str | None = None,
        filters: Filters | None = None,
        because: int | None = None,
        seed: int = 0,
    ) -> dict[str, pd.DataFrame]:
        """Return several shelves by their short names; `EVERY_SHELF` stands for all.

        See `shelf` for what is passed and raised.
        """
        wanted = list(SHELVES) if EVERY_SHELF in names else list(dict.fromkeys(names))
        return {
            name: self.shelf(name, profile, k, model, filters, because, seed) for name in wanted
        }

    def new_to_you(
        self, profile: Said, k: int = 10, model: str | None = None, filters: Filters | None = None
    ) -> pd.DataFrame:
        """Recommend what is of no franchise on the list: one part of each, the one to begin with.

        The franchise rule of ``filters`` is not asked: this is one.
        """
        profile, filters = self._checked(profile), filters or Filters()
        allowed = self._new(profile, filters)
        return self._shelf(profile, allowed, k, model, filters, one_part=True)

    def next_parts(
        self, profile: Said, k: int = 10, model: str | None = None, filters: Filters | None = None
    ) -> pd.DataFrame:
        """Recommend the next part of what was finished or is being watched, in order.

        Not of what was given up or disliked.
        """
        profile, filters = self._checked(profile), filters or Filters()
        mask, franchises = self.catalogue.mask, self.catalogue.franchises
        going_on = [
            a
            for a, entry in profile.items()
            if (entry.finished or entry.status == "watching") and a not in profile.dislikes
        ]
        ended = [a for a, e in profile.items() if a in profile.dislikes or e.status == "dropped"]
        allowed = self._passing(filters) & franchises.next_parts(mask(going_on), mask(profile))
        allowed &= ~franchises.known(mask(ended))
        return self._shelf(profile, allowed, k, model, filters)

    def planned(
        self, profile: Said, k: int = 10, model: str | None = None, filters: Filters | None = None
    ) -> pd.DataFrame:
        """Rank what the person plans to watch."""
        profile, filters = self._checked(profile), filters or Filters()
        plans = [a for a, entry in profile.items() if entry.status == PLANNED]
        plans = [a for a in plans if a not in profile.dislikes]
        allowed = self._passing(filters) & self.catalogue.mask(plans)
        return self._shelf(profile, allowed, k, model, filters)

    def hidden_gems(
        self, profile: Said, k: int = 10, model: str | None = None, filters: Filters | None = None
    ) -> pd.DataFrame:
        """Recommend what fits, is well liked, and is on few lists: on far fewer than the person's
        typical title (`GEM_SHARE`)."""
        profile, filters = self._checked(profile), filters or Filters()
        popularity = self._popularity()
        own = popularity[self.catalogue.rows(liked_ids(profile))]
        allowed = self._best(profile, self._new(profile, filters), GEM_POOL, model, filters)
        allowed &= popularity > 0
        allowed &= popularity <= GEM_SHARE * max(float(np.median(own)) if len(own) else 0, 1e-9)
        scores = self.catalogue.numbers["score"]
        if np.isfinite(scores).any():
            allowed &= scores >= np.nanquantile(scores, GEM_SCORE_QUANTILE)
        return self._shelf(profile, allowed, k, model, filters, one_part=True)

    def because(
        self,
        profile: Said,
        anime_id: int,
        k: int = 10,
        model: str | None = None,
        filters: Filters | None = None,
    ) -> pd.DataFrame:
        """Recommend what is like one title of the list, of what fits the person anyway.

        Raises
        ------
        InputError
            If the title is not on the list.
        """
        profile, filters = self._checked(profile), filters or Filters()
        if anime_id not in profile:
            raise InputError("this title is not on the list: choose one that is")
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        scores = self._scores(taste, self._new(profile, filters))
        pool = best_first(scores)[:BECAUSE_POOL]
        alike = self.similar(anime_id, k=len(self.catalogue), filters=Filters.off())
        likeness = alike.set_index("anime_id")["similarity"]
        order = likeness.reindex(self.anime.index[pool]).fillna(-np.inf).to_numpy()
        rows = self._one_part(pool[np.argsort(-order, kind="stable")])[:k]
        return self._reasoned(rows, scores, taste, profile, 0)

    def anchors(self, profile: Said, k: int = 6) -> list[int]:
        """Return the titles of a list that a shelf "because you liked it" can be made for: the
        best rated first, then the latest, one of each franchise."""
        profile = Profile.of(profile)
        liked = [a for a in liked_ids(profile)[::-1] if a in self.anime.index]
        liked.sort(key=lambda a: -(profile[a].stands_for or 0))
        rows = self.anime.index.get_indexer(liked)
        return [int(self.anime.index[row]) for row in self._one_part(rows)[:k]]

    def whereabouts(
        self,
        profile: Said,
        anime_id: int,
        model: str | None = None,
        filters: Filters | None = None,
    ) -> Whereabouts:
        """Return the place of an anime among all that may be recommended, and what holds it back.

        Raises
        ------
        InputError
            If the catalogue lacks the anime, or nothing can be recommended for the profile.
        """
        profile, filters = self._checked(profile), filters or Filters()
        if anime_id not in self.anime.index:
            raise InputError(f"this catalogue has no anime {anime_id}")
        row = self.anime.index.get_loc(anime_id)
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        allowed = self._allowed(profile, filters)
        scores = self._scores(taste, allowed)
        among = int(np.isfinite(scores).sum())
        reasons = self._kept_out(profile, filters, anime_id, row)
        rank = None
        if np.isfinite(scores[row]):
            rank = 1 + int((scores > scores[row]).sum())
        elif not reasons:
            reasons.append("nobody we learned from has it on a list")
        terms = pd.DataFrame(columns=["anime_id", "title", "contribution"])
        if taste.is_sum and anime_id in set(fitted.anime_ids_.tolist()):
            why = self.explanations(profile, [anime_id], model, filters)[0]
            terms = why.terms.sort_values("contribution", kind="stable", ignore_index=True)
            against = terms[terms["contribution"] < 0].head(3)
            reasons += [
                f"{title} takes {-value:.2f} of its match of {why.match:.2f}"
                for title, value in zip(against["title"], against["contribution"], strict=True)
            ]
        return Whereabouts(rank, among, reasons, terms)

    # --- what the shelves share

    def _kept_out(self, profile: Profile, filters: Filters, anime_id: int, row: int) -> list[str]:
        """Return what keeps an anime from being recommended, one line each."""
        said = ["it is on your list"] if anime_id in profile else []
        for name, control in CONTROLS.items():
            if not filters.passing_one(self.catalogue, name)[row]:
                said.append(f"the filter “{control.label}” leaves it out")
        if anime_id not in profile and filters.franchises != ALL:
            free = replace(filters, franchises=ALL)
            if self._allowed(profile, free)[row] and not self._allowed(profile, filters)[row]:
                before = self.catalogue.franchises.previous[row]
                title = self.anime["title"].iloc[before] if before >= 0 else ""
                follows = filters.franchises == IN_ORDER and title
                said.append(
                    f"it follows {title}, which you have not finished"
                    if follows
                    else "the rule about franchises leaves it out"
                )
        return said

    def _passing(self, filters: Filters) -> np.ndarray:
        return filters.passing(self.catalogue)

    def _new(self, profile: Profile, filters: Filters) -> np.ndarray:
        """Return what passes the filters and is of no franchise on the list, and no sequel."""
        franchises = self.catalogue.franchises
        on_list = self.catalogue.mask(profile)
        nothing = np.zeros(len(self.catalogue), dtype=bool)
        new = ~franchises.known(on_list) & ~franchises.too_early(nothing)
        return self._passing(filters) & new

    def _best(
        self, profile: Profile, allowed: np.ndarray, n: int, model: str | None, filters: Filters
    ) -> np.ndarray:
        """Return which anime are the ``n`` best of those allowed, bool (n_anime,)."""
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        best = np.zeros(len(allowed), dtype=bool)
        best[best_first(self._scores(taste, allowed))[:n]] = True
        return best

    def _one_part(self, rows: np.ndarray) -> np.ndarray:
        """Return rows in their order, the first of each franchise only."""
        _, first = np.unique(self.catalogue.franchises.number[rows], return_index=True)
        return rows[np.sort(first)]

    def _shelf(
        self,
        profile: Profile,
        allowed: np.ndarray,
        k: int,
        model: str | None,
        filters: Filters,
        one_part: bool = False,
    ) -> pd.DataFrame:
        """Return the best of what is allowed, in the order of the model and the sliders."""
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        scores = self._scores(taste, allowed)
        if one_part:
            kept = self._one_part(best_first(scores))
            rest = np.ones(len(scores), dtype=bool)
            rest[kept] = False
            scores[rest] = -np.inf
        rows = picked(self.catalogue, scores, k, filters)
        return self._reasoned(rows, scores, taste, profile, 0)  # that a shelf is short is no news
