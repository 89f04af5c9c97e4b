"""Durations, audience and engagement: numbers with known answers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from anirec.analysis import insights


def members(n: int = 3000, seed: int = 0) -> pd.DataFrame:
    """Return users in whom ten years of age add 4 points completed, and men drop 3 points more."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(15, 45, n)
    gender = rng.choice(["Male", "Female"], n)
    started = rng.integers(20, 300, n)
    completed = 0.6 + 0.04 * (age - 25) / 10 + rng.normal(0, 0.05, n)
    dropped = 0.08 + 0.03 * (gender == "Male") + rng.normal(0, 0.02, n)
    born = pd.Timestamp("2023-07-01") - pd.to_timedelta(age * 365.2425, unit="D")
    counts = pd.DataFrame({"completed": started * completed, "dropped": started * dropped})
    counts = counts.round().clip(lower=0).astype("Int32")
    counts["on_hold"] = 3
    counts["watching"] = started - counts[["completed", "dropped"]].sum(axis=1) - 3
    counts["plan_to_watch"] = 10
    return counts.assign(
        user_id=np.arange(n),
        gender=pd.Categorical(gender),
        birth_date=born.astype("datetime64[s]"),
        joined=pd.to_datetime(rng.choice(["2010-01-01", "2018-01-01"], n)),
        country=pd.Categorical(rng.choice(["DE", "US", "XK"], n, p=[0.2, 0.7, 0.1])),
    )


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return insights.audience(members(), date(2023, 7, 1))


def test_planted_effects_are_covered_by_their_intervals(people: pd.DataFrame) -> None:
    completed = insights.effects(people, "completed").set_index("predictor")
    older = completed.loc["10 years older"]
    assert older["low"] < 0.04 < older["high"] and older["low"] > 0.03
    assert completed.loc["female rather than male", "low"] < 0
    dropped = insights.effects(people, "dropped").set_index("predictor")
    female = dropped.loc["female rather than male"]
    assert female["low"] < -0.03 < female["high"] and female["high"] < -0.02
    assert "non-binary rather than male" not in dropped.index
    sentence = insights.effects_sentence(dropped.reset_index(), "dropped")
    assert "Among 3,000 users" in sentence and "'female rather than male': -3." in sentence


def test_effects_need_people_who_state_everything(people: pd.DataFrame) -> None:
    nothing = insights.effects(people.head(50), "dropped")
    assert nothing.empty
    assert "Too few users" in insights.effects_sentence(nothing, "dropped")
    ageless = people.assign(age=np.nan)
    assert "10 years older" not in set(insights.effects(ageless, "dropped")["predictor"])


def test_linear_effects_are_least_squares_with_robust_errors() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2))
    spread = np.where(x[:, 0] > 0, 3.0, 0.3)
    effect, error = insights.linear_effects(x, 1 + x @ [2.0, -1.0] + spread * rng.normal(size=4000))
    np.testing.assert_allclose(effect, [2, -1], atol=4 * error.max())
    draws = [
        insights.linear_effects(x[i], (1 + x @ [2.0, -1.0] + spread * rng.normal(size=4000))[i])[0]
        for i in (slice(None) for _ in range(200))
    ]
    np.testing.assert_allclose(error, np.std(draws, axis=0), rtol=0.2)


def test_share_interval_is_wilsons() -> None:
    low, high = insights.share_interval(np.array([7, 0]), np.array([50, 12]))
    for k, n, ours in zip((7, 0), (50, 12), zip(low, high, strict=True), strict=True):
        theirs = binomtest(k, n).proportion_ci(method="wilson")
        assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_mean_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        mean, low, high = insights.mean_interval(rng.normal(5, 2, 60))
        assert low < mean < high
        covered += low < 5 < high
    assert 0.91 <= covered / 400 <= 0.985
    assert np.isnan(insights.mean_interval(np.array([]))[0])


def test_ages_that_cannot_be_are_left_out() -> None:
    users = members(4).assign(
        birth_date=pd.to_datetime(["2003-07-01", "2020-01-01", "1901-01-01", None])
    )
    people = insights.audience(users, date(2023, 7, 1))
    assert people["age"].round(1).tolist()[0] == 20.0
    assert people["age"].isna().tolist() == [False, True, True, True]
    assert people["age_band"].astype("object").tolist()[0] == "18-22"


def test_pyramid_and_shares(people: pd.DataFrame) -> None:
    counts = insights.pyramid_counts(people)
    assert counts["users"].sum() == 3000
    assert list(dict.fromkeys(counts["age_band"])) == insights.BANDS
    assert "Of the 3,000 users who state both" in insights.pyramid_sentence(people)
    countries = insights.group_shares(people, "country")
    assert countries["country"].tolist() == ["US", "DE", "XK"]
    assert countries["share"].sum() == pytest.approx(1)
    assert (countries["low"] < countries["share"]).all()
    assert insights.country_names(["US", "TW", "??"]) == ["United States", "Taiwan", "??"]


def test_status_shares_and_their_spread(people: pd.DataFrame) -> None:
    listed = insights.status_shares(people)
    np.testing.assert_allclose(listed[insights.STATUSES].sum(axis=1), 1)
    by_gender = insights.status_by(listed, "gender")
    dropped = by_gender[by_gender["status"] == "dropped"].set_index("gender")
    assert dropped.loc["Male", "low"] > dropped.loc["Female", "high"]
    sentence = insights.spread_sentence(by_gender, "gender", "dropped")
    assert sentence.startswith("Highest is the share of dropped among Male")
    assert sentence.endswith("do not overlap.")
    few = insights.status_by(listed.head(10), "gender")
    assert few.empty and "too few" in insights.spread_sentence(few, "gender", "dropped")


def test_lists_without_entries_have_no_shares(people: pd.DataFrame) -> None:
    empty = people.head(3).copy()
    empty.loc[empty.index[0], insights.STATUSES] = 0
    empty.loc[empty.index[1], insights.STATUSES] = pd.NA
    assert insights.status_shares(empty)["user_id"].tolist() == [2]


def catalogue() -> pd.DataFrame:
    """Return TV of 24 minutes that became 12, films of 90 minutes, and one of unknown length."""
    year = np.repeat([1990, 1995, 2000, 2005], 6)
    tv = pd.DataFrame({"type": "TV", "year": year, "duration_min": np.where(year < 2000, 24, 12)})
    films = pd.DataFrame({"type": "Movie", "year": year, "duration_min": 90})
    anime = pd.concat([tv, films, tv.head(1).assign(duration_min=np.nan)], ignore_index=True)
    anime["anime_id"] = np.arange(len(anime), dtype=np.int32)
    anime["title"] = [f"Title {i}" for i in anime["anime_id"]]
    anime["genres"] = [["Drama"] if kind == "Movie" else ["Action"] for kind in anime["type"]]
    anime["episodes"] = pd.array(np.where(anime["type"] == "TV", 10, 1), dtype="Int16")
    return anime.assign(
        aired_from=pd.NaT, type=anime["type"].astype("category"), year=anime["year"].astype("Int16")
    ).astype({"aired_from": "datetime64[s]", "duration_min": "float32"})


def test_durations_by_type_and_year() -> None:
    lengths = insights.duration_quantiles(catalogue())
    assert lengths["type"].tolist() == ["TV", "Movie"]
    assert lengths["median"].tolist() == [18, 90]
    assert "Half of all Movie entries run between 90 and 90" in insights.duration_sentence(lengths)
    cells = insights.durations_by_year(catalogue())
    assert cells.loc[cells["type"] == "TV", "median"].tolist() == [24, 24, 12, 12]
    assert insights.trend_sentence(cells).startswith(
        "TV entries grew shorter most: a median of 24 minutes from 1990 on, 12 from 2005 on"
    )
    hours = insights.whole_length(catalogue())
    assert hours.iloc[0] == 4 and hours.isna().sum() == 1


def test_tastes_by_group_find_who_watches_what() -> None:
    anime = catalogue()
    films, tv = (
        anime.loc[anime["type"] == kind, "anime_id"].to_numpy() for kind in ("Movie", "TV")
    )
    rows = [
        (user, anime_id)
        for user in range(200)
        for anime_id in (films[:6] if user % 2 else np.r_[films[:2], tv[:4]])
    ]
    ratings = pd.DataFrame(rows, columns=["user_id", "anime_id"]).assign(rating=8, status=None)
    people = pd.DataFrame({"user_id": range(200), "gender": ["Female", "Male"] * 100})
    tastes = insights.audience_tastes(ratings, anime, people, "gender")
    cell = tastes.set_index(["gender", "genre"])
    assert cell.loc[("Male", "Drama"), "share"] == pytest.approx(1)
    assert cell.loc[("Female", "Drama"), "share"] == pytest.approx(1 / 3)
    assert cell.loc[("Female", "Action"), "lift"] == pytest.approx(2)
    assert insights.tastes_sentence(tastes, "gender").startswith("Action stands out among Female")
    assert insights.audience_tastes(ratings, anime, people.head(60), "gender").empty


def test_dropped_anime_are_ranked_by_what_is_sure() -> None:
    ratings = pd.DataFrame(
        {
            "user_id": range(260),
            "anime_id": [1] * 100 + [2] * 100 + [3] * 30 + [4] * 30,
            "status": (["dropped"] * 60 + ["completed"] * 40)
            + (["dropped"] * 10 + ["completed"] * 90)
            + (["dropped"] * 19 + ["watching"] * 11)
            + ["plan_to_watch"] * 30,
        }
    )
    anime = pd.DataFrame({"anime_id": [1, 2, 3, 4], "title": ["A", "B", "C", "D"]})
    table = insights.dropped_by(ratings, anime)
    assert table["title"].tolist() == ["A", "C", "B"]  # C's 63 % of 30 is less sure than A's 60 %
    assert table["started"].tolist() == [100, 30, 100]


def test_scoring_by_length_of_list() -> None:
    short = pd.DataFrame({"user_id": np.repeat(np.arange(10), 4), "rating": 8.0})
    long = pd.DataFrame(
        {"user_id": np.repeat(np.arange(10, 20), 40), "rating": [7.0, np.nan] * 200}
    )
    table = insights.unscored_by_length(pd.concat([short, long]))
    assert table["entries"].tolist() == ["1-10", "31-100"]
    assert table["share"].tolist() == [1, 0.5]
