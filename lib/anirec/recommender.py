"""The recommender that people use: titles in, recommendations with reasons out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.config import InputError, Paths
from anirec.franchises import Franchises, find_franchises
from anirec.interactions import Interactions, positions
from anirec.models import MODELS, load_model
from anirec.profiles import Entry, Profile
from anirec.titles import TitleIndex

PREFERRED = ("two-stage", "hybrid-ease", "ease")
"""The models that rank unless another is named: the first one fitted."""

PREFERRED_SIMILAR = ("hybrid-ease", "ease", "content")
"""The models that tell what is similar unless another is named: the first one fitted."""

SIGNED = frozenset(["hybrid-ease", "rating-net", "two-stage"])
"""Models that know what a dislike is. From what the others are shown, dislikes are left out."""

COLUMNS = [
    "anime_id", "title", "title_english", "title_japanese", "type", "year", "episodes",
    "duration_min", "genres", "studios", "source", "status", "aired_from", "score", "members",
    "is_adult", "image_url",
]  # fmt: skip

SHOWN = [
    "anime_id", "title", "title_english", "type", "year", "episodes", "duration_min", "genres",
    "score", "members", "image_url",
]  # fmt: skip

ALL, IN_ORDER, UNKNOWN, NEXT = "all", "in-order", "unknown", "next"
FRANCHISE_RULES = {
    ALL: "show every part",
    IN_ORDER: "hide sequels of what is not finished",
    UNKNOWN: "hide franchises already known",
    NEXT: "suggest the next part to watch",
}

POPULARITY_PULL = 1.5
"""What a standard deviation of log members counts at the ends of the popularity slider, in standard
deviations of the scores."""

VARIETY_PULL = 0.5
"""How much variety counts against relevance at the end of the variety slider."""

POOL = 200
"""The sliders reorder this many of the best candidates, at least: the rest would be no match."""

SHOWN_CONTRIBUTION = 0.005
"""A title is named as a reason if it contributes at least this."""

REASONS = 2
"""Titles, and genres, named as reasons."""


@dataclass(frozen=True)
class Filters:
    """What may be recommended. The defaults hide adult titles and sequels that come too early.

    A filter leaves out anime of which the value is unknown. ``Filters.off()`` filters nothing.

    Attributes
    ----------
    types, statuses, sources : one of these; empty for any. The catalogue's are in
        `AnimeRecommender.choices`.
    genres : all of these.
    without_genres : none of these.
    studios : at least one of these; empty for any.
    years, episodes, minutes : least and greatest, either None; minutes are those of an episode.
    min_members, min_score : at least so many members, so high a mean score.
    franchises : one of `FRANCHISE_RULES`.
    adult : whether adult titles may be recommended.
    ignore_dislikes : whether dislikes do not count against similar anime; they stay out themselves.
    popularity : from -1, niche, to 1, popular; 0 leaves the order to the model.
    variety : from 0, none, to 1: how unlike each other the recommendations are.

    Raises
    ------
    InputError
        If a value is out of range or the rule is none of those known.
    """

    types: Collection[str] = ()
    genres: Collection[str] = ()
    without_genres: Collection[str] = ()
    statuses: Collection[str] = ()
    sources: Collection[str] = ()
    studios: Collection[str] = ()
    years: tuple[int | None, int | None] = (None, None)
    episodes: tuple[int | None, int | None] = (None, None)
    minutes: tuple[float | None, float | None] = (None, None)
    min_members: int | None = None
    min_score: float | None = None
    franchises: str = IN_ORDER
    adult: bool = False
    ignore_dislikes: bool = False
    popularity: float = 0.0
    variety: float = 0.0

    def __post_init__(self) -> None:
        if self.franchises not in FRANCHISE_RULES:
            raise InputError(
                f"unknown franchise rule {self.franchises!r}: "
                f"choose one of {', '.join(FRANCHISE_RULES)}"
            )
        if not -1 <= self.popularity <= 1:
            raise InputError(f"popularity {self.popularity:g} must be from -1 to 1")
        if not 0 <= self.variety <= 1:
            raise InputError(f"variety {self.variety:g} must be from 0 to 1")
        for name in ("years", "episodes", "minutes"):
            least, greatest = getattr(self, name)
            if least is not None and greatest is not None and least > greatest:
                raise InputError(f"{name}: {least:g} to {greatest:g} is no range")

    @classmethod
    def off(cls) -> Filters:
        """Return filters that let everything through."""
        return cls(franchises=ALL, adult=True)


@dataclass(frozen=True)
class Explanation:
    """Why an anime is recommended.

    Attributes
    ----------
    text : one sentence.
    match : the retriever's score: the sum of the terms.
    terms : frame with ``anime_id``, ``title``, ``contribution`` of each entry of the profile,
        greatest first: the exact terms of ``match``. Empty for a model that is no such sum.
    genres : those of the anime that the person likes most.
    ranker : frame with ``feature``, ``value``, ``contribution``: what the ranker of `TwoStage`
        made of it, exactly; None for other models.
    expected : the rating expected of the person; None without a fitted `RatingNet` or any rating.
    """

    text: str
    match: float
    terms: pd.DataFrame
    genres: list[str]
    ranker: pd.DataFrame | None = None
    expected: float | None = None


class AnimeRecommender:
    """Recommends from a catalogue with fitted models.

    Everything a page needs: `search` while somebody types, `recommend` for titles or a whole
    `Profile`, `similar`, `surprise` and `for_segment` as other ways in, `explain` for the details
    of one recommendation, `choices` for what the filters offer. A profile is a `Profile` or a
    plain mapping of anime ids to ratings. Frames have one row per anime, best first, with the
    columns ``rank`` and `SHOWN`; ``genres`` is text.

    Parameters
    ----------
    anime : the canonical anime table; columns of `COLUMNS` that it lacks count as unknown.
    model_dir : folder with one folder per fitted model; a model is loaded when first asked for.

    Attributes
    ----------
    anime : the catalogue, indexed by anime id, with `COLUMNS`.
    titles : `TitleIndex` over it.
    franchises : `Franchises` of it, positions being rows of ``anime``.
    """

    def __init__(self, anime: pd.DataFrame, model_dir: Path) -> None:
        anime = anime.reindex(columns=COLUMNS)
        self.anime = anime.set_index("anime_id", drop=False)
        self.titles = TitleIndex(anime)
        self._facts = _Facts(anime)
        self._model_dir = model_dir
        self._models: dict[str, object] = {}
        self._model_rows: dict[str, np.ndarray] = {}

    @classmethod
    def load(cls, paths: Paths) -> AnimeRecommender:
        """Load what a run left in ``paths``.

        Raises
        ------
        InputError
            If the dataset was not run yet.
        """
        table = paths.processed / "anime.parquet"
        if not table.is_file() or not any((paths.models / name).is_dir() for name in PREFERRED):
            raise InputError(
                f"no fitted models for {paths.dataset}: "
                f"run 'anirec run --dataset {paths.dataset}' first"
            )
        return cls(pd.read_parquet(table, columns=COLUMNS), paths.models)

    @cached_property
    def franchises(self) -> Franchises:
        return find_franchises(self.anime)

    @property
    def fitted(self) -> list[str]:
        """The names of the models that can be asked for."""
        return [name for name in MODELS if (self._model_dir / name).is_dir()]

    @property
    def default_model(self) -> str:
        """The name of the model that ranks unless another is named."""
        return next((name for name in PREFERRED if name in self.fitted), PREFERRED[-1])

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """What the filters ``types``, ``genres``, ``statuses``, ``sources`` and ``studios`` offer,
        the commonest first."""
        return self._facts.choices()

    def model(self, name: str):
        """Return a fitted model by name. Raises InputError if there is none of that name."""
        if name not in self._models:
            if name not in self.fitted:
                raise InputError(f"unknown model {name!r}: choose one of {', '.join(self.fitted)}")
            self._models[name] = load_model(self._model_dir / name)
        return self._models[name]

    def search(self, text: str, limit: int = 10) -> pd.DataFrame:
        """Return the anime whose names fit ``text`` best, best first, with `COLUMNS`."""
        return self.anime.loc[self.titles.search(text, limit)]

    def resolve(self, text: str) -> int:
        """Return the id of the anime meant by ``text``. Raises `titles.UnknownTitle`."""
        return self.titles.resolve(text)

    def recommend(
        self,
        profile: Profile | Mapping[int, Entry | float | None],
        k: int = 10,
        model: str | None = None,
        filters: Filters = Filters(),
    ) -> pd.DataFrame:
        """Recommend ``k`` anime to someone: for a few titles, or for a whole profile.

        What is on the list is never recommended. The filters apply before anything is retrieved:
        ``k`` anime come back while there are so many that pass them.

        Parameters
        ----------
        profile : the list; dislikes speak against similar anime, as far as the model knows them.
        k : how many.
        model : name of the model that ranks; `default_model` if None.
        filters : what may be recommended.

        Returns
        -------
        pandas.DataFrame
            ``rank``, `SHOWN`, ``expected`` (the rating `RatingNet` expects of the person, where it
            is fitted and they rated something), ``match`` (the score of the model, or of the
            retriever of a two-stage model) and ``because`` (the titles that contribute most to it,
            with their exact terms, and genres they share). ``frame.attrs["note"]`` says what the
            person should know of the list as a whole, and is empty mostly.

        Raises
        ------
        InputError
            If the profile is empty or no title in it was liked.
        """
        profile = self._checked(profile)
        fitted = self.model(model or self.default_model)
        encoded = self._encoded(fitted, profile, filters)
        allowed = self._allowed(profile, filters)
        scores = self._scores(fitted, encoded, allowed)
        rows = self._picked(scores, k, filters)
        frame = self._reasoned(rows, scores, fitted, encoded, profile)
        frame.attrs["note"] = self._note(encoded, len(frame), k)
        return frame

    def similar(
        self,
        anime_id: int,
        k: int = 10,
        model: str | None = None,
        filters: Filters = Filters(franchises=ALL),
    ) -> pd.DataFrame:
        """Return the ``k`` anime most similar to one, best first.

        Parameters
        ----------
        model : name of a model that knows similar anime; the first one of `PREFERRED_SIMILAR` that
            is fitted if None.
        filters : what may be shown; the franchise rules take the anime as finished.

        Returns
        -------
        pandas.DataFrame
            ``rank``, `SHOWN` and ``similarity``.

        Raises
        ------
        InputError
            If the model does not know the anime, or no similar ones at all.
        """
        name = model or next(n for n in (*PREFERRED_SIMILAR, *MODELS) if n in self.fitted)
        fitted = self.model(name)
        if not hasattr(fitted, "similar"):
            raise InputError(f"model {name!r} knows no similar anime: choose another")
        everything = fitted.similar(anime_id, k=len(fitted.anime_ids_))
        scores = np.full(len(self.anime), -np.inf, dtype=np.float32)
        at = self.anime.index.get_indexer(everything["anime_id"])
        scores[at[at >= 0]] = everything["similarity"].to_numpy()[at >= 0]
        scores[~self._allowed(Profile({anime_id: Entry()}), filters)] = -np.inf
        rows = self._picked(scores, k, filters)
        return self._described(rows).assign(similarity=scores[rows])

    def explain(
        self,
        profile: Profile | Mapping[int, Entry | float | None],
        anime_id: int,
        model: str | None = None,
        filters: Filters = Filters(),
    ) -> Explanation:
        """Return why an anime is recommended, in all detail.

        Raises
        ------
        InputError
            If the profile is empty, or the anime unknown to the model.
        """
        profile = self._checked(profile)
        fitted = self.model(model or self.default_model)
        encoded = self._encoded(fitted, profile, filters)
        column = fitted.column(anime_id)
        terms, ranker = self._terms(fitted, encoded, anime_id)
        match = (
            float(terms["contribution"].sum())
            if len(terms)
            else float(fitted.score(encoded)[0, column])
        )
        row = self.anime.index.get_loc(anime_id)
        genres = self._facts.shared_genres(row, self._liked_rows(profile))
        expected = self._expected(profile)
        return Explanation(
            text=f"because you liked {reason}" if (reason := _reason(terms, genres)) else "",
            match=match,
            terms=terms,
            genres=genres,
            ranker=ranker,
            expected=None if expected is None else float(expected[row]),
        )

    # --- how a profile is seen

    def _checked(self, profile: Profile | Mapping[int, Entry | float | None]) -> Profile:
        profile = Profile.of(profile)
        if not profile:
            raise InputError("the profile is empty: add a title you like")
        taste = [entry for entry in profile.values() if entry.watched]
        if not taste:
            raise InputError("the profile holds plans only: add a title you have seen and like")
        if all(entry.disliked for entry in taste):
            raise InputError("the profile holds dislikes only: add a title you like")
        return profile

    def _encoded(self, fitted, profile: Profile, filters: Filters) -> Interactions:
        """Return the profile on a model's columns: what says something of the person's taste."""
        signed = fitted.NAME in SIGNED and not filters.ignore_dislikes
        entries = {
            anime_id: entry
            for anime_id, entry in profile.items()
            if entry.watched and (signed or not entry.disliked)
        }
        return encoded_entries(entries, fitted.anime_ids_)

    def _liked_rows(self, profile: Profile) -> np.ndarray:
        liked = [anime_id for anime_id, e in profile.items() if e.watched and not e.disliked]
        return self._rows(liked)

    def _rows(self, anime_ids: Collection[int]) -> np.ndarray:
        """Return the rows of those of the anime that are in the catalogue."""
        rows = self.anime.index.get_indexer(list(anime_ids))
        return rows[rows >= 0]

    def _rows_of(self, fitted) -> np.ndarray:
        """Return the row of the catalogue of each of a model's columns, -1 where it lacks it."""
        if fitted.NAME not in self._model_rows:
            self._model_rows[fitted.NAME] = self.anime.index.get_indexer(fitted.anime_ids_)
        return self._model_rows[fitted.NAME]

    def _mask(self, anime_ids: Collection[int]) -> np.ndarray:
        mask = np.zeros(len(self.anime), dtype=bool)
        mask[self._rows(anime_ids)] = True
        return mask

    # --- what may be recommended, and in which order

    def _allowed(self, profile: Profile, filters: Filters) -> np.ndarray:
        """Return which anime of the catalogue pass the filters, bool (n_anime,)."""
        on_list = self._mask(profile)
        allowed = self._facts.passes(filters) & ~on_list
        if filters.franchises == ALL:
            return allowed
        finished = self._mask([a for a, entry in profile.items() if entry.finished])
        known = self._mask([a for a, entry in profile.items() if entry.status != "plan_to_watch"])
        if filters.franchises == IN_ORDER:
            return allowed & ~self.franchises.too_early(finished)
        if filters.franchises == UNKNOWN:
            return allowed & ~self.franchises.known(known)
        return allowed & self.franchises.next_parts(finished, on_list)

    def _scores(self, fitted, encoded: Interactions, allowed: np.ndarray) -> np.ndarray:
        """Return the model's scores by row of the catalogue, float32; -inf where not allowed.

        A model that first retrieves candidates is told what is allowed, so that it retrieves
        among those.
        """
        rows = self._rows_of(fitted)
        usable = (rows >= 0) & allowed[rows]
        if not encoded.nnz:
            raw = fitted.popularity_
        elif "allowed" in inspect.signature(fitted.score).parameters:
            raw = fitted.score(encoded, allowed=usable)[0]
        else:
            raw = fitted.score(encoded)[0]
        scores = np.full(len(self.anime), -np.inf, dtype=np.float32)
        scores[rows[usable]] = raw[usable]
        return scores

    def _picked(self, scores: np.ndarray, k: int, filters: Filters) -> np.ndarray:
        """Return the rows of the ``k`` anime to show, best first, under the two sliders."""
        found = np.flatnonzero(np.isfinite(scores))
        best = found[np.argsort(-scores[found], kind="stable")]
        if not filters.popularity and not filters.variety:
            return best[:k]
        pool = best[: max(POOL, 5 * k)]
        worth = self._facts.with_popularity(scores[pool], pool, filters.popularity)
        if filters.variety:
            return self._diverse(pool, worth, k, filters.variety)
        return pool[np.argsort(-worth, kind="stable")][:k]

    def _diverse(self, pool: np.ndarray, scores: np.ndarray, k: int, variety: float) -> np.ndarray:
        """Choose by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

        One after the other, each time the greatest ``(1 - λ) relevance - λ likeness`` to what is
        chosen already, both from 0 to 1; ``λ`` is `VARIETY_PULL` at full variety.
        """
        pull = VARIETY_PULL * variety
        relevance = (scores - scores.min()) / max(float(np.ptp(scores)), 1e-9)
        nearest = np.zeros(len(pool), dtype=np.float32)
        left = np.ones(len(pool), dtype=bool)
        chosen: list[int] = []
        while len(chosen) < min(k, len(pool)):
            worth = np.where(left, (1 - pull) * relevance - pull * nearest, -np.inf)
            best = int(np.argmax(worth))
            chosen.append(best)
            left[best] = False
            nearest = np.maximum(nearest, self._likeness(pool[best], pool))
        return pool[chosen]

    def _likeness(self, row: int, others: np.ndarray) -> np.ndarray:
        """Return how alike anime are: the cosine of their genres, 1 within a franchise."""
        same = self.franchises.number[others] == self.franchises.number[row]
        return np.where(same, 1.0, self._facts.cosines(row, others))

    # --- what is said about them

    def _described(self, rows: np.ndarray) -> pd.DataFrame:
        frame = self.anime.iloc[rows][SHOWN].reset_index(drop=True)
        frame["genres"] = [", ".join(_listed(genres)) for genres in frame["genres"]]
        frame.insert(0, "rank", np.arange(1, len(frame) + 1))
        return frame

    def _note(self, encoded: Interactions, found: int, wanted: int) -> str:
        if not encoded.nnz:
            return "nobody we learned from has these titles, so the most popular anime come first"
        if not found:
            return "no anime passes the filters: loosen them"
        if found < wanted:
            return f"only {found} anime pass the filters: loosen them for more"
        return ""

    def _reasoned(
        self,
        rows: np.ndarray,
        scores: np.ndarray,
        fitted,
        encoded: Interactions,
        profile: Profile,
    ) -> pd.DataFrame:
        frame = self._described(rows)
        expected = self._expected(profile)
        if expected is not None:
            frame["expected"] = expected[rows]
        frame["match"] = scores[rows]
        if hasattr(fitted, "explain") and encoded.nnz:
            liked = self._liked_rows(profile)
            reasons, matches = [], []
            for row in rows:
                terms, _ = self._terms(fitted, encoded, int(self.anime.index[row]))
                genres = self._facts.shared_genres(row, liked)
                reasons.append(_reason(terms, genres))
                matches.append(terms["contribution"].sum())
            frame["match"] = np.array(matches, dtype=np.float32)
            frame["because"] = reasons
        return frame

    def _terms(
        self, fitted, encoded: Interactions, anime_id: int
    ) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Return the terms of an anime's match and, of a two-stage model, of its ranker's score."""
        if not hasattr(fitted, "explain") or not encoded.nnz:
            return pd.DataFrame(columns=["anime_id", "title", "contribution"]), None
        explained = fitted.explain(encoded, anime_id)
        terms, ranker = explained if isinstance(explained, tuple) else (explained, None)
        titles = self.anime["title"].reindex(terms["anime_id"]).to_numpy()
        terms = terms[["anime_id", "contribution"]].assign(title=titles)
        terms = terms.sort_values("contribution", ascending=False, kind="stable")
        return terms[["anime_id", "title", "contribution"]].reset_index(drop=True), ranker

    def _expected(self, profile: Profile) -> np.ndarray | None:
        """Return the rating expected of each anime, float32 (n_anime,), NaN where unknown.

        None without a fitted `RatingNet` or without any rating by the person.
        """
        rated = {a: entry for a, entry in profile.items() if entry.rating is not None}
        if not rated or "rating-net" not in self.fitted:
            return None
        net = self.model("rating-net")
        encoded = encoded_entries(rated, net.anime_ids_)
        if not encoded.nnz:
            return None
        expected = np.full(len(self.anime), np.nan, dtype=np.float32)
        rows = self._rows_of(net)
        values = np.clip(net.score(encoded)[0], *net.range_)
        expected[rows[rows >= 0]] = values[rows >= 0]
        return expected


class _Facts:
    """What the filters ask about, as arrays in the order of the catalogue."""

    def __init__(self, anime: pd.DataFrame) -> None:
        self.values = {
            name: anime[column].astype(object).where(anime[column].notna(), "").to_numpy()
            for name, column in (("types", "type"), ("statuses", "status"), ("sources", "source"))
        }
        self.numbers = {
            name: pd.to_numeric(anime[column]).to_numpy(dtype=np.float32, na_value=np.nan)
            for name, column in (
                ("years", "year"),
                ("episodes", "episodes"),
                ("minutes", "duration_min"),
                ("members", "members"),
                ("score", "score"),
            )
        }
        self.adult = anime["is_adult"].astype("boolean").fillna(False).to_numpy(dtype=bool)
        self.genres, self.genre_names = _membership(anime["genres"])
        self.studios = [frozenset(_listed(studios)) for studios in anime["studios"]]
        rarity = np.log(len(anime) / np.maximum(self.genres.sum(axis=0), 1)) + 0.5
        vectors = self.genres * rarity.astype(np.float32)
        self.vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    def choices(self) -> dict[str, list[str]]:
        def commonest(values: pd.Series) -> list[str]:
            counts = values[values != ""].value_counts()
            return counts.index.tolist()

        choices = {name: commonest(pd.Series(values)) for name, values in self.values.items()}
        order = np.argsort(-self.genres.sum(axis=0), kind="stable")
        choices["genres"] = [self.genre_names[place] for place in order]
        studios = [studio for studios in self.studios for studio in studios]
        choices["studios"] = commonest(pd.Series(studios, dtype=object))
        return choices

    def passes(self, filters: Filters) -> np.ndarray:
        """Return which anime pass all but the franchise rules, bool (n_anime,)."""
        passes = np.ones(len(self.adult), dtype=bool)
        if not filters.adult:
            passes &= ~self.adult
        for name, values in self.values.items():
            if wanted := getattr(filters, name):
                passes &= np.isin(values, list(wanted))
        for genre in filters.genres:
            passes &= self._of_genre(genre)
        for genre in filters.without_genres:
            passes &= ~self._of_genre(genre)
        if filters.studios:
            wanted = frozenset(filters.studios)
            passes &= np.array([not wanted.isdisjoint(studios) for studios in self.studios])
        bounds = {
            "years": filters.years,
            "episodes": filters.episodes,
            "minutes": filters.minutes,
            "members": (filters.min_members, None),
            "score": (filters.min_score, None),
        }
        for name, (least, greatest) in bounds.items():
            if least is not None:
                passes &= self.numbers[name] >= least
            if greatest is not None:
                passes &= self.numbers[name] <= greatest
        return passes

    def _of_genre(self, genre: str) -> np.ndarray:
        if genre not in self.genre_names:
            return np.zeros(len(self.adult), dtype=bool)
        return self.genres[:, self.genre_names.index(genre)]

    def cosines(self, row: int, others: np.ndarray) -> np.ndarray:
        """Return the cosine of an anime's genres, rare ones weighing more, with others'."""
        return self.vectors[others] @ self.vectors[row]

    def shared_genres(self, row: int, liked: np.ndarray) -> list[str]:
        """Return the genres of an anime that tell most of what is liked: commoner there than in
        the catalogue."""
        if not len(liked):
            return []
        own = np.flatnonzero(self.genres[row] & self.genres[liked].any(axis=0))
        share = self.genres[liked][:, own].mean(axis=0)
        telling = share * np.log((share + 0.01) / (self.genres[:, own].mean(axis=0) + 0.01))
        return [self.genre_names[place] for place in own[np.argsort(-telling)][:REASONS]]

    def with_popularity(
        self, scores: np.ndarray, rows: np.ndarray, popularity: float
    ) -> np.ndarray:
        """Return the scores pulled towards popular anime or, below zero, away from them.

        Scores and log members are compared in standard deviations of those given.
        """
        members = np.log1p(np.nan_to_num(self.numbers["members"][rows]))
        members = (members - members.mean()) / max(float(members.std()), 1e-9)
        return scores + np.float32(popularity * POPULARITY_PULL * scores.std()) * members


def encoded_entries(entries: Mapping[int, Entry], anime_ids: np.ndarray) -> Interactions:
    """Return one person's entries as `Interactions` (1, n_anime) on a model's anime columns."""
    wanted = np.sort(np.fromiter(entries, dtype=np.int64, count=len(entries)))
    columns, known = positions(anime_ids, wanted)
    kept = [entries[anime_id] for anime_id in wanted[known].tolist()]
    ratings = np.array([np.nan if e.stands_for is None else e.stands_for for e in kept], np.float32)
    dropped = np.array([entry.status == "dropped" for entry in kept], dtype=bool)
    return Interactions(
        user_ids=np.zeros(1, dtype=np.int64),
        anime_ids=anime_ids,
        indptr=np.array([0, len(kept)], dtype=np.int64),
        indices=columns[known].astype(np.int32),
        ratings=ratings,
        dropped=dropped & np.isnan(ratings),
        n_unknown=len(wanted) - len(kept),
    )


def _membership(lists: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return lists of tags as a bool matrix (n, n_tags), and the tags, sorted."""
    tags = [_listed(value) for value in lists]
    names = sorted({tag for row in tags for tag in row})
    place = {name: column for column, name in enumerate(names)}
    matrix = np.zeros((len(tags), len(names)), dtype=bool)
    for row, found in enumerate(tags):
        matrix[row, [place[tag] for tag in found]] = True
    return matrix, names


def _listed(value: object) -> list[str]:
    return list(value) if isinstance(value, list | tuple | np.ndarray) else []


def _reason(terms: pd.DataFrame, genres: list[str]) -> str:
    """Return ``X (+0.31) and Y (+0.12), and it is Sports · Comedy``."""
    strongest = terms[terms["contribution"] >= SHOWN_CONTRIBUTION].head(REASONS)
    named = " and ".join(
        f"{title} ({contribution:+.2f})"
        for title, contribution in zip(strongest["title"], strongest["contribution"], strict=True)
    )
    return f"{named}, and it is {' · '.join(genres)}" if named and genres else named


def parse_title(recommender: AnimeRecommender, text: str) -> tuple[int, float | None]:
    """Return (anime id, rating) from ``"Death Note:9"`` or ``"Death Note"`` (rating None).

    Raises
    ------
    InputError
        If the title is unknown or the rating is not from 1 to 10.
    """
    match = re.fullmatch(r"(?P<title>.+?)\s*:\s*(?P<rating>\d+)", text.strip())
    if match is None or recommender.titles.is_name(text):
        return recommender.resolve(text), None
    if not 1 <= int(match["rating"]) <= 10:
        raise InputError(f"the rating in {text!r} must be a whole number from 1 to 10")
    return recommender.resolve(match["title"]), float(match["rating"])
