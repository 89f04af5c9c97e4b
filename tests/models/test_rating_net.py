"""The neural model: it learns, stops, folds people in, and its network can be used again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anirec import evaluation
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import RatingNet


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])


@pytest.fixture(scope="module")
def net(train: Interactions) -> RatingNet:
    return RatingNet(embedding_dim=4, epochs=60, l2=0.01, patience=5).fit(train)


def test_loss_is_kept_and_training_stops_at_its_lowest(net: RatingNet) -> None:
    history = net.history_
    assert list(history.columns) == ["epoch", "loss", "val_loss"]
    assert history["loss"].iloc[-1] < 0.5 * history["loss"].iloc[0]
    last_best = history["val_loss"].idxmin()
    assert len(history) == 60 or len(history) - 1 - last_best == net.patience


def test_predictions_are_the_networks(net: RatingNet, train: Interactions) -> None:
    scored = train.entries(train.scored)
    outputs = net.network_.predict([scored.rows, scored.indices], verbose=0)[:, 0]
    expected = np.clip(outputs * scored.ratings.std() + scored.ratings.mean(), 1, 10)
    predicted = net.predict(scored)
    np.testing.assert_allclose(predicted, expected, atol=1e-4)
    assert evaluation.rmse(predicted, scored.ratings) < 0.6 * train.ratings_std()
    some = scored.users(np.array([5, 2]))
    np.testing.assert_array_equal(net.predict(some)[: some.lengths[0]], predicted[scored.rows == 5])


def test_strangers_cannot_be_predicted(net: RatingNet, train: Interactions) -> None:
    strangers = Interactions.from_frame(frame([(999, 100, 5)]), anime_ids=train.anime_ids)
    with pytest.raises(InputError, match="not of the users and anime trained on"):
        net.predict(strangers)


def test_folded_in_people_get_the_ratings_of_their_taste(
    net: RatingNet, profiles: Interactions
) -> None:
    expected = net.score(profiles)
    assert expected[0, 2:12].mean() == pytest.approx(8.3, abs=1)
    assert expected[0, 12:].mean() < 7


def test_person_without_scores_gets_each_animes_mean(net: RatingNet, train: Interactions) -> None:
    watched = train.encode(frame([(1, 100, np.nan)]))
    np.testing.assert_allclose(net.score(watched)[0], net.scale_[0] + net.anime_bias_, rtol=1e-6)


def test_folding_in_is_the_ridge_regression_it_says(net: RatingNet, train: Interactions) -> None:
    person = train.encode(frame([(1, 100, 9), (1, 115, 3), (1, 120, np.nan)]))
    factors, bias = net.fold_in(person)
    columns = [0, 15]
    left = np.array([9, 3]) - net.scale_[0] - net.anime_bias_[columns]

    def loss(u: np.ndarray, b: float) -> float:
        errors = left - net.anime_factors_[columns] @ u - b
        return (
            (errors**2).sum()
            + (2 + 2) * net.l2 * net.scale_[1] ** 2 * (u**2).sum()
            + (2 * net.bias_l2 + 2) * b**2
        )

    best = loss(factors[0], bias[0])
    for step in np.random.default_rng(0).normal(scale=0.01, size=(20, 5)):
        assert loss(factors[0] + step[:4], bias[0] + step[4]) > best


def test_loaded_network_is_the_one_saved(net: RatingNet, tmp_path: Path) -> None:
    net.save(tmp_path)
    loaded = RatingNet.load(tmp_path)
    rows, columns = np.array([0, 1]), np.array([3, 4])
    np.testing.assert_array_equal(
        loaded.network_.predict([rows, columns], verbose=0),
        net.network_.predict([rows, columns], verbose=0),
    )
    assert loaded.history_.equals(net.history_)


def test_lists_without_scores_teach_nothing(train: Interactions) -> None:
    with pytest.raises(InputError, match="needs scored entries"):
        RatingNet().fit(train.entries(~train.scored))
