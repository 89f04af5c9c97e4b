"""Tags of the anime as matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue.features import item_features, title_bigrams, title_start, title_words


@pytest.fixture
def anime() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "anime_id": [1, 5, 8],
            "title": ["Naruto: Shippuuden", "Gintama°", None],
            "genres": [["Action", "Comedy"], np.array(["Comedy"]), None],
            "studios": [None, None, None],
            "type": pd.Categorical(["TV", "Movie", None]),
            "episodes": pd.array([500, None, 12], dtype="Int16"),
            "year": pd.array([2007, 2011, None], dtype="Int16"),
            "members": pd.array([None, None, None], dtype="Int32"),
        }
    )


def test_rows_follow_the_ids_asked_for(anime: pd.DataFrame) -> None:
    features = item_features(anime, np.array([5, 99, 1]))
    assert features.tags["genres"] == ["Action", "Comedy"]
    np.testing.assert_array_equal(features.matrices["genres"].toarray(), [[0, 1], [0, 0], [1, 1]])
    assert features.tags["title_words"] == ["gintama", "naruto", "shippuuden"]
    assert features.tags["era"] == ["2000s", "2010s"]
    np.testing.assert_array_equal(features.matrices["type"].toarray(), [[1, 0], [0, 0], [0, 1]])
    np.testing.assert_array_equal(features.numbers["episodes"], [np.nan, np.nan, 500])
    np.testing.assert_array_equal(features.numbers["year"], [2011, np.nan, 2007])


def test_kinds_the_table_lacks_are_left_out(anime: pd.DataFrame) -> None:
    features = item_features(anime, anime["anime_id"].to_numpy())
    titles = ["title_words", "title_bigrams", "title_first", "title_first_two"]
    assert list(features.matrices) == [*titles, "genres", "type", "franchise", "era"]
    assert list(features.numbers) == ["episodes", "year", "part"]
    overview = features.overview().set_index("feature")
    assert overview.loc["genres", "tags"] == 2
    assert overview.loc["genres", "share_with"] == pytest.approx(2 / 3)


def test_franchises_are_named_by_their_first_part() -> None:
    films = pd.DataFrame(
        {
            "film": [7, 3, 5],
            "title": ["Alien Saga 2", "Alien Saga", "Heat"],
            "genres": [["Horror"], ["Horror"], ["Crime"]],
        }
    )
    features = item_features(films, np.array([3, 5, 7, 9]), item="film")
    assert features.tags["franchise"] == ["3", "5"]
    expected = [[1, 0], [0, 1], [1, 0], [0, 0]]
    np.testing.assert_array_equal(features.matrices["franchise"].toarray(), expected)
    np.testing.assert_array_equal(features.numbers["part"], [0, 0, 1, np.nan])


def test_table_of_other_things() -> None:
    films = pd.DataFrame({"film": ["Heat", "Alien"], "genres": [["Crime"], ["Horror"]]})
    features = item_features(films, np.array(["Alien", "Heat"]), item="film")
    assert list(features.matrices) == ["genres"]
    np.testing.assert_array_equal(features.matrices["genres"].toarray(), [[0, 1], [1, 0]])


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Steins;Gate 0", ["steins", "gate"]),
        ("Code Geass: Code Black", ["code", "geass", "black"]),
        ("Pokémon", ["pokemon"]),
        ("K", []),
        (None, []),
    ],
)
def test_title_words(title: str | None, words: list[str]) -> None:
    assert title_words(title) == words


def test_words_that_name_a_franchise() -> None:
    title = "Gintama°: Aizome Kaori-hen 2"
    assert title_start(title, 1) == ["gintama"]
    assert title_start(title, 2) == ["gintama aizome"]
    assert title_start("Gintama", 2) == ["gintama"]
    assert title_start(None, 2) == []
    assert title_bigrams(title) == ["gintama aizome", "aizome kaori", "kaori hen", "hen 2"]
    assert title_bigrams("Major Major Major") == ["major major"]
