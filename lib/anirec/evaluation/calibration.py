"""Whether chances hold what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from anirec.evaluation.ranking import rank, was_liked
from anirec.interactions import Interactions, positions
from anirec.metrics import calibration_error
from anirec.models import Model

BEST = 100
"""Only what is among so many best of a person is judged by: what is shown."""


def reliability(
    model: Model, given: Interactions, hidden: Interactions, n_bins: int = 15
) -> tuple[pd.DataFrame, float]:
    """Compare the chances that a model gives to what people watched with what they liked of it.

    By the hidden entries that are among the hundred best; not scored means not liked.

    Returns
    -------
    frame with a row per bin of equally many entries, ``chance`` (its mean), ``liked`` (the share
    that was) and ``entries``; and the expected calibration error, NaN where there is no chance.
    """
    ranked, likes = rank(model, given, BEST), was_liked(hidden, given)
    chances, outcomes = [], []
    for row, shown in enumerate(ranked):
        entries = slice(*hidden.indptr[row : row + 2])
        found, known = positions(hidden.indices[entries], shown)
        told = model.chances(given.users(np.array([row])), shown[known])
        outcomes.append(likes[entries][found[known]])
        chances.append(told)
    chance, outcome = np.concatenate(chances), np.concatenate(outcomes)
    known = ~np.isnan(chance)
    error, bins = calibration_error(chance[known], outcome[known], n_bins)
    return pd.DataFrame(bins, columns=["chance", "liked", "entries"]), error
