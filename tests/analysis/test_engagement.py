"""Engagement by age, cohort and segment, countries, and what follows on short anime: planted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_insights import members

from anirec.analysis import insights
from anirec.analysis.finding import Absence, Finding
from anirec.analysis.statistics import ratio_interval

DAY = date(2023, 7, 1)


def peaked(peak: float, n: int = 6000, seed: int = 0) -> pd.DataFrame:
    """Return users whose share completed rises smoothly with age, and at 20 to 24 by ``peak``."""
    rng = np.random.default_rng(seed)
    users = members(n, seed)
    age = (pd.Timestamp(DAY) - users["birth_date"]).dt.days / 365.2425
    started = rng.integers(50, 300, n)
    share = 0.5 + 0.002 * (age - 15) + peak * age.between(20, 25) + rng.normal(0, 0.05, n)
    users["completed"] = (started * share).round().astype("Int32")
    users["dropped"] = pd.array((started * 0.05).round(), dtype="Int32")
    users["watching"] = started - users["completed"] - users["dropped"]
    return insights.audience(users.assign(on_hold=pd.array([0] * n, dtype="Int32")), DAY)


def test_a_planted_peak_is_found_and_a_smooth_rise_is_none() -> None:
    found = insights.age_peaks(peaked(0.03))
    assert found.answer.startswith("Peaks stand at 20-24: ")
    assert found.effect.low > 0 and found.effect.low < 0.05
    assert found.table.set_index("ages").loc["20-24", "peak"]
    smooth = [insights.age_peaks(peaked(0.0, 2000, seed)) for seed in range(12)]
    claimed = sum(found.effect.p < 0.05 for found in smooth)
    assert claimed <= 2
    assert sum("No peak stands out" in found.answer for found in smooth) >= 10


def test_a_band_term_is_that_of_the_regression() -> None:
    people = peaked(0.03)
    row = insights.age_peaks(people).table.set_index("ages").loc["30-34"]
    known = insights.started_shares(people).dropna(subset=["age"])
    known = known[known["age"] < 45]
    age = (known["age"] - 30) / 10
    design = np.column_stack([age, age**2, age**3, known["age"].between(30, 34.999999)])
    effect, error = insights.linear_effects(design.astype(float), known["completed"].to_numpy())
    assert (row["above"], row["error"]) == pytest.approx((effect[-1], error[-1]), rel=1e-6)


def test_cohorts_are_years_of_joining_and_segments_those_of_the_file(tmp_path: Path) -> None:
    users = members(300).assign(
        joined=pd.to_datetime(["2010-05-01", "2012-12-31", "2013-01-01"] * 100)
    )
    people = insights.audience(users, DAY)
    assert people["cohort"].head(3).tolist() == ["2010-2012", "2010-2012", "2013-2015"]
    assert insights.with_segments(people, tmp_path / "none.parquet")["segment"].isna().all()
    file = tmp_path / "segments.parquet"
    some = pd.DataFrame({"user_id": range(200), "segment": ["A", "B"] * 100})
    some.assign(segment=some["segment"].astype("category")).to_parquet(file)
    told = insights.with_segments(people, file)
    assert told["segment"].head(2).tolist() == ["A", "B"] and told["segment"].isna().sum() == 100
    found = insights.list_status_by(told, "segment", "dropped", "segment of taste")
    assert set(found.table["segment"]) == {"A", "B"}
    missing = insights.list_status_by(
        insights.with_segments(people, tmp_path / "none.parquet"), "segment", "dropped", "segment"
    )
    assert "no segments of users (notebook 04 finds them)" in missing.because


def confounded(n: int = 4000) -> pd.DataFrame:
    """Return users who complete more the longer they are members, and nothing by age; age goes
    with membership."""
    rng = np.random.default_rng(0)
    users = members(n)
    age = (pd.Timestamp(DAY) - users["birth_date"]).dt.days / 365.2425
    years = np.clip((age - 13) / 2 + rng.normal(0, 3, n), 0.1, None)
    users["joined"] = pd.Timestamp(DAY) - pd.to_timedelta(years * 365.2425, unit="D")
    share = 0.4 + 0.01 * years + rng.normal(0, 0.05, n)
    users["completed"] = pd.array((200 * share).round(), dtype="Int32")
    users["dropped"] = pd.array([10] * n, dtype="Int32")
    users["watching"] = 190 - users["completed"]
    return insights.audience(users, DAY)


def test_what_only_seems_to_go_with_age_is_said_to() -> None:
    found = insights.what_goes_with(confounded(), "completed", "10 years older")
    row = found.table.set_index("predictor").loc["10 years older"]
    assert row["alone_low"] > 0.03 and abs(row["effect"]) < 0.015
    assert "clear only until the others are held equal" in found.answer
    agree = insights.what_goes_with(confounded(), "completed", "5 more years as a member")
    assert "the two agree in direction" in agree.answer


def test_outcomes_are_ratios_over_people(catalogue: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for user in range(400):
        patient = rng.random()
        for anime_id in range(40):
            if rng.random() < 0.5:
                drops = rng.random() < (0.4 if anime_id < 20 else 0.1) * 2 * patient
                planned = rng.random() < 0.2
                status = "plan_to_watch" if planned else "dropped" if drops else "completed"
                rows.append((user, anime_id, status))
    ratings = pd.DataFrame(rows, columns=["user_id", "anime_id", "status"])
    ratings["status"] = ratings["status"].astype("category")
    found = insights.outcomes_by(ratings, catalogue, "type")
    table = found.table.set_index(["kind", "outcome"])
    tv = ratings[ratings["anime_id"] < 20]
    begun = tv[tv["status"] != "plan_to_watch"]
    assert table.loc[("TV", "dropped"), "share"] == pytest.approx(
        (begun["status"] == "dropped").mean()
    )
    assert table.loc[("TV", "planned"), "share"] == pytest.approx(
        (tv["status"] == "plan_to_watch").mean()
    )
    assert table.loc[("TV", "dropped"), "started"] == len(begun)
    assert found.answer.startswith("Most of what is begun is dropped of TV, least of Movie: ")
    assert found.effect.low > 0.2
    width = table.loc[("TV", "dropped"), "high"] - table.loc[("TV", "dropped"), "low"]
    share = (begun["status"] == "dropped").mean()
    as_if_independent = 2 * 1.96 * np.sqrt(share * (1 - share) / len(begun))
    assert width > 1.2 * as_if_independent  # entries of one person hang together
    by_genre = insights.outcomes_by(ratings, catalogue, "genres").table
    assert set(by_genre["kind"]) == {"Comedy", "Drama", "Action"}
    by_length = insights.outcomes_by(ratings, catalogue, "episodes").table
    assert set(by_length["kind"]) == {"11-13", "1 episode"}
    nothing = insights.outcomes_by(ratings, catalogue.drop(columns="source"), "source")
    assert isinstance(nothing, Absence) and "no sources" in nothing.because


@pytest.fixture(scope="module")
def catalogue() -> pd.DataFrame:
    """20 television series of 12 episodes, 20 films; all comedies, and dramas or action."""
    return pd.DataFrame(
        {
            "anime_id": range(40),
            "type": pd.Categorical(["TV"] * 20 + ["Movie"] * 20),
            "genres": [["Comedy", "Drama"]] * 20 + [["Comedy", "Action"]] * 20,
            "episodes": pd.array([12] * 20 + [1] * 20, dtype="Int16"),
            "source": None,
        }
    )


def test_ratio_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        whole = rng.integers(1, 60, 150)
        own = rng.beta(2, 8, 150)
        _, low, high = ratio_interval(rng.binomial(whole, own), whole)
        covered += low <= 0.2 <= high
    assert 0.9 <= covered / 300 <= 0.985


def test_claims_on_ages_hold_fail_or_cannot_be_told() -> None:
    def largest(**bands: int) -> str:
        ages = [int(name[1:]) + 1.0 for name, n in bands.items() for _ in range(n)]
        return insights.claim_largest_age(pd.DataFrame({"age": ages})).answer

    assert largest(a20=200, a25=300, a30=500).startswith("It holds here: 50.0% of 1,000 are 30")
    assert largest(a20=200, a25=500, a30=300).startswith("It does not hold here")
    assert largest(a20=200, a25=302, a30=300).startswith("It cannot be told here")
    smooth = insights.claim_peaks(peaked(0.0))
    assert smooth.answer.startswith("It cannot be told here")


def test_scores_by_group_are_compared_with_their_intervals() -> None:
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"segment": ["A"] * 300 + ["B"] * 300})
    people["mean_score"] = np.r_[rng.normal(8, 0.5, 300), rng.normal(7.5, 0.5, 300)]
    people.loc[0, "mean_score"] = 0.0  # nothing scored
    found = insights.mean_score_by(people, "segment", "segment of taste")
    assert found.effect.low < 0.5 < found.effect.high and found.effect.low > 0.3
    assert found.table["users"].tolist() == [299, 300]


def from_countries(**users: int) -> pd.DataFrame:
    return pd.DataFrame({"country": [code for code, n in users.items() for _ in range(n)]})


def test_the_claim_on_countries_holds_fails_or_cannot_be_told() -> None:
    notable = {"PL": 400, "DE": 800, "BR": 2000, "CA": 500, "US": 1000, "FR": 200}
    assert insights.claim_countries(from_countries(**notable)).answer.startswith("It holds here.")
    no = insights.claim_countries(from_countries(**notable | {"BR": 40}))
    assert no.answer.startswith("It does not hold here.") and "Brazil 0." in no.answer
    assert no.effect.high < 1
    unsure = from_countries(PL=6, DE=13, BR=33, CA=6, US=50, FR=10)
    assert insights.claim_countries(unsure).answer.startswith("It cannot be told here.")
    few = insights.claim_countries(from_countries(DE=400, BR=2000, CA=500, US=1000))
    assert isinstance(few, Absence) and few.because.endswith("fewer than five users are of Poland.")


LENGTHS = pd.DataFrame({"anime_id": range(40), "duration_min": [5.0] * 20 + [24.0] * 20})


def dated(sticky: float, n_users: int = 120, seed: int = 0) -> pd.DataFrame:
    """Return lists on which a short anime is followed by a short one with chance ``sticky``, and a
    long one with chance 0.3."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        short, long = list(rng.permutation(20)), list(20 + rng.permutation(20))
        is_short = bool(rng.random() < 0.5)
        for step in range(20):
            pool = short if is_short else long
            rows.append((user, pool.pop(), pd.Timestamp("2020-01-01") + pd.Timedelta(days=step)))
            is_short = bool(rng.random() < (sticky if is_short else 0.3)) and bool(short)
    return pd.DataFrame(rows, columns=["user_id", "anime_id", "finished"])


def test_people_who_stay_with_short_forms_are_told_from_those_who_go_on() -> None:
    stay = insights.short_to_long(dated(0.7), LENGTHS)
    assert isinstance(stay, Finding) and stay.effect.high < -0.1
    assert "less often than in a random order" in stay.answer and stay.advice is not None
    away = insights.short_to_long(dated(0.05), LENGTHS)
    assert away.effect.low > 0.1 and "more often than" in away.answer


def test_a_random_order_is_found_to_be_one() -> None:
    covered = 0
    for seed in range(20):
        found = insights.short_to_long(dated(0.3, 60, seed), LENGTHS)
        covered += found.effect.low < 0 < found.effect.high
        assert abs(found.effect.value) < 0.08
    assert covered >= 17


def test_of_one_day_the_order_is_not_known() -> None:
    same_day = dated(0.7).assign(finished=pd.Timestamp("2020-01-01"))
    found = insights.short_to_long(same_day, LENGTHS)
    assert isinstance(found, Absence) and found.because.startswith("0 people went on")
