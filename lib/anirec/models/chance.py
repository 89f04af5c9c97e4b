"""The chance that somebody who watches an anime likes it, learned beside the ranker."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from anirec.files import write_arrays, written_whole
from anirec.models.base import incomplete
from anirec.models.ranker import MAX_BIN, Sample, xgboost_alone

PARAMETERS = {
    "objective": "binary:logistic",
    "eta": 0.1,
    "max_depth": 4,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5,
    "tree_method": "hist",
    "max_bin": MAX_BIN,
}
N_ROUNDS = 80

ASIDE = 4
"""One in so many people is kept aside, to calibrate by."""

MIN_ENTRIES = 200
"""Entries watched, of people kept aside, that a calibration takes at least."""

MODEL, CURVES = "chance.ubj", "chance.npz"

ENTRIES = "person: entries"
"""The feature that tells how many entries the list has."""

FEW = 10
"""Lists of so many entries at most are calibrated by their like."""


class Chance:
    """A calibrated chance: trees (XGBoost, logistic loss) on what the ranker is told, then isotonic
    regression on people kept aside (Zadrozny and Elkan, KDD 2002).

    It answers: of people with such a list who watched it, which share liked it? Who gave no score
    did not say so.

    Parameters
    ----------
    booster : the trees.
    curves : for few entries and for many, float64 (2, n): what the trees say, ascending, and which
        share liked it then.
    entries : the position of the feature that tells how many entries the list has.
    """

    def __init__(self, booster, curves: tuple[np.ndarray, np.ndarray], entries: int) -> None:
        self._booster, self._curves, self._entries = booster, curves, entries
        booster.set_param({"nthread": 1})

    @classmethod
    def learn(cls, sample: Sample, n_threads: int, seed: int) -> Self | None:
        """Learn from what the ranker learned from; None where too little was watched or
        liked, or the features do not tell how long a list is."""
        from sklearn.isotonic import IsotonicRegression

        if ENTRIES not in sample.names:
            return None
        watched = sample.relevance > 0
        liked = sample.relevance[watched] > 1
        people = np.repeat(sample.people, sample.sizes)[watched]
        aside = people % ASIDE == 0
        if aside.sum() < MIN_ENTRIES or not 0 < liked[~aside].mean() < 1 or not liked[aside].any():
            return None
        xgboost = xgboost_alone()
        features = sample.features[watched]
        matrix = xgboost.QuantileDMatrix(
            features[~aside], label=liked[~aside], max_bin=MAX_BIN, nthread=n_threads
        )
        booster = xgboost.train(
            PARAMETERS | {"nthread": n_threads, "seed": seed}, matrix, num_boost_round=N_ROUNDS
        )
        entries = sample.names.index(ENTRIES)
        said, came_true = booster.inplace_predict(features[aside]), liked[aside]
        few = features[aside, entries] <= FEW
        curves = []
        for these in (few, ~few):
            # Where there are none of the one kind, the other tells.
            these = these if these.any() else ~these
            isotonic = IsotonicRegression(out_of_bounds="clip").fit(said[these], came_true[these])
            curves.append(np.stack([isotonic.X_thresholds_, isotonic.y_thresholds_]))
        return cls(booster, tuple(curves), entries)

    def of(self, features: np.ndarray) -> np.ndarray:
        """Return the chance for each row of features, float32 (n,)."""
        said = self._booster.inplace_predict(features)
        few, many = (np.interp(said, *curve) for curve in self._curves)
        return np.where(features[:, self._entries] <= FEW, few, many).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write to a folder."""
        few, many = self._curves
        write_arrays(folder / CURVES, few=few, many=many, entries=np.array(self._entries))
        with written_whole(folder / MODEL) as beside:
            beside.write_bytes(self._booster.save_raw("ubj"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises InputError if it is missing."""
        for name in (MODEL, CURVES):
            if not (folder / name).is_file():
                raise incomplete(folder / name)
        booster = xgboost_alone().Booster(model_file=bytearray((folder / MODEL).read_bytes()))
        with np.load(folder / CURVES, allow_pickle=False) as kept:
            return cls(booster, (kept["few"], kept["many"]), int(kept["entries"]))
