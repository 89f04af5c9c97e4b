"""PureSVD: the lists' leading singular vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.linalg

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models.base import Ability, Model
from anirec.models.sums import ProjectedSums
from anirec.partitions import Lists
from anirec.vectors import unit_rows

SPARE = 8
"""Vectors more than there are factors in each block of the Krylov space."""

PASSES = 6
"""Passes over the lists, each of which adds a block to the space."""


class PureSVD(Model):
    """PureSVD (Cremonesi et al., "Performance of Recommender Algorithms on Top-N Recommendation
    Tasks", RecSys 2010) on binary lists.

    With ``V`` the leading right singular vectors of the lists ``X``, scores are ``X V Vᵀ``. They
    are found in the Krylov space of ``XᵀX`` and random vectors, with a pass over the lists for each
    power (Musco and Musco, "Randomized Block Krylov Methods for Stronger and Faster Approximate
    Singular Value Decomposition", NeurIPS 2015).

    Parameters
    ----------
    n_factors : singular vectors kept, at most one less than there are users and anime.

    Attributes
    ----------
    factors_ : float32 (n_anime, n_factors), ``V``.
    """

    NAME = "pure-svd"
    IN_PARTS = True
    CAN = frozenset({Ability.SIMILAR})
    ARRAYS = ("factors_",)

    def __init__(self, n_factors: int = 64) -> None:
        self.n_factors = n_factors

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        n_factors = min(self.n_factors, min(train.shape) - 1)
        if n_factors < 1:
            raise InputError("PureSVD needs at least two users and two anime")
        space, product = _krylov(train, n_factors + SPARE)
        _, turned = scipy.linalg.eigh(space.T @ product)
        factors = space @ turned[:, ::-1][:, :n_factors]
        # Either sign will do: the same one each time.
        factors *= np.sign(factors[np.abs(factors).argmax(axis=0), np.arange(n_factors)])
        self.factors_ = np.ascontiguousarray(factors, dtype=np.float32)

    def _score(self, profiles: Interactions) -> np.ndarray:
        return (profiles.matrix() @ self.factors_) @ self.factors_.T

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime whose factors point the same way: ``anime_id``, ``similarity``."""
        column = self.column(anime_id)
        factors = unit_rows(self.factors_)
        return self._neighbours(factors @ factors[column], column, k)


def _krylov(lists: Interactions, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a basis of the space of ``XᵀX`` and random vectors, ``width`` at a time, and ``XᵀX``
    times it, both float64 (n_anime, at most `PASSES` × width)."""
    n = lists.shape[1]
    space, product = np.empty((n, 0)), np.empty((n, 0))
    block = np.random.default_rng(0).standard_normal((n, min(width, n)))
    for _ in range(PASSES):
        for _ in range(2):  # once is not enough where little is left beside the space
            block = np.linalg.qr(block - space @ (space.T @ block))[0]
        times = lists.total(ProjectedSums(block.astype(np.float32)))["product"]
        space, product = np.hstack([space, block]), np.hstack([product, times])
        block = times[:, : n - space.shape[1]]
        if not block.shape[1]:
            break
    return space, product
