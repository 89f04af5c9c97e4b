"""Ranking and rating metrics, over arrays: what is measured, without who is asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from anirec.interactions import Interactions
from anirec.vectors import unit_rows


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


def map_at(hits: np.ndarray, n_relevant: np.ndarray, k: int) -> np.ndarray:
    """Return the average precision at k per user, whose mean is MAP@k; NaN where none is relevant.

    The precision at each hit's rank, summed over min(k, n_relevant); at k = all anime it is the
    area that `sklearn.metrics.average_precision_score` gives.
    """
    hits = hits[:, :k]
    precision = np.cumsum(hits, axis=1) / np.arange(1, hits.shape[1] + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = (precision * hits).sum(axis=1) / np.minimum(n_relevant, k)
    return np.where(n_relevant > 0, average, np.nan)


def mrr_at(hits: np.ndarray, n_relevant: np.ndarray, k: int) -> np.ndarray:
    """Return 1 / rank of the first hit per user, 0 without one among the first k; its mean is MRR.

    NaN where nothing is relevant.
    """
    hits = hits[:, :k]
    first = np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1.0), 0.0)
    return np.where(n_relevant > 0, first, np.nan)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "ndcg": ndcg_at,
    "recall": recall_at,
    "map": map_at,
    "mrr": mrr_at,
}


def novelty_at(ranked: np.ndarray, popularity: np.ndarray, k: int) -> np.ndarray:
    """Return how surprising what is shown is, in bits per anime, (n_users,).

    The mean of ``-log2(share of lists an anime is on)`` over the first k (mean self-information;
    Vargas and Castells 2011). An anime on no list counts as on half as many as the rarest.

    Parameters
    ----------
    ranked : columns shown, best first, (n_users, at least k).
    popularity : (n_anime,), the share of the training lists each anime is on.
    """
    rarest = popularity[popularity > 0].min(initial=1.0)
    return -np.log2(np.maximum(popularity, rarest / 2))[ranked[:, :k]].mean(axis=1)


def popularity_bias_at(
    ranked: np.ndarray, given: Interactions, popularity: np.ndarray, k: int
) -> np.ndarray:
    """Return how much more popular what is shown is than what is on the list given, (n_users,).

    Mean popularity of the first k over that of the list: 1 means as mainstream as the person is (1
    + ΔGAP of Abdollahpouri et al. 2019). NaN where the list is empty.
    """
    on_list = np.bincount(given.rows, popularity[given.indices], given.shape[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        return popularity[ranked[:, :k]].mean(axis=1) / (on_list / given.lengths)


def diversity_at(ranked: np.ndarray, tags: sparse.csr_array, k: int) -> np.ndarray:
    """Return the intra-list diversity per user: the mean of 1 − cosine over pairs of the first k.

    (Ziegler et al. 2005, with tags for topics.) An anime without tags is like no other; NaN where
    fewer than two are shown.

    Parameters
    ----------
    ranked : columns shown, best first, (n_users, at least k).
    tags : (n_anime, n_tags), which tags each anime has.
    """
    ranked = ranked[:, :k]
    n_users, k = ranked.shape
    if k < 2:
        return np.full(n_users, np.nan)
    shown = sparse.csr_array(
        (np.ones(ranked.size), ranked.ravel(), np.arange(0, ranked.size + 1, k)),
        shape=(n_users, tags.shape[0]),
    )
    unit = unit_rows(tags)
    total = ((shown @ unit) ** 2).sum(axis=1)
    alone = shown @ (unit**2).sum(axis=1)
    return 1 - (total - alone) / (k * (k - 1))


def information_at(
    ranked: np.ndarray, given: Interactions, lists: Interactions, k: int
) -> np.ndarray:
    """Return how much what is shown goes with what is on the list given, from -1 to 1, (n_users,).

    The mean normalised pointwise mutual information (Bouma 2009) of each pair of an anime given and
    one of the first k, from how many ``lists`` have the two; -1 where none has both, or the list is
    empty.
    """
    by_anime = lists.matrix().tocsc()
    share = np.bincount(lists.indices, minlength=lists.shape[1]) / lists.shape[0]
    values = np.full(len(ranked), -1.0)
    for row in np.flatnonzero(given.lengths):
        on_list = given.indices[given.indptr[row] : given.indptr[row + 1]]
        shown = ranked[row, :k]
        both = (by_anime[:, on_list].T @ by_anime[:, shown]).toarray() / lists.shape[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            information = np.log(both / np.outer(share[on_list], share[shown])) / -np.log(both)
        # Where all lists have both, it is one by its limit.
        information = np.where(both >= 1, 1.0, information)
        values[row] = np.where(both > 0, information, -1.0).mean()
    return values


def calibration_error(
    chances: np.ndarray, outcomes: np.ndarray, n_bins: int = 15
) -> tuple[float, list[tuple[float, float, int]]]:
    """Return the expected calibration error of chances, and what it is made of.

    Bins hold equally many; the error is the mean distance of a bin's mean chance from the share of
    its outcomes that came true, weighted by size (Naeini et al., AAAI 2015).

    Returns
    -------
    the error, and per bin the mean chance, the share that came true and the size.
    """
    order = np.argsort(chances, kind="stable")
    bins = [
        (float(chances[part].mean()), float(outcomes[part].mean()), len(part))
        for part in np.array_split(order, min(n_bins, max(len(order), 1)))
        if len(part)
    ]
    if not bins:
        return np.nan, bins
    error = sum(abs(chance - share) * size for chance, share, size in bins) / len(order)
    return error, bins


def bootstrap_interval(values: np.ndarray, n: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean; NaN where there is no value."""
    if not len(values):
        return np.nan, np.nan
    draws = np.random.default_rng(seed).integers(0, len(values), size=(n, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Return the root mean squared error, in rating points."""
    return float(np.sqrt(np.mean((predicted.astype(np.float64) - actual) ** 2)))


def mae(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Return the mean absolute error, in rating points."""
    return float(np.abs(predicted.astype(np.float64) - actual).mean())
