"""The learned ranker: XGBoost's LambdaMART, its files and its exact contributions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from anirec.files import written_whole
from anirec.models.base import incomplete
from anirec.models.ranking_features import SEPARATOR
from anirec.progress import Progress, progress

PARAMETERS = {
    "objective": "rank:ndcg",
    "lambdarank_pair_method": "topk",
    "lambdarank_num_pair_per_sample": 20,
    "min_child_weight": 10,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5,
    "tree_method": "hist",
}
"""XGBoost's parameters beyond those of `Ranker.learn`."""

MAX_BIN = 64
"""Bins of a feature in the histograms."""


class Sample(NamedTuple):
    """Lists of candidates to learn to order.

    Attributes
    ----------
    features : float32 (n, n_features).
    relevance : int8 (n,), the greater the better.
    sizes : (n_lists,), candidates per list; they sum to n.
    people : (n_lists,), a number that tells whose each list is.
    names : of the features, ``group: name``.
    """

    features: np.ndarray
    relevance: np.ndarray
    sizes: np.ndarray
    people: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def joined(cls, samples: Sequence[Sample]) -> Sample:
        """Return several samples as one."""
        parts = [np.concatenate(part) for part in zip(*(s[:4] for s in samples), strict=True)]
        return cls(*parts, names=samples[0].names)

    def without(self, groups: Sequence[str]) -> Sample:
        """Return the sample without the features of some groups."""
        kept = [i for i, name in enumerate(self.names) if name.split(SEPARATOR)[0] not in groups]
        names = tuple(self.names[i] for i in kept)
        return self._replace(features=self.features[:, kept], names=names)


class Ranker:
    """Trees that order candidates, of XGBoost.

    Attributes
    ----------
    names : of the features it takes, ``group: name``, in their order.
    """

    def __init__(self, booster) -> None:
        self._booster = booster
        booster.set_param({"nthread": 1})
        self.names = tuple(booster.feature_names)

    @classmethod
    def learn(
        cls,
        sample: Sample,
        n_rounds: int,
        learning_rate: float,
        max_depth: int,
        n_threads: int,
        seed: int,
    ) -> Ranker:
        """Learn to order; the same bits for the same number of threads."""
        xgboost = xgboost_alone()
        matrix = xgboost.QuantileDMatrix(
            sample.features,
            label=sample.relevance,
            qid=np.repeat(np.arange(len(sample.sizes)), sample.sizes),
            feature_names=list(sample.names),
            max_bin=MAX_BIN,
            nthread=n_threads,
        )
        parameters = PARAMETERS | {
            "eta": learning_rate,
            "max_depth": max_depth,
            "max_bin": MAX_BIN,
            "nthread": n_threads,
            "seed": seed,
        }
        with progress("two-stage: learning to rank") as task:
            told = _told(xgboost, task, n_rounds)
            return cls(xgboost.train(parameters, matrix, n_rounds, callbacks=[told]))

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return the score of each row of features, float32 (n,)."""
        return self._booster.inplace_predict(features)

    def contributions(self, features: np.ndarray) -> list[pd.DataFrame]:
        """Return per row what each feature adds to its score; the contributions sum to it.

        They are exact Shapley values (Lundberg et al., "Consistent Individualized Feature
        Attribution for Tree Ensembles", 2018). Frames with ``group``, ``feature``, ``value`` and
        ``contribution``, the greatest in size first; the last row is the constant.
        """
        matrix = xgboost_alone().DMatrix(features, feature_names=list(self.names))
        parts = self._booster.predict(matrix, pred_contribs=True)
        return [self._frame(*row) for row in zip(features, parts, strict=True)]

    def _frame(self, values: np.ndarray, parts: np.ndarray) -> pd.DataFrame:
        groups, names = zip(*(name.split(SEPARATOR) for name in self.names), strict=True)
        frame = pd.DataFrame(
            {"group": groups, "feature": names, "value": values, "contribution": parts[:-1]}
        )
        frame = frame.iloc[np.argsort(-np.abs(parts[:-1]), kind="stable")]
        constant = pd.DataFrame(
            {
                "group": "constant",
                "feature": "constant",
                "value": np.nan,
                "contribution": parts[-1:],
            }
        )
        return pd.concat([frame, constant], ignore_index=True)

    def save(self, file: Path) -> None:
        """Write to a file, in XGBoost's UBJSON."""
        with written_whole(file) as beside:
            beside.write_bytes(self._booster.save_raw("ubj"))

    @classmethod
    def load(cls, file: Path) -> Ranker:
        """Read what `save` wrote. Raises InputError if it is missing."""
        if not file.is_file():
            raise incomplete(file)
        return cls(xgboost_alone().Booster(model_file=bytearray(file.read_bytes())))


def _told(xgboost, task: Progress, n_rounds: int):
    """Return a callback that tells how many trees of all are learned."""

    class Told(xgboost.callback.TrainingCallback):
        def after_iteration(self, model, epoch: int, evals_log) -> bool:
            task.at((epoch + 1) / n_rounds, f"tree {epoch + 1} of {n_rounds}")
            return False

    return Told()


def xgboost_alone():
    """Import XGBoost, but not scikit-learn with it: serving needs none of its estimators."""
    if "sklearn" in sys.modules:
        import xgboost
    else:
        sys.modules["sklearn"] = None  # an import of it fails, which XGBoost allows for
        try:
            import xgboost
        finally:
            del sys.modules["sklearn"]
    return xgboost
