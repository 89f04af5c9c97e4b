"""Chances: calibrated, unknown where nothing is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.metrics import calibration_error
from anirec.models import TwoStage
from anirec.models.chance import ENTRIES, Chance
from anirec.models.ranker import Sample


def sample(n_people: int, seed: int) -> tuple[Sample, np.ndarray]:
    """Return candidates whose chance of being liked is known, and that chance."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_people * 20, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-features[:, 0] - 0.5))
    watched = rng.random(len(features)) < 0.5
    relevance = np.where(watched, 1 + (rng.random(len(features)) < chance), 0).astype(np.int8)
    names = ("terms: a", "terms: b", ENTRIES)
    features[:, 2] = np.repeat(np.where(np.arange(n_people) % 2, 2, 80), 20)
    sizes = np.full(n_people, 20)
    return Sample(features, relevance, sizes, np.arange(n_people), names), chance


def test_chances_are_what_came_true() -> None:
    learned, _ = sample(1500, 0)
    told = Chance.learn(learned, n_threads=1, seed=0)
    others, chance = sample(1500, 1)
    said = told.of(others.features)
    watched = others.relevance > 0
    error, bins = calibration_error(said[watched], others.relevance[watched] > 1)
    assert error < 0.03
    assert len(bins) == 15 and sum(size for *_, size in bins) == watched.sum()
    assert np.corrcoef(said, chance)[0, 1] > 0.95


def test_nothing_liked_gives_no_chance() -> None:
    learned, _ = sample(1500, 0)
    flat = learned._replace(relevance=np.minimum(learned.relevance, 1))
    assert Chance.learn(flat, n_threads=1, seed=0) is None
    few, _ = sample(10, 0)
    assert Chance.learn(few, n_threads=1, seed=0) is None


def test_model_tells_chances_of_candidates_alone(
    train: Interactions, profiles: Interactions, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anirec.models.chance.MIN_ENTRIES", 20)
    model = TwoStage(n_candidates=6, n_company=0, n_rounds=5, n_threads=1).fit(train)
    one = profiles.users(np.array([0]))
    chances = model.chances(one, np.arange(24))
    known = ~np.isnan(chances)
    assert known.sum() == 6
    assert ((chances[known] >= 0) & (chances[known] <= 1)).all()
    model.save(tmp_path)
    np.testing.assert_array_equal(TwoStage.load(tmp_path).chances(one, np.arange(24)), chances)
    strange = train.encode(pd.DataFrame({"user_id": [1], "anime_id": [7], "rating": [9]}))
    assert np.isnan(model.chances(strange, np.arange(24))).all()
    with pytest.raises(InputError, match="chances are of one profile, not 2"):
        model.chances(profiles, np.arange(24))
