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
