"""The recommender that people use: titles in, recommendations with reasons out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.config import InputError, Paths
from anirec.interactions import Interactions
from anirec.models import MODELS, load_model
from anirec.titles import TitleIndex

DEFAULT_MODEL = "ease"
DISLIKED_BELOW = 5
"""A title rated below this is a dislike: it is neither recommended nor taken as a taste."""

COLUMNS = [
    "anime_id", "title", "title_english", "title_japanese", "type", "year", "episodes", "genres",
    "score", "members", "is_adult",
]  # fmt: skip


class AnimeRecommender:
    """Recommends from a catalogue with fitted models.

    Parameters
    ----------
    anime : the canonical anime table (`COLUMNS` at least).
    model_dir : folder with one folder per fitted model; a model is loaded when first asked for.
    """

    def __init__(self, anime: pd.DataFrame, model_dir: Path) -> None:
        self.anime = anime.set_index("anime_id", drop=False)
        self.titles = TitleIndex(anime)
        self._model_dir = model_dir
        self._models: dict[str, object] = {}

    @classmethod
    def load(cls, paths: Paths) -> AnimeRecommender:
        """Load what a run left in ``paths``.

        Raises
        ------
        InputError
            If the dataset was not run yet.
        """
        table = paths.processed / "anime.parquet"
        if not table.is_file() or not (paths.models / DEFAULT_MODEL).is_dir():
            raise InputError(
                f"no fitted models for {paths.dataset}: "
                f"run 'anirec run --dataset {paths.dataset}' first"
            )
        return cls(pd.read_parquet(table, columns=COLUMNS), paths.models)

    def model(self, name: str):
        """Return a fitted model by name. Raises InputError if there is none of that name."""
        if name not in self._models:
            fitted = sorted(n for n in MODELS if (self._model_dir / n).is_dir())
            if name not in fitted:
                raise InputError(f"unknown model {name!r}: choose one of {', '.join(fitted)}")
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
        profile: Mapping[int, float | None],
        k: int = 10,
        model: str | None = None,
        include_adult: bool = False,
    ) -> pd.DataFrame:
        """Recommend ``k`` anime to someone.

        Parameters
        ----------
        profile : rating from 1 to 10 by anime id; None for watched and not scored.
        k : how many.
        model : name of the model that ranks; EASE if None.
        include_adult : whether adult titles may be recommended.

        Returns
        -------
        pandas.DataFrame
            One row per recommendation, best first: ``rank``, ``anime_id``, ``title``,
            ``title_english``, ``type``, ``year``, ``episodes``, ``genres``, ``score`` (the
            community's mean), ``match`` (the model's score) and, for EASE, ``because`` (the
            titles of the profile that contribute most to it).

        Raises
        ------
        InputError
            If the profile is empty or no title in it was liked.
        """
        if not profile:
            raise InputError("the profile is empty: add a title you like")
        liked = {a: r for a, r in profile.items() if r is None or r >= DISLIKED_BELOW}
        if not liked:
            raise InputError("the profile holds dislikes only: add a title you like")
        name = model or DEFAULT_MODEL
        fitted = self.model(name)
        encoded = fitted_profile(fitted, liked)
        scores = np.array(fitted.score(encoded)[0], dtype=np.float32)
        scores[~self._allowed(fitted.anime_ids_, profile, include_adult)] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        best = best[np.isfinite(scores[best])]
        ids = fitted.anime_ids_[best]
        result = self._described(ids)
        result["match"] = scores[best]
        if hasattr(fitted, "explain"):
            result["because"] = [self._because(fitted, encoded, anime_id) for anime_id in ids]
        return result

    def similar(self, anime_id: int, k: int = 10, model: str = "content") -> pd.DataFrame:
        """Return the ``k`` anime most similar to one, with their ``similarity``, best first."""
        fitted = self.model(model)
        if not hasattr(fitted, "similar"):
            raise InputError(f"model {model!r} knows no similar anime: choose another")
        neighbours = fitted.similar(anime_id, k=k)
        result = self._described(neighbours["anime_id"].to_numpy())
        result["similarity"] = neighbours["similarity"].to_numpy()
        return result

    def _allowed(
        self, anime_ids: np.ndarray, profile: Mapping[int, float | None], include_adult: bool
    ) -> np.ndarray:
        """Return a mask over ``anime_ids``: not on the list, and not adult unless asked for."""
        allowed = ~np.isin(anime_ids, list(profile))
        if not include_adult:
            adult = self.anime["is_adult"].reindex(anime_ids).fillna(False).to_numpy(dtype=bool)
            allowed &= ~adult
        return allowed

    def _described(self, anime_ids: np.ndarray) -> pd.DataFrame:
        columns = ["anime_id", "title", "title_english", "type", "year", "episodes", "genres"]
        rows = self.anime.loc[anime_ids, [*columns, "score"]].reset_index(drop=True)
        rows["genres"] = [", ".join(genres) if genres is not None else "" for genres in rows.genres]
        rows.insert(0, "rank", np.arange(1, len(rows) + 1))
        return rows

    def _because(self, fitted, profile: Interactions, anime_id: int, limit: int = 2) -> str:
        """Return the titles of the profile that speak most for an anime, with their terms."""
        terms = fitted.explain(profile, anime_id)
        terms = terms[terms["contribution"] > 0].nlargest(limit, "contribution")
        return " and ".join(
            f"{self.anime.at[row.anime_id, 'title']} ({row.contribution:+.2f})"
            for row in terms.itertuples()
        )


def fitted_profile(fitted, profile: Mapping[int, float | None]) -> Interactions:
    """Return one person's list as `Interactions` on the model's anime columns.

    Raises
    ------
    InputError
        If the model knows none of the anime.
    """
    frame = pd.DataFrame(
        {
            "user_id": 0,
            "anime_id": np.fromiter(profile, dtype=np.int32),
            "rating": pd.array(list(profile.values()), dtype="Float32"),
        }
    )
    return Interactions.from_frame(frame, anime_ids=fitted.anime_ids_)


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
