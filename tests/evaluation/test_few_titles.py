"""Who names few titles: what is given, what goes together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anirec import evaluation, metrics
from anirec.interactions import Interactions
from anirec.models import EASE, Popularity


def lists(n_users: int = 60, seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    rows = [
        (user, anime, rng.integers(5, 11))
        for user in range(n_users)
        for anime in np.flatnonzero(rng.random(60) < (0.7 if user % 3 else 0.2))
    ]
    return Interactions.from_frame(pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"]))


@pytest.mark.parametrize("n", [1, 5])
def test_few_liked_titles_are_given_and_the_rest_hidden(n: int) -> None:
    everybody = lists()
    given, hidden = evaluation.few_given(everybody, n, seed=3)
    assert (given.lengths == n).all()
    assert (given.ratings >= 8).all()
    judged = everybody.users(np.isin(everybody.user_ids, given.user_ids))
    assert (given.lengths + hidden.lengths == judged.lengths).all()
    assert judged.lengths.min() >= 25
    again, _ = evaluation.few_given(everybody, n, seed=4)
    assert not np.array_equal(again.indices, given.indices)


def test_information_is_that_of_its_formula() -> None:
    pairs = {0: [0, 1], 1: [0, 1], 2: [0], 3: [1, 2]}
    rows = [(user, anime, 8) for user, animes in pairs.items() for anime in animes]
    train = Interactions.from_frame(pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"]))
    named = train.encode(pd.DataFrame({"user_id": [9], "anime_id": [0], "rating": [8]}))
    told = metrics.information_at(np.array([[1, 2]]), named, train, k=2)
    both = np.log((2 / 4) / (3 / 4 * 3 / 4)) / -np.log(2 / 4)
    assert told == pytest.approx([(both - 1) / 2])


def test_table_has_a_row_per_model_and_number() -> None:
    train = lists(seed=1)
    models = {"ease": EASE(l2=10).fit(train), "popularity": Popularity().fit(train)}
    found = evaluation.few_titles(models, lists(), train, numbers=(1, 3), seeds=(0, 1))
    assert found[["model", "given"]].to_numpy().tolist() == [
        ["ease", 1], ["popularity", 1], ["ease", 3], ["popularity", 3],
    ]  # fmt: skip
    assert found[["watched", "liked", "coverage"]].to_numpy().min() > 0
    ease = found.set_index("model").loc["ease"]
    assert ease["information"].between(-1, 1).all()


def test_reliability_counts_what_was_watched_of_the_best() -> None:
    class Sure(EASE):
        def chances(self, profile, columns, allowed=None):
            return np.where(columns % 2, 0.75, np.nan).astype(np.float32)

    train = lists(seed=1)
    given, hidden = evaluation.few_given(lists(), 3)
    bins, error = evaluation.reliability(Sure(l2=10).fit(train), given, hidden, n_bins=1)
    odd = hidden.indices % 2 == 1
    liked = (hidden.ratings[odd] >= 8).mean()
    assert bins["entries"].sum() == odd.sum()
    assert bins["liked"].item() == pytest.approx(liked)
    assert error == pytest.approx(abs(0.75 - liked))
