"""PureSVD: the lists' leading singular vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse.linalg import svds

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models.base import Ability, Model
from anirec.vectors import unit_rows


class PureSVD(Model):
    """PureSVD (Cremonesi et al., "Performance of Recommender Algorithms on Top-N Recommendation
    Tasks", RecSys 2010) on binary lists.

    With ``V`` the leading right singular vectors of the lists ``X``, scores are ``X V Vᵀ``.

    Parameters
    ----------
    n_factors : singular vectors kept, at most one less than there are users and anime.

    Attributes
    ----------
    factors_ : float32 (n_anime, n_factors), ``V``.
    """

    NAME = "pure-svd"
    CAN = frozenset({Ability.SIMILAR})
    ARRAYS = ("factors_",)

    def __init__(self, n_factors: int = 64) -> None:
        self.n_factors = n_factors

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        n_factors = min(self.n_factors, min(train.shape) - 1)
        if n_factors < 1:
            raise InputError("PureSVD needs at least two users and two anime")
        # The starting vector is fixed: ARPACK would draw one.
        start = np.full(min(train.shape), min(train.shape) ** -0.5, dtype=np.float32)
        factors = svds(train.matrix(), k=n_factors, v0=start, return_singular_vectors="vh")[2]
        self.factors_ = np.ascontiguousarray(factors[::-1].T, dtype=np.float32)

    def _score(self, profiles: Interactions) -> np.ndarray:
        return (profiles.matrix() @ self.factors_) @ self.factors_.T

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime whose factors point the same way: ``anime_id``, ``similarity``."""
        column = self.column(anime_id)
        factors = unit_rows(self.factors_)
        return self._neighbours(factors @ factors[column], column, k)
