"""The committed catalogue: spelled like the 2023 dataset, broad, and right."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pandas as pd
import pytest

from anirec.datasets import sample
from anirec.datasets.sample import catalogue

COLUMNS = [
    "anime_id", "Name", "English name", "Other name", "Score", "Genres", "Synopsis", "Type",
    "Episodes", "Aired", "Premiered", "Status", "Producers", "Licensors", "Studios", "Source",
    "Duration", "Rating", "Rank", "Popularity", "Favorites", "Scored By", "Members", "Image URL",
]  # fmt: skip
GENRES = {
    "Action", "Adventure", "Avant Garde", "Award Winning", "Boys Love", "Comedy", "Drama", "Ecchi",
    "Erotica", "Fantasy", "Girls Love", "Gourmet", "Hentai", "Horror", "Mystery", "Romance",
    "Sci-Fi", "Slice of Life", "Sports", "Supernatural", "Suspense",
}  # fmt: skip
RATINGS = {
    "G - All Ages", "PG - Children", "PG-13 - Teens 13 or older", "R - 17+ (violence & profanity)",
    "R+ - Mild Nudity", "Rx - Hentai",
}  # fmt: skip
DAY = r"([A-Z][a-z]{2} (\d{1,2}, )?)?\d{4}"


@pytest.fixture(scope="module")
def anime() -> pd.DataFrame:
    return pd.read_csv(sample.CATALOGUE_FILES[0], dtype="str", keep_default_na=False)


def spelled(column: pd.Series, pattern: str) -> pd.Series:
    """Return the values that are neither ``UNKNOWN`` nor of a pattern."""
    known = column[column != "UNKNOWN"]
    return known[~known.str.fullmatch(pattern)]


def test_columns_and_keys(anime: pd.DataFrame) -> None:
    assert list(anime.columns) == COLUMNS
    assert len(anime) >= 600
    assert anime["anime_id"].is_unique
    assert anime["Name"].is_unique
    assert (anime != "").all(axis=None)
    assert set(anime["Image URL"]) == {"UNKNOWN"}


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ("Score", r"\d\.\d{1,2}"),
        ("Episodes", r"\d+\.0"),
        ("Aired", rf"{DAY}( to ({DAY}|\?))?"),
        ("Premiered", r"(winter|spring|summer|fall) \d{4}"),
        ("Status", r"Finished Airing|Currently Airing"),
        ("Duration", r"(\d hr( \d{1,2} min)?|\d{1,2} (min|sec))( per ep)?"),
        ("Rank", r"\d+\.0"),
        ("Popularity", r"\d+"),
        ("Favorites", r"\d+"),
        ("Scored By", r"\d+\.0"),
        ("Members", r"\d+"),
    ],
)
def test_cells_are_spelled_like_the_real_ones(
    anime: pd.DataFrame, column: str, pattern: str
) -> None:
    assert spelled(anime[column], pattern).to_dict() == {}


def test_vocabularies_are_the_real_ones(anime: pd.DataFrame) -> None:
    genres = anime.loc[anime["Genres"] != "UNKNOWN", "Genres"].str.split(", ")
    assert set(genres.explode()) <= GENRES
    assert genres.explode().nunique() >= 20
    assert all(len(set(names)) == len(names) for names in genres)
    assert set(anime["Rating"]) == RATINGS
    assert set(anime["Type"]) == {"TV", "Movie", "OVA", "ONA", "Special", "Music"}
    premiered = anime["Premiered"] != "UNKNOWN"
    assert (premiered == (anime["Type"] == "TV")).all()


def test_sources_are_of_the_real_file(anime: pd.DataFrame, real_data: Path) -> None:
    real = pd.read_csv(
        real_data / "mal-2023" / "anime-dataset-2023.csv", nrows=1800, usecols=["Source"]
    )
    assert set(anime["Source"]) - set(real["Source"]) <= {"Web novel"}


def test_rank_goes_by_score_and_popularity_by_members(anime: pd.DataFrame) -> None:
    again = catalogue._ranked(anime)
    scores = anime["Score"].replace("UNKNOWN", None).astype(float)
    by_rank = scores[anime["Rank"] != "UNKNOWN"].loc[
        anime["Rank"].replace("UNKNOWN", None).astype(float).sort_values().dropna().index
    ]
    assert by_rank.is_monotonic_decreasing
    by_members = anime["Members"].astype(int)[anime["Popularity"].astype(int).sort_values().index]
    assert by_members.is_monotonic_decreasing
    assert (anime["Rating"] == "Rx - Hentai").equals(again["Rank"] == "UNKNOWN")


def test_every_decade_and_segment_is_covered(anime: pd.DataFrame) -> None:
    year = anime["Aired"].str.extract(r"(\d{4})", expand=False).astype(int)
    assert (year.min(), year.max()) == (1963, 2023)
    decades = (year // 10 * 10).value_counts().sort_index()
    assert decades.loc[1960:2010].is_monotonic_increasing
    of_segment = sample.read_segments().explode().value_counts()
    assert set(of_segment.index) == set(sample.SEGMENTS)
    assert (of_segment.drop("adult") >= 25).all()
    assert set(sample.read_segments().index) == set(anime["anime_id"].astype(int))


def test_adult_entries_are_stand_ins(anime: pd.DataFrame) -> None:
    segments = anime["anime_id"].astype(int).map(sample.read_segments())
    adult = anime[segments.map(lambda names: "adult" in names)]
    assert len(adult) == 12
    assert set(adult["Rating"]) == {"Rx - Hentai"} and set(adult["Genres"]) == {"Hentai"}
    assert set(adult["Synopsis"]) == {"UNKNOWN"}
    assert (anime["Rating"] == "Rx - Hentai").sum() == 12


def test_synopses_of_the_most_popular(anime: pd.DataFrame) -> None:
    popular = anime[anime["Popularity"].astype(int) <= 200]
    assert (popular["Synopsis"] != "UNKNOWN").all()
    told = anime.loc[anime["Synopsis"] != "UNKNOWN", "Synopsis"]
    assert told.str.fullmatch(r"[^\n<>]{40,400}[.?!]").all()


def test_franchises_have_two_or_more_parts_in_the_catalogue(anime: pd.DataFrame) -> None:
    parts = pd.read_csv(sample.CATALOGUE_FILES[2], dtype="str")
    assert parts["anime_id"].is_unique
    assert set(parts["anime_id"]) <= set(anime["anime_id"])
    sizes = parts["franchise"].value_counts()
    assert len(sizes) >= 80 and sizes.min() >= 2


def test_sample_stays_small() -> None:
    assert sum(file.stat().st_size for file in catalogue.CATALOGUE_DIR.iterdir()) < 1_000_000


def test_facts_are_those_of_2023(anime: pd.DataFrame, real_data: Path) -> None:
    real = pd.read_csv(
        real_data / "mal-2023" / "anime-dataset-2023.csv",
        dtype="str",
        keep_default_na=False,
        nrows=1820,
    )
    both = anime.merge(real, on="Name", suffixes=("", "_real"))
    assert len(both) >= 300
    for column, least in [("Type", 0.98), ("Episodes", 0.98), ("Source", 0.98), ("Rating", 0.98)]:
        assert (both[column] == both[f"{column}_real"]).mean() >= least, column
    year, real_year = (both[name].str.extract(r"(\d{4})") for name in ("Aired", "Aired_real"))
    assert (year == real_year).to_numpy().mean() >= 0.98
    genres, real_genres = (
        both[name].str.split(", ").map(set) for name in ("Genres", "Genres_real")
    )
    assert (genres == real_genres).mean() >= 0.95


def test_facts_are_those_of_2016(anime: pd.DataFrame, real_data: Path) -> None:
    real = pd.read_csv(real_data / "mal-2016" / "anime.csv", dtype="str", keep_default_na=False)
    real["Name"] = real["name"].map(html.unescape)
    both = anime.merge(real, on="Name")
    assert len(both) >= 400
    assert (both["Type"] == both["type"]).mean() >= 0.98
    counted = both[both["episodes"] != "Unknown"]
    assert (counted["Episodes"] == counted["episodes"] + ".0").mean() >= 0.98


def test_extended_catalogue_keeps_the_real_one_and_invents_the_rest(anime: pd.DataFrame) -> None:
    tables = sample.read_tables(3_000, seed=1)
    extended = tables.anime
    assert len(extended) == len(tables.segments) == len(tables.franchise) == 3_000
    assert list(extended.columns) == COLUMNS
    unranked = [name for name in COLUMNS if name not in ("Rank", "Popularity")]
    pd.testing.assert_frame_equal(extended.iloc[: len(anime)][unranked], anime[unranked])
    assert extended["anime_id"].is_unique and extended["Name"].is_unique
    assert extended["anime_id"].iloc[len(anime) :].astype(int).min() == catalogue.INVENTED_FROM
    for column, pattern in [
        ("Aired", rf"{DAY}( to ({DAY}|\?))?"),
        ("Premiered", r"(winter|spring|summer|fall) \d{4}"),
        ("Episodes", r"\d+\.0"),
        ("Rank", r"\d+\.0"),
        ("Score", r"\d\.\d{1,2}"),
    ]:
        assert spelled(extended[column], pattern).to_dict() == {}, column
    assert re.fullmatch(r"\w+ no \w+( \d)?", extended["Name"].iloc[-1])
