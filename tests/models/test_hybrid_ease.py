"""HybridEASE against its formula; side information, cold anime, signed preferences."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import EASE, HybridEASE, LikedEASE, hybrid_ease

FIXED = dict(HybridEASE.STARTS)
"""Settings of which none is left to be chosen."""


def test_weights_are_those_of_the_formula(train: Interactions, features: ItemFeatures) -> None:
    model = HybridEASE(
        rating_weight=0.3, unscored=0.9, mean_shrinkage=4, dropout=0.25, l2=6,
        tag_weights={"genres": 3, "title_words": 5}, tag_discount=0.5, user_discount=0.4,
        n_neighbours=0,
    ).fit(train, features=features)  # fmt: skip
    ratings = train.matrix(np.where(train.scored, train.ratings, 0)).toarray()
    scored = train.matrix(train.scored).toarray() > 0
    mean, sd = train.ratings[train.scored].mean(), train.ratings[train.scored].std()
    user_means = (ratings.sum(axis=1) + 4 * mean) / (scored.sum(axis=1) + 4)
    z = np.where(scored, 1 + 0.3 * (ratings - user_means[:, None]) / sd, 0.9)
    z *= train.matrix().toarray() > 0
    z *= (train.lengths / np.median(train.lengths))[:, None] ** -0.2
    g = z.T @ z
    penalty = 0.25 / 0.75 * np.diag(g) + 6
    for kind, alpha in (("genres", 3), ("title_words", 5)):
        tags = features.matrices[kind].toarray()
        g += alpha * (tags / np.sqrt(tags.sum(axis=0))) @ tags.T
    p = np.linalg.inv(g + np.diag(penalty))
    expected = -p / np.diag(p)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(model.weights_, expected, atol=2e-5)
    np.testing.assert_allclose(model.precision_, np.diag(p), rtol=1e-4)
    similar = model.similar(105, k=1)
    partial = -p[5] / np.sqrt(p[5, 5] * np.diag(p))
    partial[5] = -np.inf
    assert similar["similarity"].tolist() == pytest.approx([partial.max()], abs=1e-5)


def test_without_ratings_and_tags_it_is_ease(train: Interactions, profiles: Interactions) -> None:
    plain = HybridEASE(
        rating_weight=0, unscored=1, profile_rating_weight=0, profile_unscored=1,
        dropout=0, l2=7, user_discount=0, n_neighbours=0,
    ).fit(train)  # fmt: skip
    np.testing.assert_allclose(
        plain.score(profiles), EASE(l2=7).fit(train).score(profiles), atol=1e-5
    )


def test_what_was_disliked_speaks_less(train: Interactions, features: ItemFeatures) -> None:
    def score(rating: float, status: str = "completed") -> float:
        frame = pd.DataFrame(
            {"user_id": 1, "anime_id": [100, 101, 113], "rating": [9, rating, 8], "status": status}
        )
        scores = model.score(train.encode(frame))[0]
        return float(scores[2:12].sum() / np.abs(scores).sum())

    model = HybridEASE(l2=20).fit(train, features=features)
    assert score(10) > score(6) > score(2)
    assert score(np.nan) > score(np.nan, "dropped")


def test_one_profile_scores_as_among_others(train: Interactions, features: ItemFeatures) -> None:
    model = HybridEASE().fit(train, features=features)
    together = model.score(train)
    alone = model.score(train.users(np.array([17])))
    np.testing.assert_allclose(alone[0], together[17], atol=1e-6)


def test_kinds_that_are_lacking_are_said(
    train: Interactions, features: ItemFeatures, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="anirec"):
        HybridEASE(tag_weights={"genres": 1, "studios": 2, "type": 0}).fit(train, features=features)
    assert caplog.messages[-1] == "hybrid-ease: fitted without studios: not known here"


def test_anime_nobody_rated_is_scored_by_its_likes(train: Interactions) -> None:
    ids = np.append(train.anime_ids, [200, 201, 202])
    anime = pd.DataFrame(
        {
            "anime_id": ids,
            "genres": [["A"] if a < 12 else ["B"] for a in range(24)] + [["A"], ["B"], []],
            "members": [100] * 24 + [1000, 100, 100],
        }
    )
    lists = pd.DataFrame(
        {
            "user_id": train.user_ids[train.rows],
            "anime_id": train.anime_ids[train.indices],
            "rating": train.ratings,
        }
    )
    wider = Interactions.from_frame(lists, anime_ids=ids)
    settings = FIXED | {"l2": 20, "tag_weights": {"genres": 8.0}, "n_neighbours": 0}
    model = HybridEASE(**settings).fit(wider, features=item_features(anime, ids))
    taste_a = wider.encode(pd.DataFrame({"user_id": 1, "anime_id": [100, 101], "rating": [9, 9]}))
    scores = model.score(taste_a)[0]
    assert scores[24] > max(scores[25], 0)
    assert scores[26] == 0
    reasons = model.explain(taste_a, 200)
    assert reasons["contribution"].sum() == pytest.approx(scores[24], abs=1e-6)
    has_only_new = wider.encode(pd.DataFrame({"user_id": 1, "anime_id": [200], "rating": [9]}))
    scores = model.score(has_only_new)[0]
    assert scores[:12].mean() > scores[12:24].mean()
    assert set(model.similar(200, k=5)["anime_id"]) <= set(range(100, 112))
    # What is known already is scored as without the newcomers.
    alone = HybridEASE(**settings).fit(train, features=item_features(anime, train.anime_ids))
    np.testing.assert_allclose(model.weights_[:24, :24], alone.weights_, atol=2e-4)


def test_dropout_is_a_share(train: Interactions) -> None:
    with pytest.raises(InputError, match="dropout is a share"):
        HybridEASE(dropout=1.0).fit(train)


def test_ablation_takes_off_one_part_at_a_time() -> None:
    model = HybridEASE(dropout=0, user_discount=0.2, tag_weights={"genres": 2.0, "type": 1.0})
    variants = hybrid_ease.ablations(model)
    assert list(variants) == [
        "all", "without ratings", "without user discount", "without pruning",
        "without side information", "without genres", "without type",
    ]  # fmt: skip
    assert variants["without genres"].tag_weights == {"genres": 0.0, "type": 1.0}
    assert variants["without user discount"].user_discount == 0
    assert model.user_discount == 0.2


def test_keeps_the_strongest_weights(train: Interactions, features: ItemFeatures) -> None:
    kept = HybridEASE(**FIXED | {"n_neighbours": 7}).fit(train, features=features)
    assert (np.diff(kept.weights_.tocsc().indptr) == 7).all()
    whole = HybridEASE(**FIXED | {"n_neighbours": 0}).fit(train, features=features)
    np.testing.assert_array_equal(kept.weights_.toarray(), whole.prune(7).weights_.toarray())


def test_users_taken_out_in_closed_form(train: Interactions, features: ItemFeatures) -> None:
    model = HybridEASE(**FIXED | {"n_neighbours": 0}).fit(train, features=features)
    gone, n = np.arange(0, 240, 3), train.shape[1]
    lists = train.matrix(model.learned_values(train, model.constants(train)[1])).toarray()
    tags = model.tag_rows(features, n).toarray()
    penalty = model.dropout / (1 - model.dropout) * (lists**2).sum(axis=0) + model.l2
    left = np.delete(lists, gone, axis=0)
    p = np.linalg.inv(left.T @ left + tags @ tags.T + np.diag(penalty))
    expected = -p / np.diag(p)
    np.fill_diagonal(expected, 0)
    smaller = model.without(train, features, gone)
    np.testing.assert_allclose(smaller.weights_, expected, atol=2e-5)
    np.testing.assert_allclose(smaller.precision_, np.diag(p), rtol=1e-4)
    # Nearly what the others alone give, whose penalty is a little less.
    refit = HybridEASE(**FIXED | {"n_neighbours": 0}).fit(
        train.users(np.setdiff1d(np.arange(240), gone)), features=features
    )
    off = ~np.eye(n, dtype=bool)
    assert np.corrcoef(refit.weights_[off], smaller.weights_[off])[0, 1] > 0.98
    model.prune(5)  # the model itself is as it was
    np.testing.assert_array_equal(
        model.weights_,
        HybridEASE(**FIXED | {"n_neighbours": 0}).fit(train, features=features).weights_,
    )


def test_what_is_liked_follows_the_scale(train: Interactions, features: ItemFeatures) -> None:
    of_ten = LikedEASE().fit(train, features=features)
    of_five = LikedEASE().fit(replace(train, ratings=train.ratings / 2), features=features)
    np.testing.assert_array_equal(of_five.weights_.toarray(), of_ten.weights_.toarray())
    given = LikedEASE(liked_from=8).fit(train, features=features)
    np.testing.assert_array_equal(given.weights_.toarray(), of_ten.weights_.toarray())
    silent = replace(train, ratings=np.full(train.nnz, np.nan, dtype=np.float32))
    assert set(LikedEASE(rest=0.4, item_discount=0.0).fit(silent).values(silent)) == {
        np.float32(0.4)
    }
