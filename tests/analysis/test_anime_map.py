"""Kinds of anime that are planted, where they lie on the map, and which are near which."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_clustering import GENRES, community

from anirec.analysis import anime_map
from anirec.analysis.finding import Absence, Finding
from anirec.catalogue.features import item_features


def catalogue(n: int = 100) -> pd.DataFrame:
    """Return 70 anime that the community has on its lists, and others that nobody has."""
    genres = [["Comedy"] if i < 10 else [GENRES[(i - 10) // 15 % 4]] for i in range(n)]
    return pd.DataFrame(
        {
            "anime_id": range(n),
            "title": [f"{names[0]} {i}" for i, names in enumerate(genres)],
            "title_english": None,
            "type": "TV",
            "year": 2010,
            "score": 7.5,
            "members": np.arange(n) * 10,
            "genres": genres,
        }
    )


@pytest.fixture(scope="module")
def flat() -> anime_map.AnimeMap:
    anime = catalogue()
    return anime_map.map_anime(anime, community(), item_features(anime, anime["anime_id"]))


def first_genre(flat: anime_map.AnimeMap) -> np.ndarray:
    return flat.anime["genres"].str[0].to_numpy()


def test_kinds_hold_one_genre_each_and_differ_in_name(flat) -> None:
    table = pd.crosstab(flat.labels, first_genre(flat))
    assert (table.max(axis=1) / table.sum(axis=1)).mean() > 0.95
    assert len(flat.names) == len(set(flat.names)) == anime_map.N_CLUSTERS
    assert np.bincount(flat.labels).tolist() == sorted(np.bincount(flat.labels), reverse=True)


def test_nearest_are_of_the_same_genre_and_never_itself(flat) -> None:
    genre = first_genre(flat)
    assert (genre[flat.nearest[:, :5]] == genre[:, None]).mean() > 0.95
    assert not (flat.nearest == np.arange(len(genre))[:, None]).any()
    alike = flat.vectors @ flat.vectors.T
    np.fill_diagonal(alike, -1)
    first = alike[np.arange(len(genre)), flat.nearest[:, 0]]
    np.testing.assert_allclose(first, alike.max(axis=1), rtol=1e-5)


def test_neighbours_on_the_map_are_alike(flat) -> None:
    assert flat.at.min() == 0 and flat.at.max() == 1 and np.isfinite(flat.at).all()
    away = np.linalg.norm(flat.at[:, None] - flat.at[None], axis=2)
    np.fill_diagonal(away, np.inf)
    genre = first_genre(flat)
    assert (genre[away.argmin(axis=1)] == genre).mean() > 0.9


def test_those_beyond_what_is_laid_out_lie_with_their_nearest(flat, monkeypatch) -> None:
    monkeypatch.setattr(anime_map, "LAID_OUT", 60)
    at = anime_map.laid_flat(flat.vectors, np.arange(100)[::-1], seed=0)
    again = anime_map.laid_flat(flat.vectors, np.arange(100)[::-1], seed=0)
    np.testing.assert_array_equal(at, again)
    genre = first_genre(flat)
    away = np.linalg.norm(at[60:, None] - at[None, :60], axis=2)
    assert (genre[away.argmin(axis=1)] == genre[60:]).mean() > 0.8


def test_learned_embeddings_move_anime_together(flat) -> None:
    anime = catalogue().assign(genres=[["Drama"], ["Action"]] * 50)
    features = item_features(anime, anime["anime_id"])
    rng = np.random.default_rng(0)
    learned = rng.normal(size=(100, 8)).astype(np.float32)
    learned[99] = learned[75]
    alone = anime_map.anime_vectors(community(), features)
    order = rng.permutation(100)  # ids need not be in order
    beside = anime_map.anime_vectors(community(), features, (order, learned[order]))
    assert beside[99] @ beside[75] > alone[99] @ alone[75] - 1e-6
    assert beside[99] @ beside[75] > beside[99] @ beside[77]
    np.testing.assert_allclose(np.linalg.norm(beside, axis=1), 1, rtol=1e-4)


def test_the_finding_tells_of_every_kind(flat) -> None:
    finding = anime_map.kinds_of_anime(flat)
    assert finding.table["anime"].sum() == 100
    assert finding.table["share_of_members"].sum() == pytest.approx(1)
    assert "100 anime fall into 10 kinds" in finding.answer
    assert finding.figure is not None


@pytest.mark.parametrize(
    "anime",
    [
        catalogue(20),
        catalogue().assign(genres=[["Comedy"]] * 100),
        catalogue().drop(columns="genres"),
    ],
    ids=["few anime", "one genre", "no genres"],
)
def test_what_has_no_kinds_is_an_absence(anime: pd.DataFrame) -> None:
    features = item_features(anime, anime["anime_id"])
    found = anime_map.map_anime(anime, community(), features)
    assert isinstance(found, Absence) and found.because.endswith(".")
    assert anime_map.kinds_of_anime(found) == found


def test_nobody_but_equal_lists_still_give_kinds_by_tags() -> None:
    equal = community().users(np.zeros(40, dtype=int))
    anime = catalogue()
    flat = anime_map.map_anime(anime, equal, item_features(anime, anime["anime_id"]))
    assert isinstance(anime_map.kinds_of_anime(flat), Finding)
    assert np.isfinite(flat.at).all()
