"""Claims of effects that are not there, and effects that are: communities of known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_finding import asked

from anirec.analysis import finding, insights
from anirec.analysis.finding import Finding
from anirec.config import Paths
from anirec.datasets import sample
from anirec.datasets.ingest import ingest
from anirec.datasets.tables import read_table

SNAPSHOT = pd.Timestamp("2023-07-01")
MADE = (
    "silent", "by_gender", "by_age", "effect", "dropped", "planned", "days", "peaks", "fifty",
    "non_binary", "age_peaks", "by_segment",
    "by_cohort", "by_genre", "by_type", "by_source", "by_episodes",
)  # fmt: skip
"""Questions of notebook 05 whose outcome the generator makes from who people are."""

CATALOGUE = ("length_by_year", "short", "length_score", "scoring")
"""Questions of notebook 05 that are tested too, of anime and of lists: p-values are corrected over
all of them."""

PLANTED = {"effect": 0.04, "dropped": -0.03, "planned": -0.03}
"""Signs and sizes of `sample.EFFECTS`, as the questions put them."""


def findings_of(folder: Path, size: str, seed: int, effects: bool) -> dict[str, Finding]:
    """Return what notebook 05 finds in a simulated community, by question."""
    paths = Paths.of("sample", folder / "raw", folder / "processed", folder / "outputs")
    sample.generate(paths.raw, size=size, seed=seed, effects=effects)
    ingest(paths)
    anime, users, ratings = (read_table(paths, name) for name in ("anime", "users", "ratings"))
    people = insights.audience(users, SNAPSHOT)
    asks = asked(anime, users, ratings) | {
        "dropped": lambda: insights.what_goes_with(people, "dropped", "female rather than male"),
        "planned": lambda: insights.what_goes_with(people, "plan_to_watch", "10 years older"),
    }
    answers = {name: asks[name]() for name in (*MADE, *CATALOGUE)}
    return {name: found for name, found in answers.items() if isinstance(found, Finding)}


def claims(found: dict[str, Finding]) -> list[bool]:
    """Return for each tested question of `MADE` whether an effect is claimed."""
    rows = dict(zip(found, finding.records(list(found.values()), "05"), strict=True))
    return [
        rows[name]["verdict"] == "clear"
        for name in MADE
        if name in rows and rows[name]["verdict"] != "described"
    ]


def share_claimed(folder: Path, size: str, seeds: range) -> tuple[float, int]:
    """Return the share of findings that claim an effect where there is none, and their number."""
    claimed: list[bool] = []
    for seed in seeds:
        claimed += claims(findings_of(folder / str(seed), size, seed, effects=False))
    return float(np.mean(claimed)), len(claimed)


def test_of_no_effects_hardly_any_are_claimed(tmp_path: Path) -> None:
    share, n = share_claimed(tmp_path, "tiny", range(4))
    assert n >= 20
    assert share <= 0.05


@pytest.mark.long
def test_of_no_effects_at_most_a_twentieth_is_claimed_over_twenty_seeds(tmp_path: Path) -> None:
    share, n = share_claimed(tmp_path, "default", range(20))
    print(f"{share:.1%} of {n} findings claim an effect that is not there")
    assert n >= 20 * (len(MADE) - 2)
    assert share <= 0.05


@pytest.mark.long
def test_effects_that_are_there_are_found_over_twenty_seeds(tmp_path: Path) -> None:
    covered, clear = [], []
    for seed in range(20):
        found = findings_of(tmp_path / str(seed), "default", seed, effects=True)
        rows = dict(zip(found, finding.records(list(found.values()), "05"), strict=True))
        for name, planted in PLANTED.items():
            effect = found[name].effect
            assert np.sign(effect.value) == np.sign(planted), (seed, name)
            covered.append(effect.low <= planted <= effect.high)
            clear.append(rows[name]["verdict"] == "clear")
    print(f"{np.mean(covered):.0%} of intervals cover, {np.mean(clear):.0%} are clear")
    assert np.mean(covered) >= 0.88  # 95 % intervals, sixty of them
    assert np.mean(clear) >= 0.95
