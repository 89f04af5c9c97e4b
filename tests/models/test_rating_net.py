"""The neural model: it learns, stops, folds people in, and its network can be used again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from anirec import evaluation, metrics
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import RatingNet, rating_net_keras
from anirec.models.rating_net import MIN_GAIN, NOISE


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])


@pytest.fixture(scope="module")
def net(train: Interactions) -> RatingNet:
    return RatingNet(embedding_dim=4, epochs=60, l2=0.01, patience=5).fit(train)


def test_loss_is_kept_and_training_stops_at_its_lowest(net: RatingNet) -> None:
    history = net.history_
    assert list(history.columns) == ["epoch", "loss", "val_loss"]
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    # Scores scatter by 1 around each taste's mean, which is 0.24 of their variance.
    assert 0.2 < history["val_loss"].min() < 0.4
    rest = history["val_loss"].iloc[-net.patience :]
    assert len(history) == 60 or rest.min() > history["val_loss"].min() - MIN_GAIN


def test_loss_told_is_the_mean_over_entries_not_lists(train: Interactions) -> None:
    rng = np.random.default_rng(0)
    # Every second list is short, and its scores are noise: two errors, by the lists' lengths.
    short = train.rows % 2 == 1
    ratings = np.where(short, rng.integers(1, 11, train.nnz), train.ratings)
    uneven = replace(train, ratings=ratings.astype(np.float32))
    uneven = uneven.entries(~short | (rng.random(train.nnz) < 0.3))
    model = RatingNet(embedding_dim=4, epochs=1, batch_size=200).fit(uneven)
    aside = model._kept_aside(uneven.scored, uneven.lengths)
    known = uneven.entries(~aside)
    rows, columns, ratings = uneven.rows[aside], uneven.indices[aside], uneven.ratings[aside]
    expected = model._score(known)[rows, columns]
    error = np.mean(((expected - ratings) / model.scale_[2]) ** 2)
    assert model.history_["val_loss"].iloc[0] == pytest.approx(error, rel=0.01)


def test_trained_on_the_error_of_each_rating_left_out(train: Interactions) -> None:
    """The closed form is what folding in without the entry, scored or listed, gives."""
    weights = {
        name: np.random.default_rng(i).normal(scale=0.3, size=(24, size)).astype(np.float32)
        for i, (name, size) in enumerate(
            {"anime_embedding": 4, "anime_bias": 1, "implicit_embedding": 6, "precision": 1}.items()
        )
    }
    weights["implicit_embedding"][23] = 0
    none = sparse.csr_array((24, 0), dtype=np.float32)
    network = rating_net_keras.training_network(
        none, 4, np.zeros(24), NOISE, rating_net_keras.Penalties(0, 0, 0, 0, 0)
    )
    for name, table in weights.items():
        network.get_layer(name).own.set_weights([table])
    network.get_layer("head").set_weights([np.array([[0.9]]), np.array([0.1])])
    has_last = train.matrix()[:, [23]].toarray()[:, 0] > 0
    three = train.users(np.flatnonzero(~has_last)[:3])
    ratings, given = np.nan_to_num(three.ratings - 7) / 2, three.scored
    given[4] = False  # kept aside: on the list, its score unknown
    batch = rating_net_keras.dataset(three, ratings, given, given, [np.arange(3)])
    expected = network.predict(batch, verbose=0)[:, :, 0]
    exported = RatingNet(embedding_dim=4)
    exported._export(network, three, 7.0, 2.0)
    for cell in (1, 3, 4, three.nnz - 1):
        # In its place something that tells nothing, so that the list stays as long.
        rest = np.arange(three.nnz) != cell
        others = replace(
            three,
            indices=np.where(rest, three.indices, 23),
            ratings=np.where(given & rest, three.ratings, np.nan),
        )
        row = three.rows[cell]
        rating = exported._score(others)[row, three.indices[cell]]
        place = cell - three.indptr[row]
        assert (rating - 7) / 2 == pytest.approx(expected[row, place], abs=1e-4)


def test_predictions_are_the_networks(net: RatingNet, train: Interactions) -> None:
    scored = train.entries(train.scored)
    outputs = net.network_.predict([scored.rows, scored.indices], verbose=0)[:, 0]
    expected = np.clip(outputs * scored.ratings.std() + scored.ratings.mean(), 1, 10)
    predicted = net.predict(scored)
    np.testing.assert_allclose(predicted, expected, atol=1e-4)
    assert metrics.rmse(predicted, scored.ratings) < 0.6 * np.nanstd(train.ratings)
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


def test_list_without_scores_tells_by_what_is_on_it(net: RatingNet, train: Interactions) -> None:
    watched = train.encode(frame([(1, 100, np.nan), (1, 103, np.nan)]))
    prior = net.anime_implicit_[[0, 3]].sum(axis=0) / np.sqrt(3)
    expected = net.scale_[0] + net.anime_bias_ + net.scale_[3] * (net.anime_factors_ @ prior)
    np.testing.assert_allclose(net.score(watched)[0], expected, rtol=1e-5)
    assert net.score(watched)[0, :12].mean() > net.score(watched)[0, 12:].mean()


def test_folding_in_is_the_ridge_regression_it_says(net: RatingNet, train: Interactions) -> None:
    person = train.encode(frame([(1, 100, 9), (1, 115, 3), (1, 120, np.nan)]))
    factors = net.fold_in(person)[0] / net.scale_[3]
    prior = net.anime_implicit_[[0, 15, 20]].sum(axis=0) / np.sqrt(4)
    columns = [0, 15]

    def loss(u: np.ndarray) -> float:
        expected = net.scale_[1] + net.anime_bias_[columns] + net.anime_factors_[columns] @ u
        errors = np.array([9, 3]) - expected
        penalty = NOISE * net.scale_[2] ** 2 * ((u - prior) ** 2).sum()
        return (net.anime_precision_[columns] * errors**2).sum() + penalty

    best = loss(factors)
    for step in np.random.default_rng(0).normal(scale=0.01, size=(20, 6)):
        assert loss(factors + step) > best


def test_users_of_one_taste_are_alike(net: RatingNet) -> None:
    alike = net.similar_users(8, k=20)
    assert list(alike.columns) == ["user_id", "similarity"]
    assert 8 not in alike["user_id"].tolist()
    assert (alike["user_id"] % 2 == 0).mean() > 0.9
    assert alike["similarity"].is_monotonic_decreasing
    assert alike["similarity"].max() <= 1 + 1e-5
    with pytest.raises(InputError, match="user 999 is unknown to rating-net"):
        net.similar_users(999)


def test_tags_tell_of_anime_without_scores(
    train: Interactions, features: ItemFeatures, profiles: Interactions
) -> None:
    unscored = np.isin(train.indices, [5, 17])
    lists = replace(train, ratings=np.where(unscored, np.nan, train.ratings))
    model = RatingNet(embedding_dim=4, epochs=10).fit(lists, features=features)
    expected = model.score(profiles)
    # Anime 5 has the genre of the first person's taste, 17 that of the second's.
    assert expected[0, 5] > expected[0, 17] + 1
    assert expected[1, 17] > expected[1, 5] + 1


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


def test_hidden_ratings_of_2016_are_predicted(real_data: Path) -> None:
    ratings = pd.read_csv(real_data / "mal-2016" / "rating.csv")
    ratings["rating"] = ratings["rating"].where(ratings["rating"] > 0)
    everyone = Interactions.from_frame(ratings)
    anime = pd.read_csv(real_data / "mal-2016" / "anime.csv").rename(columns={"name": "title"})
    anime["genres"] = anime["genre"].str.split(", ")
    tags = item_features(anime[["anime_id", "title", "genres", "type"]], everyone.anime_ids)
    errors = evaluation.rating_errors(everyone, RatingNet(epochs=3), features=tags)
    errors = errors.set_index("model")
    assert errors.loc["rating-net", "rmse"] <= 1.14
    assert errors.loc["rating-net", "mae"] <= 0.865
    assert errors.loc["rating-net", "rmse"] <= 0.95 * errors.loc["bias baseline", "rmse"]
