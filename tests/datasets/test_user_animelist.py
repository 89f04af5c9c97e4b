"""The User Animelist dataset: scores with fractions, ids of its own, links to MyAnimeList."""

from __future__ import annotations

import pandas as pd
import pytest

from anirec.datasets import detect


def test_scores_are_rounded_to_whole_ones(small) -> None:
    data = small("user-animelist")
    assert detect(data.paths.raw) == "user-animelist"
    data.append("ratings.csv", "3,1,10.1", "3,2,good", "3,3,8.49")
    report = data.report("ratings.csv")
    assert report.rejected == {"rating: outside 0 to 10": 1, "rating: not a number": 1}
    assert data.ratings() == [
        *[(1, 1, 10), (1, 2, 8), (1, 3, 1), (2, 1, 6), (2, 2, None), (3, 3, 8)],
    ]


def test_catalogue_has_other_names_and_mal_ids(small) -> None:
    data = small("user-animelist")
    assert data.report("animes.csv").repaired == {}
    anime = data.table("anime").set_index("anime_id")
    assert anime["mal_id"].dropna().to_dict() == {1: 101, 2: 102}
    assert list(anime["title_synonyms"][1]) == ["Rain, by Night"]
    assert list(anime["genres"][1]) == ["Drama", "Slice of Life"] and anime["genres"][2] is None
    assert anime["type"].tolist() == ["TV", "Movie", "Special"]
    assert anime["year"].tolist() == [2020, 2021, pd.NA]


@pytest.mark.parametrize(
    "cell", ["https://example.com/anime/5", "myanimelist.net/manga/5", "[5 6", "['a"]
)
def test_links_and_lists_that_are_none_are_repairs(small, cell: str) -> None:
    data = small("user-animelist")
    column = "genres" if cell[0] == "[" else "mal_url"
    of_genres, of_url = ("\"['Action']\"", f'"{cell}]"'), ("2,UNKNOWN", f"2,{cell}")
    data.edit("animes.csv", of_genres if column == "genres" else of_url)
    reason = "not a list" if column == "genres" else "not a number"
    assert data.report("animes.csv").repaired == {f"{column}: {reason}": 1}
