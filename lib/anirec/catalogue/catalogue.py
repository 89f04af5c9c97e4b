"""The catalogue as the recommender uses it: titles, franchises, and what filters ask about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.catalogue.franchise_finding import find_franchises
from anirec.catalogue.franchises import Franchises
from anirec.catalogue.indices import FRANCHISES, TITLES
from anirec.catalogue.titles import TitleIndex
from anirec.datasets.tables import read_canonical
from anirec.interactions import positions
from anirec.vectors import unit_rows

COLUMNS = [
    "anime_id", "mal_id", "title", "title_english", "title_japanese", "type", "year", "episodes",
    "duration_min", "genres", "studios", "source", "status", "aired_from", "score", "members",
    "is_adult", "image_url", "season", "synopsis", "title_synonyms",
    "related",
]  # fmt: skip


class Catalogue:
    """The anime that can be recommended, and everything about them that does not need a model.

    Parameters
    ----------
    anime : the canonical anime table; columns of `COLUMNS` that it lacks count as unknown.
    titles, franchises : told from the table already; if None, they are told from it now.

    Attributes
    ----------
    anime : the table, indexed by anime id, with `COLUMNS`. Its rows are what all arrays and masks
        here are aligned to: (n_anime,).
    titles : `TitleIndex` over it.
    franchises : `Franchises` of it.
    genres, genre_names : bool (n_anime, n_genres), and the names of the columns.
    numbers : ``years``, ``episodes``, ``minutes``, ``time`` (the minutes of all episodes),
        ``members`` and ``score``, float32 (n_anime,) each, NaN where unknown.
    values : ``types``, ``statuses``, ``sources`` and ``seasons``, `pandas.Categorical` each.
    adult : bool (n_anime,), whether it is for adults only; false where unknown.
    """

    def __init__(
        self,
        anime: pd.DataFrame,
        titles: TitleIndex | None = None,
        franchises: Franchises | None = None,
    ) -> None:
        anime = anime.reindex(columns=COLUMNS)
        self.anime = anime.set_index("anime_id", drop=False)
        ids = anime["anime_id"].to_numpy()
        self._id_order = np.argsort(ids, kind="stable")
        self._sorted_ids = ids[self._id_order]
        self.titles = TitleIndex(anime) if titles is None else titles
        self.franchises = find_franchises(anime) if franchises is None else franchises
        self.values = {
            name: pd.Categorical(anime[column].astype(object))
            for name, column in (
                ("types", "type"),
                ("statuses", "status"),
                ("sources", "source"),
                ("seasons", "season"),
            )
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
        self.numbers["time"] = self.numbers["episodes"] * self.numbers["minutes"]
        self.adult = anime["is_adult"].astype("boolean").fillna(False).to_numpy(dtype=bool)
        self.genres, self.genre_names = _membership(anime["genres"])
        self._studios = [frozenset(listed(studios)) for studios in anime["studios"]]
        self._genre_shares = self.genres.mean(axis=0) if len(anime) else np.zeros(0)
        rarity = np.log(max(1, len(anime)) / np.maximum(self.genres.sum(axis=0), 1)) + 0.5
        self._vectors = unit_rows(self.genres * rarity.astype(np.float32))

    @classmethod
    def load(cls, table: Path) -> Catalogue:
        """Read the anime table and what `anirec.catalogue.build` keeps beside it.

        What is missing there or out of date is made anew, and kept where that can be.
        """
        anime = read_canonical(table, COLUMNS)
        return cls(anime, TITLES.load(table, anime), FRANCHISES.load(table, anime))

    @cached_property
    def by_mal_id(self) -> dict[int, int]:
        """The anime's ids by MyAnimeList's, where those are known."""
        known = pd.to_numeric(self.anime["mal_id"]).dropna()
        return dict(zip(known.astype("int64").tolist(), known.index.tolist(), strict=True))

    def mal_id(self, anime_id: int) -> int | None:
        """Return MyAnimeList's id of an anime, None if it is unknown or the catalogue lacks it."""
        return self._mal_ids.get(anime_id)

    @cached_property
    def _mal_ids(self) -> dict[int, int]:
        return {anime_id: mal_id for mal_id, anime_id in self.by_mal_id.items()}

    def __len__(self) -> int:
        return len(self.anime)

    def rows(self, anime_ids: Collection[int] | np.ndarray) -> np.ndarray:
        """Return the rows of those of the anime that the catalogue has."""
        wanted = np.fromiter(anime_ids, dtype=np.int64, count=len(anime_ids))
        places, known = positions(self._sorted_ids, wanted)
        return self._id_order[places[known]]

    def mask(self, anime_ids: Collection[int]) -> np.ndarray:
        """Return which anime of the catalogue are among those, bool (n_anime,)."""
        mask = np.zeros(len(self), dtype=bool)
        mask[self.rows(anime_ids)] = True
        return mask

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """The types, genres, statuses, sources, seasons and studios, the commonest first."""
        choices = {name: _commonest(values) for name, values in self.values.items()}
        order = np.argsort(-self.genres.sum(axis=0), kind="stable")
        choices["genres"] = [self.genre_names[place] for place in order]
        choices["studios"] = _commonest(studio for one in self._studios for studio in one)
        return choices

    def of_genre(self, genre: str) -> np.ndarray:
        """Return which anime are of a genre, bool (n_anime,); none if there is no such genre."""
        if genre not in self.genre_names:
            return np.zeros(len(self), dtype=bool)
        return self.genres[:, self.genre_names.index(genre)]

    def of_studios(self, studios: Collection[str]) -> np.ndarray:
        """Return which anime at least one of those studios made, bool (n_anime,)."""
        wanted = frozenset(studios)
        return np.array([not wanted.isdisjoint(made) for made in self._studios], dtype=bool)

    def likeness(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return how alike anime and others are, from 0 to 1, float (len(rows), len(others)).

        1 within a franchise, otherwise the cosine of their genres, of which rare ones weigh more.
        """
        number = self.franchises.number
        cosines = self._vectors[rows] @ self._vectors[others].T
        cosines[number[rows][:, None] == number[others]] = 1
        return cosines

    def shared_genres(self, rows: np.ndarray, liked: np.ndarray, most: int) -> list[list[str]]:
        """Return the genres of each anime at ``rows`` that tell most of what is liked, the rows
        ``liked``: commoner there than in the catalogue; at most ``most`` of each."""
        if not len(liked):
            return [[] for _ in rows]
        share = self.genres[liked].mean(axis=0)
        telling = share * np.log((share + 0.01) / (self._genre_shares + 0.01))
        order = np.argsort(-telling, kind="stable")
        order = order[share[order] > 0]
        return [
            [self.genre_names[place] for place in order[self.genres[row, order]][:most]]
            for row in rows
        ]


def _commonest(values: Iterable[object]) -> list[str]:
    counts = Counter(value for value in values if isinstance(value, str))
    return [value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _membership(lists: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return lists of tags as a bool matrix (n, n_tags), and the tags, sorted."""
    tags = [listed(value) for value in lists]
    names = sorted({tag for row in tags for tag in row})
    place = {name: column for column, name in enumerate(names)}
    matrix = np.zeros((len(tags), len(names)), dtype=bool)
    for row, found in enumerate(tags):
        matrix[row, [place[tag] for tag in found]] = True
    return matrix, names


def listed(value: object) -> list[str]:
    """Return a cell of a column of lists as a list; empty where it is null."""
    return list(value) if isinstance(value, list | tuple | np.ndarray) else []
