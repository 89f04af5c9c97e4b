"""Settings that HybridEASE and TwoStage choose for themselves, on lists of other shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anirec.evaluation.ranking import accuracy, rank
from anirec.interactions import Interactions, hold_out
from anirec.models import EASE, HybridEASE, Model, TwoStage, load_model, tuning
from anirec.models.tuning import GRIDS, Bench

FIXED = dict(HybridEASE.STARTS)


def simulated(n_users: int, n_anime: int, length: float, seed: int = 0) -> Interactions:
    """Return lists drawn by latent tastes and popularity, with ratings of 1 to 5."""
    rng = np.random.default_rng(seed)
    tastes = rng.normal(0, 1, (n_users, 6)) @ rng.normal(0, 1, (6, n_anime)) / 2
    logits = tastes - 1.1 * np.log(np.arange(1, n_anime + 1))
    lengths = np.clip(rng.lognormal(np.log(length), 0.5, n_users), 6, n_anime / 2).astype(int)
    keys = logits + rng.gumbel(size=logits.shape)
    listed = np.argsort(np.argsort(-keys, axis=1), axis=1) < lengths[:, None]
    ratings = np.clip(np.round(3.4 + 0.7 * tastes + rng.normal(0, 0.7, tastes.shape)), 1, 5)
    return Interactions(
        user_ids=np.arange(n_users),
        anime_ids=np.arange(n_anime),
        indptr=np.concatenate([[0], np.cumsum(listed.sum(axis=1))]),
        indices=np.nonzero(listed)[1].astype(np.int32),
        ratings=ratings[listed].astype(np.float32),
        dropped=np.zeros(listed.sum(), dtype=bool),
    )


def ndcg(model: Model, given: Interactions, hidden: Interactions) -> float:
    table = accuracy(rank(model, given, 10), hidden, (10,))
    return float(table.loc[table["metric"] == "ndcg", "value"].mean())


@pytest.mark.parametrize("silent", [False, True])
def test_as_good_as_an_ease_searched_by_its_penalty(silent: bool) -> None:
    lists = simulated(500, 250, 40.0)
    if silent:
        lists = replace(lists, ratings=np.full(lists.nnz, np.nan, dtype=np.float32))
    given, hidden = hold_out(lists, 0.8, 5)
    best = max(ndcg(EASE(l2).fit(given), given, hidden) for l2 in (30.0, 100.0, 300.0, 1000.0))
    model = HybridEASE().fit(given)
    assert ndcg(model, given, hidden) > 0.995 * best
    assert ndcg(model, given, hidden) > ndcg(HybridEASE(**FIXED).fit(given), given, hidden)
    assert set(model.chosen_) == set(model.STARTS)
    if not silent:
        served = TwoStage(retriever=model, max_users=200, n_rounds=40, n_threads=1).fit(given)
        assert ndcg(served, given, hidden) > 0.98 * best


def test_what_is_given_is_not_chosen(tmp_path: Path) -> None:
    lists = simulated(150, 60, 15.0)
    model = HybridEASE(l2=7.0, n_neighbours=0).fit(lists)
    assert {"l2", "n_neighbours"}.isdisjoint(model.chosen_)
    assert (model.l2, model.dropout) == (7.0, None)
    assert model.setting("dropout") in (*GRIDS["dropout"], FIXED["dropout"])
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.chosen_ == model.chosen_
    np.testing.assert_array_equal(loaded.score(lists), model.score(lists))
    again = loaded.settled().fit(lists)
    assert not again.open_settings
    np.testing.assert_array_equal(again.weights_, model.weights_)


def test_too_few_lists_to_choose_by() -> None:
    lists = simulated(30, 60, 15.0)
    assert HybridEASE().fit(lists).chosen_ == FIXED


def test_the_bench_measures_what_a_fit_reaches() -> None:
    """Its short cut, the Gram matrix kept and the part of the catalogue, changes nothing."""
    lists = simulated(200, 80, 20.0)
    model = HybridEASE(**FIXED | {"n_neighbours": 30, "item_discount": 0.2})
    bench = Bench(lists, None, model.constants(lists))
    found = bench.judge(model)
    expected = []
    for turn in bench._turns:
        fitted = model.unfitted().fit(turn.learned)
        table = accuracy(rank(fitted, turn.given, 10), turn.hidden, (10,))
        expected.append(table.loc[table["metric"] == "ndcg", "value"].to_numpy())
    assert np.nanmean(found[:, 0]) == pytest.approx(np.concatenate(expected).mean(), abs=0.01)
    other = model.with_settings({"l2": 400.0})
    assert not np.array_equal(bench.judge(other), found)
    np.testing.assert_array_equal(bench.judge(model), found)


def test_of_a_large_catalogue_not_all_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "GRIDS", {**GRIDS, "n_neighbours": (1, 0)})
    lists = simulated(150, 60, 15.0)
    fixed = FIXED | {"n_neighbours": None}
    monkeypatch.setattr(HybridEASE, "STARTS", {**FIXED, "n_neighbours": 1})
    assert HybridEASE(**fixed).fit(lists).chosen_ == {"n_neighbours": 0}
    monkeypatch.setattr(tuning, "MOST_ANIME", 50)
    assert HybridEASE(**fixed).fit(lists).chosen_ == {"n_neighbours": 1}


def test_nobody_is_judged_by_what_was_learned() -> None:
    bench = Bench(simulated(120, 60, 15.0), None, (np.float32([3, 1, 5]), 15.0))
    for turn in bench._turns:
        learned = turn.learned.matrix().toarray() > 0
        hidden = turn.hidden.matrix().toarray() > 0
        given = turn.given.matrix().toarray() > 0
        rows = np.searchsorted(turn.learned.user_ids, turn.hidden.user_ids)
        assert not (learned[rows] & hidden).any()
        known = (learned[rows] == given).all(axis=1)
        assert known[::2].all() and not learned[rows[1::2]].any()
