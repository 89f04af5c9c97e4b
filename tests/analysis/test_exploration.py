"""Gaps, duplicates, the catalogue's make-up: numbers with known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from anirec.analysis import exploration
from anirec.interactions import Interactions


@pytest.fixture
def anime() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "anime_id": np.arange(6, dtype=np.int32),
            "title": ["A", "B", "B", "C", "D", "E"],
            "type": pd.Categorical(["TV", "TV", "Movie", "TV", None, "OVA"]),
            "genres": [["X", "Y"], np.array(["X"]), np.array([]), None, ["Y"], ["X", "Y"]],
            "year": pd.array([2000, None, 2002, 2002, 2002, 2030], dtype="Int16"),
            "aired_from": pd.to_datetime([None, "2001-05-01", None, None, None, None]),
            "score": np.array([7.0, 8.0, 6.0, np.nan, 5.0, 9.0], dtype=np.float32),
            "members": pd.array([100, 200, 50, 10, 20, 400], dtype="Int32"),
        }
    )


@pytest.fixture
def ratings() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": [1, 1, 2, 2, 3, 3],
            "anime_id": [0, 1, 0, 2, 0, 5],
            "rating": pd.array([8, None, 9, 7, None, None], dtype="Int8"),
            "status": pd.Categorical(
                ["completed", "completed", None, None, "dropped", "plan_to_watch"]
            ),
        }
    )


def test_missing_values_count_nulls_and_empty_lists(anime, ratings) -> None:
    missing = exploration.missing_values(
        {"anime": anime, "users": anime.head(0), "ratings": ratings}
    )
    share = missing.set_index(["table", "column"])["missing"]
    assert share["anime", "genres"] == pytest.approx(2 / 6)
    assert share["anime", "score"] == pytest.approx(1 / 6)
    assert share["ratings", "rating"] == pytest.approx(0.5)
    assert "users" not in set(missing["table"])


def test_duplicates_are_counted_not_dropped(anime, ratings) -> None:
    users = pd.DataFrame({"user_id": [1, 2, 2]})
    twice = exploration.duplicates(anime, users, pd.concat([ratings, ratings.head(2)]))
    assert twice["many"].tolist() == [0, 1, 1, 2]


def test_type_mix_sums_to_one_and_weighs_entries(anime, ratings) -> None:
    mix = exploration.type_mix(anime, ratings)
    table = mix.pivot_table(index="type", columns="of", values="share", sort=False)
    assert table.index.tolist() == ["TV", "Movie", "OVA", "unknown"]
    np.testing.assert_allclose(table.sum(), 1)
    assert table.loc["TV", "list entries"] == pytest.approx(4 / 6)
    assert set(exploration.type_mix(anime, ratings.head(0))["of"]) == {"catalogue"}


def test_years_fall_back_on_the_first_day_and_hold_the_gaps(anime) -> None:
    growth = exploration.by_year(anime, until=2023)
    tv = growth[growth["type"] == "TV"].set_index("year")["anime"]
    assert tv.to_dict() == {2000: 1, 2001: 1, 2002: 1}
    assert growth["year"].max() == 2002
    undated = anime.assign(year=pd.array([None] * 6, dtype="Int16"), aired_from=pd.NaT)
    undated["aired_from"] = undated["aired_from"].astype("datetime64[s]")
    assert exploration.by_year(undated).empty


def test_rating_shares_leave_unscored_entries_out(ratings) -> None:
    shares = exploration.rating_shares(ratings)
    assert shares["count"].sum() == 3
    assert shares.set_index("rating")["share"][8] == pytest.approx(1 / 3)
    assert exploration.rating_shares(ratings.head(0))["share"].tolist() == [0] * 10


def test_genres_and_their_company(anime, ratings) -> None:
    table = exploration.genres(anime, ratings).set_index("genre")
    assert table.loc["X", ["anime", "entries"]].tolist() == [3, 5]
    assert table.loc["X", "score"] == 8
    many = pd.concat([anime.assign(anime_id=anime["anime_id"] + 10 * i) for i in range(10)])
    pairs = exploration.genre_pairs(many).set_index(["genre", "other"])["lift"]
    assert pairs["X", "Y"] == pytest.approx((20 / 60) / (30 / 60 * 30 / 60))
    assert np.isnan(pairs["X", "X"])


def test_reach_and_quality_is_spearmans(anime) -> None:
    points, correlation = exploration.quality_and_reach(anime)
    known = anime.dropna(subset="score")
    expected = spearmanr(known["members"].astype(float), known["score"]).statistic
    assert correlation == pytest.approx(expected)
    assert len(points) == 5


def test_concentration() -> None:
    curve, gini = exploration.concentration(np.full(1000, 3))
    assert gini == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(curve["share_of_things"], curve["share_of_total"], atol=1e-9)
    curve, gini = exploration.concentration(np.r_[np.zeros(900), np.ones(100)])
    assert gini == pytest.approx(0.9, abs=0.005)
    assert curve["share_of_total"].is_monotonic_increasing


def test_rows_are_accounted_for_and_a_leak_shows() -> None:
    file = {"read": 10, "kept": 8, "repaired": {"bad year": 3}, "rejected": {"no id": 2}}
    ingested = {"files": {"a.csv": file, "b.csv": {**file, "kept": 7}}}
    account = exploration.accounting(ingested)
    assert account["adds_up"].tolist() == ["yes", "NO"]
    assert account.loc[0, ["of which repaired", "rejected"]].tolist() == [3, 2]
    assert exploration.reasons(ingested)["rows"].sum() == 10


def test_kinds_of_entries_part_the_list(ratings) -> None:
    kinds = exploration.entry_kinds(ratings)
    assert kinds["entries"].tolist() == [3, 1, 1, 1]
    assert kinds["entries"].sum() == len(ratings)


def test_rating_scales_of_users() -> None:
    entries = [(7, 1, 10), (7, 2, 8), (7, 3, None), (9, 1, 4), (10, 1, None)]
    frame = pd.DataFrame(entries, columns=["user_id", "anime_id", "rating"])
    lists = Interactions.from_frame(frame)
    scales = exploration.rating_scales(lists)
    assert scales["user_id"].tolist() == [7, 9]
    assert scales["n_scored"].tolist() == [2, 1]
    assert scales["mean_rating"].tolist() == [9, 4]
    assert scales["sd_rating"].tolist() == [1, 0]
    assert exploration.ratings_std(lists) == pytest.approx(np.std([10, 8, 4]))
    assert exploration.centred_std(lists) < exploration.ratings_std(lists)


def test_lists_of_nobody_have_no_counts_and_scales() -> None:
    nobody = pd.DataFrame({"user_id": [], "anime_id": [], "rating": []}, dtype="int32")
    lists = Interactions.from_frame(nobody)
    assert exploration.list_counts(lists).empty
    assert exploration.rating_scales(lists).empty
