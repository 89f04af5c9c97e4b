"""Tune the best-known libraries' recommenders and measure them on the test users.

Run in the peers' environment (``requirements.txt``), with ``lib`` on ``PYTHONPATH``:
``python benchmarks/quality/peers.py <folder of splits> <results.json> [trials] [seconds]``.

Each peer is searched with Optuna over its own settings and over what it is fed, by the mean
NDCG@10 on the validation users; the best trial for *watched* and the best for *liked* are then
fitted and measured on the test users, whom the search never sees.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import optuna
import pandas as pd
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel, PureSVDModel
from scipy import sparse

from anirec import evaluation
from anirec.interactions import Interactions

TARGETS = ("watched", "liked")
Weigh = Callable[[Interactions], sparse.csr_matrix]


def fed(how: str, other: float) -> Weigh:
    """Return how lists become weights: binary, by rating, liked 1 and the rest ``other``, liked."""

    def weigh(lists: Interactions) -> sparse.csr_matrix:
        liked = evaluation.was_liked(lists)
        values = {
            "binary": np.ones(lists.nnz),
            "rating": np.where(lists.scored, np.nan_to_num(lists.ratings) / 10, other),
            "liked=1, rest=c": np.where(liked, 1, other),
            "liked": liked.astype(float),
        }[how]
        matrix = sparse.csr_matrix(lists.matrix(values), copy=True)
        matrix.eliminate_zeros()
        return matrix

    return weigh


def suggest_feed(trial: optuna.Trial) -> Weigh:
    how = trial.suggest_categorical("feed", ["binary", "rating", "liked=1, rest=c", "liked"])
    other = 1.0 if how in ("binary", "liked") else trial.suggest_float("c", 0.05, 0.9)
    return fed(how, other)


@dataclass
class Linear:
    """Scores that are the weighted profile times an item-item matrix or a fold-in of it."""

    NAME: ClassVar[str] = "linear"

    weigh: Weigh
    apply: Callable[[sparse.csr_matrix], np.ndarray]

    def score(self, profiles: Interactions) -> np.ndarray:
        return np.asarray(self.apply(self.weigh(profiles)), dtype=np.float32)


@dataclass
class KnownUsers:
    """Scores of users who were trained on with what they are given: BPR cannot fold anyone in."""

    NAME: ClassVar[str] = "known users"

    given: Interactions
    factors: np.ndarray
    items: np.ndarray

    def score(self, profiles: Interactions) -> np.ndarray:
        rows = np.searchsorted(self.given.user_ids, profiles.user_ids)
        return self.factors[rows] @ self.items.T


def rectools_dataset(lists: sparse.csr_matrix) -> Dataset:
    coo = lists.tocoo()
    return Dataset.construct(
        pd.DataFrame(
            {
                Columns.User: coo.row,
                Columns.Item: coo.col,
                Columns.Weight: coo.data,
                Columns.Datetime: pd.Timestamp("2020-01-01"),
            }
        )
    )


def on_items_of(
    dataset: Dataset, apply: Callable[[sparse.csr_matrix], np.ndarray]
) -> Callable[[sparse.csr_matrix], np.ndarray]:
    """Return ``apply``, which knows a data set's items only, on all columns, others last."""
    columns = dataset.item_id_map.external_ids.astype(int)

    def on_all(profiles: sparse.csr_matrix) -> np.ndarray:
        scores = np.full(profiles.shape, -1e9, dtype=np.float32)
        scores[:, columns] = apply(profiles[:, columns])
        return scores

    return on_all


def ease(trial: optuna.Trial, train: Interactions, given: Interactions, seed: int) -> Linear:
    weigh = suggest_feed(trial)
    dataset = rectools_dataset(weigh(train))
    model = EASEModel(trial.suggest_float("regularization", 5, 2000, log=True))
    model.fit(dataset)
    return Linear(weigh, on_items_of(dataset, lambda profiles: profiles @ model.weight))


def pure_svd(trial: optuna.Trial, train: Interactions, given: Interactions, seed: int) -> Linear:
    weigh = suggest_feed(trial)
    dataset = rectools_dataset(weigh(train))
    model = PureSVDModel(trial.suggest_int("factors", 16, 320, log=True), random_state=seed)
    model.fit(dataset)
    basis = model.item_factors / np.linalg.norm(model.item_factors, axis=0)
    return Linear(weigh, on_items_of(dataset, lambda profiles: (profiles @ basis) @ basis.T))


def als(trial: optuna.Trial, train: Interactions, given: Interactions, seed: int) -> Linear:
    weigh = suggest_feed(trial)
    model = AlternatingLeastSquares(
        factors=trial.suggest_int("factors", 16, 256, log=True),
        regularization=trial.suggest_float("regularization", 1e-3, 100, log=True),
        alpha=trial.suggest_float("alpha", 0.3, 60, log=True),
        iterations=trial.suggest_int("iterations", 5, 25),
        num_threads=1,
        random_state=seed,
    )
    model.fit(weigh(train), show_progress=False)

    def apply(profiles: sparse.csr_matrix) -> np.ndarray:
        users = model.recalculate_user(np.arange(profiles.shape[0]), profiles)
        return users @ model.item_factors.T

    return Linear(weigh, apply)


def bpr(trial: optuna.Trial, train: Interactions, given: Interactions, seed: int) -> KnownUsers:
    weigh = suggest_feed(trial)
    model = BayesianPersonalizedRanking(
        factors=trial.suggest_int("factors", 16, 256, log=True),
        learning_rate=trial.suggest_float("learning_rate", 3e-3, 0.2, log=True),
        regularization=trial.suggest_float("regularization", 1e-4, 0.1, log=True),
        iterations=trial.suggest_int("iterations", 30, 200, log=True),
        num_threads=1,
        random_state=seed,
    )
    model.fit(sparse.vstack([weigh(given), weigh(train)]).tocsr(), show_progress=False)
    return KnownUsers(given, model.user_factors[: given.shape[0]], model.item_factors)


def item_item(trial: optuna.Trial, train: Interactions, given: Interactions, seed: int) -> Linear:
    weigh = suggest_feed(trial)
    kind = trial.suggest_categorical("kind", ["cosine", "tf-idf", "bm25"])
    neighbours = trial.suggest_int("K", 10, 500, log=True)
    if kind == "bm25":
        k1, b = trial.suggest_float("K1", 0.1, 200, log=True), trial.suggest_float("B", 0, 1)
        model = BM25Recommender(neighbours, K1=k1, B=b, num_threads=1)
    else:
        model = {"cosine": CosineRecommender, "tf-idf": TFIDFRecommender}[kind](
            neighbours, num_threads=1
        )
    model.fit(weigh(train), show_progress=False)
    return Linear(weigh, lambda profiles: (profiles @ model.similarity).toarray())


PEERS = {
    "RecTools EASE": ease,
    "RecTools PureSVD": pure_svd,
    "implicit ALS": als,
    "implicit BPR": bpr,
    "implicit item-item": item_item,
}

CLOSED_FORMS = {"RecTools EASE", "implicit item-item"}
"""Peers without any randomness: one fit serves every seed."""


def load(folder: Path, role: str) -> dict[int, tuple[Interactions, Interactions]]:
    """Return (given, hidden) by draw."""
    seeds = sorted(int(file.name.split("-")[1]) for file in folder.glob(f"{role}-*-given.npz"))
    return {
        seed: tuple(
            Interactions.load(folder / f"{role}-{seed}-{part}.npz") for part in ("given", "hidden")
        )
        for seed in seeds
    }


def measured(model: object, given: Interactions, hidden: Interactions) -> dict[str, float]:
    """Return NDCG@10 of both targets and coverage@20."""
    return evaluation.headline(
        evaluation.evaluate({"it": model}, given, hidden, ks=(10, 20), n_bootstrap=2)
    )["it"]


def mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return pd.DataFrame(rows).mean().round(4).to_dict()


def fitted_and_measured(
    name: str, trial: optuna.Trial, train: Interactions, draws: dict, fit_once: bool
) -> dict[str, float]:
    """Return the mean over ``draws`` of a model fitted for each, or once and measured on each."""
    rows, model = [], None
    for seed, (given, hidden) in draws.items():
        if model is None or not fit_once:
            model = PEERS[name](trial, train, given, seed)
            model.popularity_ = train.matrix().sum(axis=0) / train.shape[0]
        rows.append(measured(model, given, hidden))
    return mean(rows)


def search(
    name: str, train: Interactions, validation: dict, trials: int, seconds: float
) -> optuna.Study:
    """Search a peer's settings for both targets at once."""
    # BPR is trained on what the users are given: one fit serves one draw.
    draws = dict(list(validation.items())[:1]) if name == "implicit BPR" else validation

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        found = fitted_and_measured(name, trial, train, draws, fit_once=True)
        return tuple(found[f"NDCG@10 {target}"] for target in TARGETS)

    study = optuna.create_study(
        directions=["maximize", "maximize"],
        sampler=optuna.samplers.TPESampler(seed=0, multivariate=True, group=True),
    )
    study.enqueue_trial({"feed": "binary"})  # as most people run it
    study.optimize(objective, n_trials=trials, timeout=seconds)
    return study


def main(folder: Path, out: Path, trials: int = 40, seconds: float = 900.0) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    train = Interactions.load(folder / "train.npz")
    validation, test = load(folder, "validation"), load(folder, "test")
    results = json.loads(out.read_text()) if out.is_file() else {}
    for name in PEERS:
        if name in results:
            continue
        start = time.perf_counter()
        study = search(name, train, validation, trials, seconds)
        results[name] = {
            "trials": len(study.trials),
            "tuning_seconds": round(time.perf_counter() - start),
        }
        for position, target in enumerate(TARGETS):
            best = max(study.best_trials, key=lambda t: t.values[position])  # noqa: PD011
            start = time.perf_counter()
            settings = optuna.trial.FixedTrial(best.params)
            found = fitted_and_measured(name, settings, train, test, name in CLOSED_FORMS)
            results[name][f"tuned for {target}"] = {
                "settings": best.params,
                "validation": best.values[position],  # noqa: PD011
                "test": found,
                "seconds": round(time.perf_counter() - start, 1),
            }
        out.write_text(json.dumps(results, indent=2) + "\n")
        print(name, json.dumps(results[name]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
