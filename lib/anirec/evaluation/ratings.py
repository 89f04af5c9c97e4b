"""How far expected ratings are off: the protocol of hidden scores, and its baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.metrics import mae, rmse
from anirec.models import RatingNet


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
    everyone: Interactions,
    model: RatingNet,
    hidden_fraction: float = 0.2,
    seed: int = 0,
    features: ItemFeatures | None = None,
) -> pd.DataFrame:
    """Hide scored entries at random, fit ``model`` on the rest, and compare it with the baseline.

    ``features`` are the anime's side information for ``model``, if any.

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
    model.fit(shown, features=features)
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
