"""Metrics against independent implementations, and the tables made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    mean_absolute_error,
    ndcg_score,
    root_mean_squared_error,
)
from sklearn.metrics.pairwise import cosine_distances

from anirec import evaluation, metrics
from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import EASE, Model, Popularity


class Fixed(Model):
    """Gives every profile the scores it was made with, (n_profiles, n_anime)."""

    NAME = "fixed"

    def __init__(self, scores: np.ndarray, lists: Interactions) -> None:
        self.scores = np.asarray(scores, dtype=np.float32)
        self.fit(lists)

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        """Nothing to learn."""

    def _score(self, profiles: Interactions) -> np.ndarray:
        return self.scores[profiles.user_ids]


def lists_of(table: list[list[float | None]]) -> Interactions:
    """Make lists from a table: 0 not on the list, None watched without a score."""
    rows = [
        (user, anime, rating)
        for user, ratings in enumerate(table)
        for anime, rating in enumerate(ratings)
        if rating != 0
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])
    width = len(table[0])
    return Interactions.from_frame(frame, anime_ids=np.arange(width, dtype=np.int32))


def ranking(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores of nine anime, which are relevant, and the hits in order of the scores."""
    rng = np.random.default_rng(seed)
    scores = rng.permutation(9).astype(np.float32)
    relevant = rng.random(9) < 0.4
    return scores, relevant, relevant[np.argsort(-scores)][None, :]


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 12))
def test_ndcg_is_scikit_learns(seed: int, k: int) -> None:
    scores, relevant, hits = ranking(seed)
    ours = metrics.ndcg_at(hits, relevant.sum()[None], k)[0]
    if relevant.any():
        assert ours == pytest.approx(ndcg_score(relevant[None, :], scores[None, :], k=k))
    else:
        assert np.isnan(ours)


def test_recall_counts_hits_over_all_relevant() -> None:
    hits = np.array([[True, False, True], [False, False, False]])
    np.testing.assert_allclose(metrics.recall_at(hits, np.array([4, 0]), 3), [0.5, np.nan])


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 12))
def test_average_precision_is_scikit_learns(seed: int, k: int) -> None:
    scores, relevant, hits = ranking(seed)
    n_relevant = relevant.sum()[None]
    if not relevant.any():
        assert np.isnan(metrics.map_at(hits, n_relevant, k)[0])
        return
    full = metrics.map_at(hits, n_relevant, 9)[0]
    assert full == pytest.approx(average_precision_score(relevant, scores))
    precisions = [hits[0, : r + 1].mean() for r in range(min(k, 9)) if hits[0, r]]
    cut = sum(precisions) / min(k, relevant.sum())
    assert metrics.map_at(hits, n_relevant, k)[0] == pytest.approx(cut)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 12))
def test_reciprocal_rank_is_scikit_learns_for_the_first_hit(seed: int, k: int) -> None:
    scores, relevant, hits = ranking(seed)
    ours = metrics.mrr_at(hits, relevant.sum()[None], k)[0]
    if not relevant.any():
        assert np.isnan(ours)
        return
    best = np.where(relevant, scores, -1).argmax()
    first = np.arange(9) == best
    expected = label_ranking_average_precision_score(first[None, :], scores[None, :])
    assert ours == pytest.approx(expected if first[np.argsort(-scores)][:k].any() else 0)


def test_novelty_is_bits_of_self_information() -> None:
    popularity = np.array([0.5, 0.25, 0.125, 0])
    ranked = np.array([[0, 1, 2], [2, 3, 0]])
    np.testing.assert_allclose(metrics.novelty_at(ranked, popularity, 3), [2, 8 / 3])
    np.testing.assert_allclose(metrics.novelty_at(ranked, popularity, 1), [1, 3])


def test_popularity_bias_compares_what_is_shown_with_the_list() -> None:
    popularity = np.array([0.6, 0.2, 0.4, 0.1])
    lists = lists_of([[9, 0, 0, 0], [0, None, 3, 0], [9, 0, 0, 0]])
    lists = lists.entries(lists.rows < 2)
    bias = metrics.popularity_bias_at(np.array([[2, 3], [0, 3], [0, 1]]), lists, popularity, 2)
    np.testing.assert_allclose(bias, [0.25 / 0.6, 0.35 / 0.3, np.nan])


@given(seed=st.integers(0, 1000), k=st.integers(2, 6))
def test_diversity_is_scikit_learns_mean_cosine_distance(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    tags = (rng.random((12, 5)) < 0.4).astype(np.float32)
    ranked = np.array([rng.permutation(12)[:6] for _ in range(3)])
    ours = metrics.diversity_at(ranked, sparse.csr_array(tags), k)
    for row, value in zip(ranked, ours, strict=True):
        distances = cosine_distances(tags[row[:k]])
        assert value == pytest.approx(distances[np.triu_indices(k, 1)].mean(), abs=1e-6)


def test_one_anime_is_neither_alike_nor_diverse() -> None:
    tags = sparse.csr_array(np.eye(3, dtype=np.float32))
    assert np.isnan(metrics.diversity_at(np.array([[0, 1]]), tags, 1)[0])


def test_ranking_leaves_out_the_list_and_breaks_ties_by_column() -> None:
    given_lists = lists_of([[0, 9, 0, 0, 0], [5, 0, 0, 0, 0]])
    scores = np.array([[1, 9, 1, 1, 1], [9, 1, 2, 2, 3]], dtype=np.float32)
    ranked = evaluation.top_ranked(scores, given_lists, 3)
    assert ranked.tolist() == [[0, 2, 3], [4, 2, 3]]


@given(seed=st.integers(0, 1000))
def test_ranking_is_a_full_stable_sort_cut_off(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, size=(3, 20)).astype(np.float32)
    nothing = lists_of([[0] * 20] * 3).users(np.zeros(0, dtype=int))
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :7]
    assert evaluation.top_ranked(scores, nothing, 7).tolist() == expected.tolist()


def test_watched_and_liked_are_told_apart() -> None:
    given_lists = lists_of([[9, 0, 0, 0], [9, 0, 0, 0]])
    hidden = lists_of([[0, 8, 0, 7], [0, None, 0, 3]])
    model = Fixed([[9, 3, 2, 1], [9, 1, 2, 3]], given_lists)
    values, ranked = evaluation.per_user(model, given_lists, hidden, ks=(1, 2))
    assert ranked.tolist() == [[1, 2], [3, 2]]
    table = values.pivot_table(
        index=["target", "metric", "k"], columns="row", values="value", dropna=False
    )
    assert table.loc[("watched", "ndcg", 1)].tolist() == [1, 1]
    assert table.loc[("watched", "recall", 2)].tolist() == [0.5, 0.5]
    assert table.loc[("liked", "recall", 1), 0] == 1
    assert np.isnan(table.loc[("liked", "ndcg", 1), 1])


def test_comparison_is_tidy_with_intervals_and_coverage() -> None:
    given_lists = lists_of([[9, 0, 0, 0], [9, 0, 0, 0]])
    hidden = lists_of([[0, 8, 0, 0], [0, 0, 8, 0]])
    models = {"a": Fixed([[0, 3, 2, 1], [0, 3, 2, 1]], given_lists)}
    table = evaluation.evaluate(models, given_lists, hidden, ks=(1,)).set_index(
        ["target", "metric"]
    )
    watched = table.loc[("watched", "ndcg")]
    assert (watched["value"], watched["low"], watched["high"], watched["users"]) == (0.5, 0, 1, 2)
    assert table.loc[("any", "coverage"), "value"] == 0.25
    same = evaluation.evaluate(models, given_lists, hidden, ks=(1,)).set_index(["target", "metric"])
    pd.testing.assert_frame_equal(table, same)


def test_bootstrap_interval_is_near_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.2, 800)
    low, high = metrics.bootstrap_interval(values)
    half = 1.96 * values.std() / np.sqrt(800)
    assert low == pytest.approx(values.mean() - half, abs=0.002)
    assert high == pytest.approx(values.mean() + half, abs=0.002)


@pytest.fixture(scope="module")
def measured() -> evaluation.Measured:
    """Two models on twenty people: long lists are served by "a", short ones by "b"."""
    rng = np.random.default_rng(0)
    table, found = np.zeros((20, 30), dtype=object), np.zeros((20, 30), dtype=object)
    scores = {name: rng.random((20, 30)) for name in "ab"}
    for user in range(20):
        length = 4 if user < 10 else 12
        table[user, :length] = 7
        table[user, 0] = 0
        wanted = [20, 25] if user % 2 else [20, 0]
        found[user, wanted] = [9, 6]
        scores["b" if user < 10 else "a"][user, wanted] += 1
    given_lists, hidden = lists_of(table.tolist()), lists_of(found.tolist())
    models = {name: Fixed(values, given_lists) for name, values in scores.items()}
    tags = ItemFeatures(
        given_lists.anime_ids, {"genres": sparse.csr_array(np.eye(30, dtype=np.float32))}, {}
    )
    return evaluation.measure(models, given_lists, hidden, ks=(3, 10), features=tags)


def test_summary_covers_what_is_shown_beyond_accuracy(measured: evaluation.Measured) -> None:
    table = evaluation.summary(measured, n_bootstrap=50)
    assert set(table["metric"]) == {
        "ndcg", "recall", "map", "mrr", "novelty", "popularity_bias", "diversity", "coverage",
    }  # fmt: skip
    assert not table.duplicated(["model", "target", "metric", "k"]).any()
    assert (table.query("metric == 'diversity'")["value"] == 1).all()
    without = evaluation.per_user(
        Fixed(np.ones((20, 30)), measured.given), measured.given, measured.hidden
    )[0]
    assert "diversity" not in set(without["metric"])


def test_paired_differences_are_scipys_bootstrap(measured: evaluation.Measured) -> None:
    table = evaluation.differences(measured, "b", n_bootstrap=4000)
    assert set(table["model"]) == {"a"}
    assert set(table["baseline"]) == {"b"}
    row = table.query("target == 'watched' and metric == 'ndcg' and k == 10").iloc[0]
    wide = measured.per_user.query(
        "target == 'watched' and metric == 'ndcg' and k == 10"
    ).pivot_table(index="row", columns="model", values="value")
    gaps = (wide["a"] - wide["b"]).to_numpy()
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["ratio"] == pytest.approx(wide["a"].mean() / wide["b"].mean())
    theirs = stats.bootstrap(
        (gaps,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (row["low"], row["high"]) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    with pytest.raises(InputError, match="no model 'c' to compare with: choose a, b"):
        evaluation.differences(measured, "c")


def test_each_wins_where_it_is_good(measured: evaluation.Measured) -> None:
    groups = evaluation.by_profile_length(measured, n_bootstrap=20)
    best = evaluation.best_per_group(groups)
    assert best["group"].tolist() == ["short lists (at most 7)", "long lists (over 7)"]
    assert best["model"].tolist() == ["b", "a"]
    assert best["runner_up"].tolist() == ["a", "b"]
    assert (best["value"] > best["runner_up_value"]).all()
    found = groups.query("metric == 'recall' and k == 3 and target == 'watched'")
    assert found.loc[found["model"] == "b", "value"].iloc[0] == 1
    assert found["users"].tolist() == [10] * 4


def test_niche_anime_are_judged_apart(measured: evaluation.Measured) -> None:
    groups = evaluation.by_popularity(measured, n_bootstrap=20)
    # Anime 1 to 3 are on all twenty lists: 60 of 140 entries; one of the next makes it half.
    assert groups["group"].unique().tolist() == ["the 4 most popular", "the 26 niche"]
    watched = groups.query("target == 'watched' and metric == 'recall' and k == 3")
    assert watched["users"].tolist() == [0, 0, 20, 20]
    niche = watched[watched["group"] == "the 26 niche"].set_index("model")["value"]
    of_all = measured.per_user.query("target == 'watched' and metric == 'recall' and k == 3")
    assert niche["a"] == pytest.approx(of_all.query("model == 'a'")["value"].mean())


def test_nobody_to_judge_by() -> None:
    nobody = lists_of([[9, 0]]).users(np.zeros(0, dtype=int))
    with pytest.raises(InputError, match="no held-out users"):
        evaluation.evaluate({"p": Popularity().fit(lists_of([[9, 0]]))}, nobody, nobody)


def test_errors_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.integers(1, 11, 50), rng.uniform(1, 10, 50).astype(np.float32)
    assert metrics.rmse(predicted, actual) == pytest.approx(
        root_mean_squared_error(actual, predicted)
    )
    assert metrics.mae(predicted, actual) == pytest.approx(mean_absolute_error(actual, predicted))


def test_bias_baseline_adds_up_deviations() -> None:
    shown = lists_of([[8, 6, None], [4, 2, 0]])
    hidden = lists_of([[0, 0, 7], [0, 0, 7]])
    expected = evaluation.bias_baseline(shown, hidden, shrinkage=0.0001)
    # The mean is 5; the third anime has no score, the users deviate by +2 and -2.
    np.testing.assert_allclose(expected, [7, 3], atol=0.01)


def test_rating_split_hides_scored_entries_only() -> None:
    everyone = lists_of(np.where(np.random.default_rng(0).random((50, 40)) < 0.3, None, 7).tolist())
    shown, hidden = evaluation.rating_split(everyone, 0.2, seed=1)
    assert hidden.scored.all()
    assert shown.nnz + hidden.nnz == everyone.nnz
    assert hidden.nnz / everyone.scored.sum() == pytest.approx(0.2, abs=0.03)


def test_sentence_and_headline_name_the_best() -> None:
    given_lists, hidden = lists_of([[9, 0, 0]]), lists_of([[0, 8, 0]])
    models = {
        "popularity": Fixed([[0, 1, 2]], given_lists),
        "ease": Fixed([[0, 2, 1]], given_lists),
    }
    table = evaluation.evaluate(models, given_lists, hidden, ks=(10, 20))
    assert "is ease with NDCG@10 1.000, 1.6 times" in evaluation.comparison_sentence(table)
    assert evaluation.headline(table)["popularity"]["NDCG@10 watched"] == pytest.approx(0.6309)


def test_ease_finds_what_people_watched_in_2016(real_data: Path) -> None:
    ratings = pd.read_csv(real_data / "mal-2016" / "rating.csv")
    ratings["rating"] = ratings["rating"].where(ratings["rating"] > 0)
    everyone = Interactions.from_frame(ratings)
    roles = split_users(everyone)["role"].to_numpy()
    train = everyone.users(roles == "train")
    given_lists, hidden = hold_out(everyone.users(roles == "test"))
    assert given_lists.shape[0] == 800
    models = {"popularity": Popularity(), "ease": EASE()}
    for model in models.values():
        model.fit(train)
    comparison = evaluation.evaluate(models, given_lists, hidden, n_bootstrap=10)
    found = {name: row["NDCG@10 watched"] for name, row in evaluation.headline(comparison).items()}
    assert found["ease"] >= 0.48
    assert found["ease"] >= 2.7 * found["popularity"]
