"""How good recommendations are: ranking and rating metrics, and the table that compares models."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from anirec.config import InputError
from anirec.features import ItemFeatures
from anirec.interactions import Interactions
from anirec.models import Model, RatingNet

LIKED_FROM = 8
"""A held-out rating of at least this counts as liked."""

BATCH = 256
"""Users scored at once: bounds memory at BATCH × n_anime float32."""


def ndcg_at(hits: np.ndarray, n_relevant: np.ndarray, k: int) -> np.ndarray:
    """Return NDCG@k per user (Järvelin and Kekäläinen 2002, binary gains).

    Parameters
    ----------
    hits : bool (n_users, at least k), whether the anime at each rank is relevant.
    n_relevant : int (n_users,), relevant anime in all; the ideal is over min(k, n_relevant).
    k : ranks counted.

    Returns
    -------
    float64 (n_users,); NaN where nothing is relevant.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0], np.cumsum(discounts)])[np.minimum(n_relevant, k)]
    with np.errstate(invalid="ignore", divide="ignore"):
        gains = hits[:, :k] @ discounts[: hits.shape[1]]
        return np.where(n_relevant > 0, gains / ideal, np.nan)


def recall_at(hits: np.ndarray, n_relevant: np.ndarray, k: int) -> np.ndarray:
    """Return Recall@k per user: hits among the first k over all relevant; NaN where none is."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n_relevant > 0, hits[:, :k].sum(axis=1) / n_relevant, np.nan)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "ndcg": ndcg_at,
    "recall": recall_at,
}


def top_ranked(scores: np.ndarray, given: Interactions, k: int) -> np.ndarray:
    """Return the columns of the k best anime not on the given lists, best first, (n_users, k).

    ``scores`` is changed in place: what is on the list gets minus infinity, and comes last where
    fewer than k anime are left. Ties go to the lower column.
    """
    scores[given.rows, given.indices] = -np.inf
    k = min(k, scores.shape[1])
    kth_best = np.partition(scores, -k, axis=1)[:, -k]
    ranked = np.empty((len(scores), k), dtype=np.int64)
    for row, (values, least) in enumerate(zip(scores, kth_best, strict=True)):
        # All that tie for the last place take part, so that the lower column wins it.
        able = np.flatnonzero(values >= least)
        ranked[row] = able[np.argsort(-values[able], kind="stable")[:k]]
    return ranked


def per_user(
    model: Model, given: Interactions, hidden: Interactions, ks: tuple[int, ...] = (10, 20)
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rank for each user what was hidden, and measure it.

    Returns
    -------
    frame with ``row``, ``target`` (watched, liked), ``metric``, ``k``, ``value`` (NaN where the
    user has nothing relevant), and the columns ranked, (n_users, max(ks)).

    Raises
    ------
    InputError
        If there is no user to judge by.
    """
    if not given.shape[0]:
        raise InputError("there are no held-out users to judge by: too few lists are long enough")
    depth = max(ks)
    relevant = {
        "watched": hidden.matrix(),
        "liked": hidden.entries(np.nan_to_num(hidden.ratings) >= LIKED_FROM).matrix(),
    }
    ranked, parts = [], []
    for start in range(0, given.shape[0], BATCH):
        rows = np.arange(start, min(start + BATCH, given.shape[0]))
        profiles = given.users(rows)
        best = top_ranked(np.array(model.score(profiles)), profiles, depth)
        ranked.append(best)
        for target, matrix in relevant.items():
            wanted = matrix[rows].toarray() > 0
            hits, n_relevant = np.take_along_axis(wanted, best, axis=1), wanted.sum(axis=1)
            for metric, measure in METRICS.items():
                for k in ks:
                    values = measure(hits, n_relevant, k)
                    parts.append(
                        pd.DataFrame(
                            {
                                "row": rows,
                                "target": target,
                                "metric": metric,
                                "k": k,
                                "value": values,
                            }
                        )
                    )
    return pd.concat(parts, ignore_index=True), np.vstack(ranked)


def evaluate(
    models: Mapping[str, Model],
    given: Interactions,
    hidden: Interactions,
    ks: tuple[int, ...] = (10, 20),
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare fitted models on held-out users.

    Returns
    -------
    pandas.DataFrame
        One row per ``model``, ``target``, ``metric`` and ``k``: the mean ``value`` over users who
        have something relevant, the ``low`` and ``high`` ends of its 95 % bootstrap interval, and
        the number of ``users``. ``coverage`` is the share of all anime that somebody is shown.
    """
    rows = []
    for name, model in models.items():
        values, ranked = per_user(model, given, hidden, ks)
        for (target, metric, k), group in values.groupby(["target", "metric", "k"], sort=False):
            measured = group["value"].dropna().to_numpy()
            low, high = bootstrap_interval(measured, n_bootstrap, seed)
            mean = measured.mean() if len(measured) else np.nan
            rows.append((name, target, metric, k, mean, low, high, len(measured)))
        for k in ks:
            share = len(np.unique(ranked[:, :k])) / given.shape[1]
            rows.append((name, "any", "coverage", k, share, np.nan, np.nan, given.shape[0]))
    columns = ["model", "target", "metric", "k", "value", "low", "high", "users"]
    return pd.DataFrame(rows, columns=columns)


def bootstrap_interval(values: np.ndarray, n: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean; NaN where there is no value."""
    if not len(values):
        return np.nan, np.nan
    draws = np.random.default_rng(seed).integers(0, len(values), size=(n, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def headline(comparison: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return per model the metrics shown first: NDCG@10 of both targets, Recall@20, coverage."""
    names = {
        ("watched", "ndcg", 10): "NDCG@10 watched",
        ("liked", "ndcg", 10): "NDCG@10 liked",
        ("watched", "recall", 20): "Recall@20 watched",
        ("any", "coverage", 20): "Coverage@20",
    }
    result: dict[str, dict[str, float]] = {}
    for row in comparison.itertuples():
        name = names.get((row.target, row.metric, row.k))
        if name:
            result.setdefault(row.model, {})[name] = round(float(row.value), 4)
    return result


def comparison_sentence(comparison: pd.DataFrame) -> str:
    """Return a sentence that names the best model on NDCG@10 and how far it is ahead."""
    watched = comparison.query("target == 'watched' and metric == 'ndcg' and k == 10")
    values = watched.set_index("model")["value"].sort_values(ascending=False)
    best, value = values.index[0], values.iloc[0]
    text = f"Best at finding what people watched is {best} with NDCG@10 {value:.3f}"
    if "popularity" in values and best != "popularity":
        base = values["popularity"]
        text += f", {value / base:.1f} times popularity's {base:.3f}"
    return f"{text}."


def fit_timed(
    models: Mapping[str, Model], train: Interactions, features: ItemFeatures
) -> dict[str, float]:
    """Fit models in place; return the seconds each took."""
    seconds = {}
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(train, features=features)
        seconds[name] = time.perf_counter() - start
    return seconds


def rating_split(
    everyone: Interactions, hidden_fraction: float = 0.2, seed: int = 0
) -> tuple[Interactions, Interactions]:
    """Hide scored entries at random: the second protocol, for predicted ratings.

    Returns
    -------
    the entries shown (with those that carry no score) and those hidden, of the same users.
    """
    hidden = np.random.default_rng(seed).random(everyone.nnz) < hidden_fraction
    hidden &= everyone.scored
    return everyone.entries(~hidden), everyone.entries(hidden)


def rating_errors(
    everyone: Interactions, model: RatingNet, hidden_fraction: float = 0.2, seed: int = 0
) -> pd.DataFrame:
    """Hide scored entries at random, fit ``model`` on the rest, and compare it with the baseline.

    Returns
    -------
    pandas.DataFrame
        ``model`` (the model's name; ``bias baseline``), ``rmse`` and ``mae`` in rating points, and
        the number of ``ratings`` predicted.

    Raises
    ------
    InputError
        If there is no score to hide.
    """
    shown, hidden = rating_split(everyone, hidden_fraction, seed)
    if not hidden.nnz:
        raise InputError("there are no scored entries to hide: predicted ratings cannot be judged")
    model.fit(shown)
    predictions = {model.NAME: model.predict(hidden), "bias baseline": bias_baseline(shown, hidden)}
    rows = [
        (name, rmse(predicted, hidden.ratings), mae(predicted, hidden.ratings), hidden.nnz)
        for name, predicted in predictions.items()
    ]
    return pd.DataFrame(rows, columns=["model", "rmse", "mae", "ratings"])


def bias_baseline(shown: Interactions, hidden: Interactions, shrinkage: float = 5.0) -> np.ndarray:
    """Predict ``mean + b_anime + b_user``, float32 (hidden.nnz,), within the range of those shown.

    The anime's mean deviation from the mean is taken first, then the user's from both, each shrunk
    as ``sum / (count + shrinkage)`` (Koren, "Factor in the neighbors", 2010, section 2.1).
    """
    scored = shown.scored
    rows, columns, ratings = shown.rows[scored], shown.indices[scored], shown.ratings[scored]
    mean = ratings.mean(dtype=np.float64)
    n_users, n_anime = shown.shape
    left = ratings - mean
    anime = np.bincount(columns, left, n_anime) / (
        np.bincount(columns, minlength=n_anime) + shrinkage
    )
    left = left - anime[columns]
    user = np.bincount(rows, left, n_users) / (np.bincount(rows, minlength=n_users) + shrinkage)
    expected = mean + anime[hidden.indices] + user[hidden.rows]
    return np.clip(expected, ratings.min(), ratings.max()).astype(np.float32)


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Return the root mean squared error, in rating points."""
    return float(np.sqrt(np.mean((predicted.astype(np.float64) - actual) ** 2)))


def mae(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Return the mean absolute error, in rating points."""
    return float(np.abs(predicted.astype(np.float64) - actual).mean())
