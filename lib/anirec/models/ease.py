"""EASE: a linear item-item autoencoder in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.linalg

from anirec.config import InputError
from anirec.features import ItemFeatures
from anirec.interactions import Interactions
from anirec.models.base import Model


class EASE(Model):
    """Embarrassingly shallow autoencoder (Steck, "Embarrassingly Shallow Autoencoders for Sparse
    Data", WWW 2019).

    With the binary lists ``X``: ``P = (XᵀX + λI)⁻¹``, ``W = I − P / diag(P)`` with a zero diagonal,
    scores ``X W``. Each score is a sum over the profile, so `explain` is exact.

    Parameters
    ----------
    l2 : the L2 penalty λ.

    Attributes
    ----------
    weights_ : float32 (n_anime, n_anime), ``W``; row j holds what having j says for each anime.
    """

    NAME = "ease"
    ARRAYS = ("weights_",)

    def __init__(self, l2: float = 100.0) -> None:
        self.l2 = l2

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        lists = train.matrix()
        # Fortran order lets SciPy factorise and invert in place.
        gram = (lists.T @ lists).toarray(order="F")
        gram[np.diag_indices_from(gram)] += np.float32(self.l2)
        inverse = scipy.linalg.inv(gram, overwrite_a=True, assume_a="pos", check_finite=False)
        # P is symmetric, so its transpose is P in C order, without a copy.
        weights = inverse.T
        weights /= -np.diag(weights).copy()
        np.fill_diagonal(weights, 0)
        self.weights_ = weights

    def _score(self, profiles: Interactions) -> np.ndarray:
        return np.asarray(profiles.matrix() @ self.weights_, dtype=np.float32)

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime that this one speaks most for: ``anime_id``, ``similarity``."""
        column = self.column(anime_id)
        return self._neighbours(self.weights_[column], column, k)

    def explain(self, profile: Interactions, anime_id: int) -> pd.DataFrame:
        """Return the terms of one profile's score for an anime; they sum to the score.

        Returns
        -------
        pandas.DataFrame
            ``anime_id`` of each entry of the profile and its ``contribution``.

        Raises
        ------
        InputError
            If there is not exactly one profile or the anime is unknown.
        """
        if profile.shape[0] != 1:
            raise InputError(f"explain takes one profile, not {profile.shape[0]}: pick one of them")
        terms = self.weights_[profile.indices, self.column(anime_id)]
        return pd.DataFrame(
            {"anime_id": self.anime_ids_[profile.indices], "contribution": np.asarray(terms)}
        )
