"""The recommender that people use: titles in, recommendations with reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.analysis.mixture import MIXTURE_FILE, SegmentMixture
from anirec.catalogue import Catalogue
from anirec.catalogue.catalogue import listed as listed_values
from anirec.catalogue.filters import ALL, Filters
from anirec.config import InputError, Paths
from anirec.events.versions import CATALOGUE, RUN, Version, Versions
from anirec.interactions import positions
from anirec.models import MODELS, Ability, load_model
from anirec.profiles import Entry, Profile
from anirec.recommender.groups import Groups
from anirec.recommender.knowledge import Knowledge, Uncertainty, knowledge_of, most_telling, unknown
from anirec.recommender.order import fit_of, picked, surprising, well_liked
from anirec.recommender.reasons import REASONS, Explanation, list_note, reason_text, terms_frame
from anirec.recommender.segment_mixture import Mixtures
from anirec.recommender.shelves import Shelves
from anirec.recommender.taste import Taste, encoded_entries, liked_ids, said_liked

PREFERRED = ("two-stage", "hybrid-ease", "ease")
"""The models that rank unless another is named: the first one fitted."""

PREFERRED_SIMILAR = ("hybrid-ease", "ease", "content")
"""The models that tell what is similar unless another is named: the first one fitted."""

USUAL = Filters()
EVERY_PART = Filters(franchises=ALL)

SHOWN = [
    "anime_id", "mal_id", "title", "title_english", "type", "year", "episodes", "duration_min",
    "genres", "score", "members", "image_url", "synopsis",
]  # fmt: skip


class AnimeRecommender(Shelves, Groups, Mixtures):
    """Recommends from a catalogue with fitted models.

    Everything a page needs: `search` while somebody types; `recommend` for a few titles or a whole
    profile, and as other ways in `similar`, `for_segment` and `surprise`; `explain` for the details
    of one recommendation; `knowledge`, `segment_mixture` and `to_rate` for the profile; `choices`
    for what the filters offer. A profile is a `Profile` or a plain mapping of anime ids to ratings
    (None: not rated). Frames have one row per anime, best first, with ``rank`` and `SHOWN`;
    ``genres`` is text. More results are had by asking for more: the first ones stay the same
    unless the variety slider is on.

    Parameters
    ----------
    catalogue : the anime, or the canonical anime table.
    model_dir : folder with one folder per fitted model; a model is loaded when first asked for.
    segments : the segments of the community, as notebook 04 describes them (see `segments`).
    mixture : gives any list its shares of them.
    version : a version that knows events; its models are taken before those of ``model_dir``.

    Attributes
    ----------
    catalogue : `Catalogue`.
    version : what is served.
    """

    def __init__(
        self,
        catalogue: Catalogue | pd.DataFrame,
        model_dir: Path,
        segments: pd.DataFrame | None = None,
        version: Version = RUN,
        mixture: SegmentMixture | None = None,
    ) -> None:
        self.version = version
        self.catalogue = catalogue if isinstance(catalogue, Catalogue) else Catalogue(catalogue)
        self._shown = self.catalogue.anime[SHOWN]
        self._model_dir = model_dir
        self._segments = segments
        self.mixture = mixture
        self._models: dict[str, object] = {}
        self._model_rows: dict[str, np.ndarray] = {}

    @classmethod
    def load(cls, paths: Paths) -> AnimeRecommender:
        """Load what a run left in ``paths``, as events changed it since.

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
        segments = paths.tables / "04_titles.csv"
        mixture = paths.tables / MIXTURE_FILE
        version = Versions(paths).current()
        return cls(
            Catalogue.load(version.file(CATALOGUE) or table),
            paths.models,
            pd.read_csv(segments) if segments.is_file() else None,
            version,
            SegmentMixture.load(mixture) if mixture.is_file() else None,
        )

    # --- what there is

    @property
    def anime(self) -> pd.DataFrame:
        """The catalogue's table, indexed by anime id, with `COLUMNS`."""
        return self.catalogue.anime

    @property
    def choices(self) -> dict[str, list[str]]:
        """What the filters offer; see `Catalogue.choices`."""
        return self.catalogue.choices

    @cached_property
    def fitted(self) -> list[str]:
        """The names of the models that can be asked for."""
        return [name for name in MODELS if self._description(name).is_file()]

    @property
    def in_use(self) -> list[str]:
        """The names of the models that were asked for so far."""
        return list(self._models)

    @property
    def default_model(self) -> str:
        """The name of the model that ranks unless another is named."""
        return next((name for name in PREFERRED if name in self.fitted), PREFERRED[-1])

    def model(self, name: str):
        """Return a fitted model by name. Raises InputError if there is none of that name."""
        if name not in self._models:
            if name not in self.fitted:
                raise InputError(f"unknown model {name!r}: choose one of {', '.join(self.fitted)}")
            self._models[name] = load_model(self.folder_of(name))
        return self._models[name]

    def folder_of(self, name: str) -> Path:
        """Return the folder that a fitted model is loaded from."""
        return self._description(name).parent

    def _description(self, name: str) -> Path:
        """Return where the file is that describes a model, if it is fitted."""
        file = Path(name) / "model.json"
        return self.version.file(file) or self._model_dir / file

    def search(self, text: str, limit: int = 10) -> pd.DataFrame:
        """Return the anime whose names fit ``text`` best, best first, with `COLUMNS`."""
        return self.anime.loc[self.catalogue.titles.search(text, limit)]

    def resolve(self, text: str) -> int:
        """Return the id of the anime meant by ``text``. Raises `titles.UnknownTitle`."""
        return self.catalogue.titles.resolve(text)

    # --- ways to be recommended something

    def recommend(
        self,
        profile: Profile | Mapping[int, Entry | float | None],
        k: int = 10,
        model: str | None = None,
        filters: Filters = USUAL,
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
            retriever of a two-stage model), ``fit`` (how it stands between the typical candidate
            and the best, from 0 to 1, falling with the order of the model) and ``because`` (the
            titles that contribute most to the match, and genres they share, as a clause); of a
            model that tells it ``chance`` (the share of people with such a list who watched the
            anime and liked it, NaN where that is not known). ``frame.attrs["note"]`` says what the
            person should know of the list as a whole, and is empty mostly.

        Raises
        ------
        InputError
            If the profile is empty or no title in it was liked.
        """
        profile = self._checked(profile)
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        scores = self._scores(taste, self._allowed(profile, filters))
        rows = picked(self.catalogue, scores, k, filters)
        return self._reasoned(rows, scores, taste, profile, k)

    def similar(
        self,
        anime_id: int,
        k: int = 10,
        model: str | None = None,
        filters: Filters = EVERY_PART,
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
        everything = fitted.similar(anime_id, k=len(fitted.anime_ids_))
        scores = np.full(len(self.catalogue), -np.inf, dtype=np.float32)
        at = self.anime.index.get_indexer(everything["anime_id"])
        scores[at[at >= 0]] = everything["similarity"].to_numpy()[at >= 0]
        scores[~self._allowed(Profile({anime_id: Entry()}), filters)] = -np.inf
        rows = picked(self.catalogue, scores, k, filters)
        return self._described(rows).assign(similarity=scores[rows])

    @cached_property
    def segments(self) -> dict[str, list[int]]:
        """The segments of the community by name, each with the anime that set it apart most.

        From ``tables/04_titles.csv`` of the run (columns ``segment`` and ``anime_id``); empty where
        notebook 04 was not run.
        """
        if self._segments is None:
            return {}
        told = self._segments[self._segments["anime_id"].isin(self.anime.index)]
        lists = told.groupby("segment", sort=False)["anime_id"].agg(list)
        return {str(name): [int(anime_id) for anime_id in ids] for name, ids in lists.items()}

    def for_segment(
        self,
        segment: str,
        k: int = 10,
        profile: Profile | Mapping[int, Entry | float | None] | None = None,
        model: str | None = None,
        filters: Filters = USUAL,
    ) -> pd.DataFrame:
        """Recommend what a segment of the community likes: because you like what they like.

        The titles that set the segment apart stand for the person's own; they may be recommended
        themselves. What is on the person's ``profile`` is left out. Returns what `recommend` does.

        Raises
        ------
        InputError
            If there is no such segment.
        """
        if segment not in self.segments:
            known = ", ".join(self.segments) or "none is known: run notebook 04 first"
            raise InputError(f"unknown segment {segment!r}: choose one of {known}")
        own = Profile.of(profile or {})
        fitted = self.model(model or self.default_model)
        stands_for = Profile({anime_id: Entry(liked=True) for anime_id in self.segments[segment]})
        taste = Taste.of(stands_for, fitted, filters.ignore_dislikes)
        scores = self._scores(taste, self._allowed(own, filters))
        rows = picked(self.catalogue, scores, k, filters)
        return self._reasoned(rows, scores, taste, stands_for, k, segment)

    def surprise(
        self,
        profile: Profile | Mapping[int, Entry | float | None] | None = None,
        k: int = 10,
        model: str | None = None,
        filters: Filters = USUAL,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Recommend what somebody would like but not expect; another ``seed`` surprises anew.

        Of the `SURPRISE_POOL` best candidates those come first that are relevant, unlike anything
        on the list and known to few: serendipity as relevance × unexpectedness (Kotkov et al.,
        "A survey of serendipity in recommender systems", 2016), with chance (Gumbel noise) deciding
        between close ones. Without a profile the relevance is the community's mean score. Returns
        what `recommend` does.
        """
        profile = Profile.of(profile or {})
        known = bool(liked_ids(profile))
        allowed = self._allowed(profile, filters)
        if not known:
            scores = well_liked(self.catalogue, allowed)
            rows = surprising(self.catalogue, scores, np.zeros(0, dtype=np.int64), k, seed)
            frame = self._described(rows)
            frame.attrs["note"] = list_note(True, len(frame), k)
            return frame
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        scores = self._scores(taste, allowed)
        rows = surprising(self.catalogue, scores, self._liked_rows(profile), k, seed)
        return self._reasoned(rows, scores, taste, profile, k)

    def explain(
        self,
        profile: Profile | Mapping[int, Entry | float | None],
        anime_id: int,
        model: str | None = None,
        filters: Filters = USUAL,
    ) -> Explanation:
        """Return why an anime is recommended, in all detail.

        Raises
        ------
        InputError
            If the profile is empty, or the anime unknown to the model.
        """
        return self.explanations(profile, [anime_id], model, filters)[0]

    def explanations(
        self,
        profile: Profile | Mapping[int, Entry | float | None],
        anime_ids: Sequence[int],
        model: str | None = None,
        filters: Filters = USUAL,
    ) -> list[Explanation]:
        """Return what `explain` says of several anime, much faster than one after the other."""
        profile = self._checked(profile)
        fitted = self.model(model or self.default_model)
        taste = Taste.of(profile, fitted, filters.ignore_dislikes)
        columns = np.array([fitted.column(anime_id) for anime_id in anime_ids], dtype=np.int64)
        rows = self._rows_of(fitted)[columns]
        usable = self._usable(fitted, self._allowed(profile, filters))
        if taste.is_sum:
            ids, contributions = taste.anime_ids, taste.contributions(columns)
            matches = contributions.sum(axis=0)
        else:
            ids, contributions = taste.anime_ids[:0], np.zeros((0, len(columns)), np.float32)
            matches = taste.scores(None)[columns]
        titles = self.anime["title"].reindex(ids).to_numpy()
        told_of = self._reasons_in(profile, ids)
        genres = self.catalogue.shared_genres(rows, self._liked_rows(profile), REASONS)
        expected = self._expected(profile, rows)
        rankings = taste.rankings(columns, usable)
        told = []
        for place in range(len(columns)):
            reason = reason_text(
                titles[told_of[0]],
                contributions[told_of[0], place],
                told_of[1],
                float(matches[place]),
                genres[place],
            )
            told.append(
                Explanation(
                    text=reason,
                    match=float(matches[place]),
                    terms=terms_frame(ids, titles, contributions[:, place]),
                    genres=genres[place],
                    ranker=rankings[place],
                    expected=None if expected is None else float(expected[place]),
                )
            )
        return told

    # --- the profile itself

    def knowledge(self, profile: Profile | Mapping[int, Entry | float | None]) -> Knowledge:
        """Return how well a profile is known: each title ranked from the others alone.

        By HybridEASE, or EASE where it is not fitted: their diagonal is zero, so a title says
        nothing about itself, and the person's mean is that of the other titles.
        """
        profile = Profile.of(profile)
        name = next((n for n in PREFERRED_SIMILAR[:2] if n in self.fitted), None)
        if name is None:
            return unknown("No model here can tell how well it knows you.")
        fitted = self.model(name)
        encoded = Taste.of(profile, fitted).shown
        titles = self.anime["title"]
        return knowledge_of(encoded, fitted, self._listed_columns(fitted, profile), titles)

    def to_rate(
        self,
        profile: Profile | Mapping[int, Entry | float | None] | None = None,
        k: int = 10,
        filters: Filters = EVERY_PART,
    ) -> pd.DataFrame:
        """Return ``k`` anime not on the list whose rating would tell most of the person's taste.

        They are well known, divisive and diverse, one per franchise (`knowledge.most_telling` on
        the factors of `RatingNet`); without `RatingNet` the best known anime of different genres.

        Returns
        -------
        pandas.DataFrame
            ``rank`` and `SHOWN`.
        """
        profile = Profile.of(profile or {})
        open_ = self._allowed(profile, filters)
        popularity = np.where(open_, self._popularity(), 0)
        uncertain = Uncertainty(self._factors(), self.catalogue.rows(profile))
        number = self.catalogue.franchises.number
        return self._described(most_telling(popularity, number, uncertain, k))

    def _popularity(self) -> np.ndarray:
        """Return the chance that somebody has seen each anime, float32 (n_anime,)."""
        name = next(iter(self.fitted), None)
        popularity = np.zeros(len(self.catalogue), dtype=np.float32)
        if name is not None:
            fitted = self.model(name)
            rows = self._rows_of(fitted)
            popularity[rows[rows >= 0]] = fitted.popularity_[rows >= 0]
        return popularity

    def _factors(self) -> np.ndarray:
        """Return what tells tastes apart: factors of `RatingNet`, else genres, (n_anime, n)."""
        if "rating-net" not in self.fitted:
            return self.catalogue.genres.astype(np.float32)
        net = self.model("rating-net")
        rows = self._rows_of(net)
        factors = np.zeros((len(self.catalogue), net.anime_factors_.shape[1]), dtype=np.float32)
        factors[rows[rows >= 0]] = net.anime_factors_[rows >= 0]
        return factors

    def _listed_columns(self, fitted, profile: Profile) -> np.ndarray:
        """Return the columns of all that is on the list, liked or not, planned or seen."""
        wanted = np.sort(np.fromiter(profile, dtype=np.int64, count=len(profile)))
        columns, known = positions(fitted.anime_ids_, wanted)
        return columns[known]

    # --- how a profile is seen

    def _checked(self, profile: Profile | Mapping[int, Entry | float | None]) -> Profile:
        profile = Profile.of(profile)
        if not profile:
            raise InputError("the profile is empty: add a title you like")
        if not any(entry.watched for entry in profile.values()):
            raise InputError("the profile holds plans only: add a title you have seen and like")
        if not liked_ids(profile):
            raise InputError("the profile holds dislikes only: add a title you like")
        return profile

    def _liked_rows(self, profile: Profile) -> np.ndarray:
        return self.catalogue.rows(liked_ids(profile))

    def _rows_of(self, fitted) -> np.ndarray:
        """Return the row of the catalogue of each of a model's columns, -1 where it lacks it."""
        if fitted.NAME not in self._model_rows:
            self._model_rows[fitted.NAME] = self.anime.index.get_indexer(fitted.anime_ids_)
        return self._model_rows[fitted.NAME]

    # --- what may be recommended, and in which order

    def _allowed(self, profile: Profile, filters: Filters) -> np.ndarray:
        """Return which anime of the catalogue pass the filters, bool (n_anime,)."""
        mask = self.catalogue.mask
        on_list = mask(profile)
        allowed = filters.passing(self.catalogue) & ~on_list & ~self._before_dislikes(profile)
        if filters.franchises == ALL:
            return allowed
        finished = mask([a for a, entry in profile.items() if entry.finished])
        known = [a for a, e in profile.items() if _is_begun(e)]
        franchises = self.catalogue.franchises
        return allowed & filters.follows_franchises(franchises, finished, mask(known), on_list)

    def _before_dislikes(self, profile: Profile) -> np.ndarray:
        """Return the parts that come before a disliked one, bool (n_anime,): who gave a sequel a
        low rating need not begin with the first part."""
        disliked = self.catalogue.mask(list(profile.dislikes))
        return self.catalogue.franchises.finished(disliked)

    def _scores(self, taste: Taste, allowed: np.ndarray) -> np.ndarray:
        """Return the scores by row of the catalogue, float32; -inf where not allowed."""
        rows = self._rows_of(taste.fitted)
        usable = self._usable(taste.fitted, allowed)
        scores = np.full(len(self.catalogue), -np.inf, dtype=np.float32)
        scores[rows[usable]] = taste.scores(usable)[usable]
        return scores

    def _usable(self, fitted, allowed: np.ndarray) -> np.ndarray:
        """Return which of a model's columns are allowed, given by row of the catalogue, bool."""
        rows = self._rows_of(fitted)
        return (rows >= 0) & allowed[rows]

    # --- what is said about them

    def _described(self, rows: np.ndarray) -> pd.DataFrame:
        frame = self._shown.iloc[rows].reset_index(drop=True)
        frame["genres"] = [", ".join(listed_values(genres)) for genres in frame["genres"]]
        frame.insert(0, "rank", np.arange(1, len(frame) + 1))
        return frame

    def _reasoned(
        self,
        rows: np.ndarray,
        scores: np.ndarray,
        taste: Taste,
        profile: Profile,
        wanted: int,
        segment: str = "",
    ) -> pd.DataFrame:
        """Return the anime at ``rows`` with all that `recommend` says of them."""
        frame = self._described(rows)
        expected = self._expected(profile, rows)
        if expected is not None:
            frame["expected"] = expected
        frame["fit"] = fit_of(scores, rows)
        frame["match"] = scores[rows]
        if taste.is_sum:
            columns = np.searchsorted(taste.fitted.anime_ids_, frame["anime_id"].to_numpy())
            terms = taste.contributions(columns)
            genres = self.catalogue.shared_genres(rows, self._liked_rows(profile), REASONS)
            among, liked = self._reasons_in(profile, taste.anime_ids)
            titles = self.anime["title"].reindex(taste.anime_ids[among]).to_numpy()
            frame["match"] = terms.sum(axis=0)
            frame["because"] = [
                reason_text(titles, terms[among, place], liked, match, genres[place], segment)
                for place, match in enumerate(frame["match"].tolist())
            ]
            if taste.fitted.can(Ability.CHANCES):
                usable = self._usable(taste.fitted, np.isfinite(scores))
                frame["chance"] = taste.fitted.chances(taste.shown, columns, usable)
        frame.attrs["note"] = list_note(taste.shown.nnz > 0, len(frame), wanted)
        return frame

    @staticmethod
    def _reasons_in(profile: Profile, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of the anime may be named as reasons, bool (n,), and which of those the
        person said they like; the others they watched."""
        among = np.isin(ids, liked_ids(profile))
        liked = [said_liked(profile[int(anime_id)]) for anime_id in ids[among]]
        return among, np.array(liked, dtype=bool)

    def _expected(self, profile: Profile, rows: np.ndarray) -> np.ndarray | None:
        """Return the rating expected of the anime at ``rows``, float32 (n,), NaN where unknown.

        None without a fitted `RatingNet` or without any rating by the person.
        """
        rated = {a: entry for a, entry in profile.items() if entry.rating is not None}
        if not rated or "rating-net" not in self.fitted:
            return None
        net = self.model("rating-net")
        encoded = encoded_entries(rated, net.anime_ids_)
        if not encoded.nnz:
            return None
        columns, known = positions(net.anime_ids_, self.anime.index.to_numpy()[rows])
        rating = net.anime_factors_[columns] @ net.fold_in(encoded)[0] + net.anime_bias_[columns]
        expected = np.clip(rating + net.scale_[0], *net.range_)
        return np.where(known, expected, np.nan).astype(np.float32)


def _is_begun(entry: Entry) -> bool:
    """Return whether a person knows an anime by more than its name, counted or not."""
    return replace(entry, uncounted=False).watched and entry.status != "plan_to_watch"
