"""How far the sample's entries have come: nothing that cannot be, and the planted stopping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from anirec.analysis.insights import stopping
from anirec.config import Paths
from anirec.datasets import sample
from anirec.datasets.ingest import ingest
from anirec.datasets.mal_2023 import SNAPSHOT
from anirec.datasets.parsing import STATUSES
from anirec.datasets.sample.progress import LENGTHS, USUAL_EPISODES, stop_course

Sample = tuple[dict, pd.DataFrame]


def community(folder: Path, effects: bool) -> Sample:
    """Return the truth about a community of the default size, and its entries beside anime."""
    paths = Paths.of("sample", folder / "raw", folder / "processed")
    sample.generate(paths.raw, effects=effects)
    ingest(paths)
    anime = pd.read_parquet(paths.processed / "anime.parquet").set_index("anime_id")
    users = pd.read_parquet(paths.processed / "users.parquet").set_index("user_id")
    entries = pd.read_parquet(paths.processed / "ratings.parquet")
    entries = entries.join(anime[["episodes", "type", "aired_from"]], on="anime_id")
    entries = entries.join(users[["joined", "gender"]], on="user_id")
    entries = entries[entries["episodes"].notna()]
    return sample.read_truth(paths.raw)[0], entries


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return community(tmp_path_factory.mktemp("planted"), effects=True)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return community(tmp_path_factory.mktemp("without"), effects=False)


def test_rate_of_stopping_is_greatest_early_on() -> None:
    total = stop_course(100)
    assert (total[0], total[USUAL_EPISODES - 1], len(total)) == (0, 1, 101)
    rate = np.diff(total)
    assert rate.argmax() == 2 and (np.diff(rate[3:]) < 0).all()
    np.testing.assert_array_equal(stop_course(3), total[:4])


@pytest.mark.parametrize("name", LENGTHS)
def test_planted_stopping_curves_are_recovered(planted: Sample, name: str) -> None:
    truth, entries = planted
    least, most = LENGTHS[name]
    started = entries[entries["status"] != "plan_to_watch"]
    series = started[started["episodes"].between(least, most)]
    assert len(series) > 50_000
    found = SurvfuncRight(
        series["episodes_watched"].to_numpy(dtype=float),
        (series["status"] == "dropped").to_numpy(dtype=int),
    )
    curve = sample.still_watching(truth, name)
    assert len(curve) == least - 1 and curve.iloc[0] > curve.iloc[-1] + 0.05
    estimate = pd.Series(found.surv_prob, index=found.surv_times).reindex(curve.index)
    np.testing.assert_allclose(estimate, curve, atol=0.006)


def test_the_finding_on_stopping_tells_the_planted_curve(planted: Sample) -> None:
    truth, entries = planted
    least, most = LENGTHS["12"]
    series = entries[entries["episodes"].between(least, most)]
    anime = series.drop_duplicates("anime_id")[["anime_id", "episodes"]]
    table = stopping(series.drop(columns="episodes"), anime).table.set_index("episode")
    curve = sample.still_watching(truth, "12")
    table = table.reindex(curve.index)
    np.testing.assert_allclose(table["share"], curve, atol=0.006)
    covered = (table["low"] <= curve + 0.002) & (curve - 0.002 <= table["high"])
    assert covered.all()  # the band is too narrow by a little: one person's entries hang together


def test_entries_are_what_can_be(planted: Sample) -> None:
    _, entries = planted
    assert set(entries["status"].dropna()) == set(STATUSES)
    by = entries.groupby("status", observed=True)
    watched, length = entries["episodes_watched"], entries["episodes"]
    completed = entries["status"] == "completed"
    assert (watched == length)[completed].all()
    assert (watched < length)[~completed].all()
    assert (watched[entries["status"] == "plan_to_watch"] == 0).all()
    assert by["rating"].count()["plan_to_watch"] == 0
    assert entries["rating"].notna()[entries["status"] != "plan_to_watch"].all()
    assert (entries["times_watched"][~completed] == 0).all()
    assert 0.02 < (entries["times_watched"] > 0)[completed].mean() < 0.3


def test_days_are_in_order(planted: Sample) -> None:
    _, entries = planted
    days = entries[["started", "finished", "updated", "joined", "aired_from"]].apply(pd.to_datetime)
    started, finished = days["started"], days["finished"]
    assert 0.2 < started.notna().mean() < 0.6
    both = days.dropna(subset=["started", "finished"])
    assert (both["finished"] >= both["started"]).all()
    assert finished[entries["status"] != "completed"].isna().all()
    assert (days["updated"].dt.date <= SNAPSHOT).all()
    known = days.dropna(subset=["started", "aired_from"])
    assert (known["started"] >= known["aired_from"]).mean() > 0.99


def test_men_drop_more_and_what_is_enjoyed_is_dropped_less(planted: Sample) -> None:
    _, entries = planted
    series = entries[(entries["episodes"] >= 12) & (entries["status"] != "plan_to_watch")]
    dropped = series["status"] == "dropped"
    of_user = dropped.groupby(series["user_id"]).mean()
    gender = series.groupby("user_id")["gender"].first().astype(object)
    means = of_user.groupby(gender).agg(["mean", "sem"])
    apart = means.loc["Male", "mean"] - means.loc["Female", "mean"]
    assert apart > 2 * np.hypot(*means.loc[["Male", "Female"], "sem"])
    liked = dropped.groupby(series["rating"] >= 8).mean()
    assert liked[True] < 0.8 * liked[False]


def test_without_effects_an_anime_tells_nothing_of_who_drops_it(without: Sample) -> None:
    truth, entries = without
    assert truth["planted"] is False and truth["stopping"] == {}
    assert {effect["value"] for effect in truth["effects"].values()} == {0.0}
    started = entries[entries["status"] != "plan_to_watch"]
    dropped = (started["status"] == "dropped").astype(float)
    own = dropped - dropped.groupby(started["user_id"]).transform("mean")
    for column in (started["type"], started["episodes"] > 1, started["rating"] >= 8):
        groups = own.groupby(column.to_numpy(), observed=True).agg(["mean", "sem"])
        z = (groups["mean"] / groups["sem"]).abs()
        assert (z < 4).all(), z
