"""ItemKNN: neighbours by cosine."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions
from anirec.models.csr import keep_greatest
from anirec.models.item_item import ItemItem

BLOCK = 1024
"""Anime whose neighbours are sought at once."""


class ItemKNN(ItemItem):
    """Item-based nearest neighbours (Deshpande and Karypis, "Item-Based Top-N Recommendation
    Algorithms", TOIS 2004) on binary lists, with shrunk cosine similarity.

    ``s_ij = n_ij / (√(n_i n_j) + shrinkage)``, ``n_ij`` the lists that have both; an anime's score
    is the sum of its similarities to those of its ``k`` nearest neighbours that are on the list.

    Parameters
    ----------
    k : neighbours kept per anime.
    shrinkage : added to the denominator, in lists: what few lists say counts less.

    Attributes
    ----------
    weights_ : CSR float32 (n_anime, n_anime), the similarities kept; column i holds i's neighbours.
    """

    NAME = "item-knn"

    def __init__(self, k: int = 100, shrinkage: float = 20.0) -> None:
        self.k = k
        self.shrinkage = shrinkage

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        lists = train.matrix()
        columns = lists.tocsc()
        roots = np.sqrt(np.bincount(train.indices, minlength=train.shape[1])).astype(np.float32)
        blocks = []
        for start in range(0, train.shape[1], BLOCK):
            block = (columns[:, start : start + BLOCK].T @ lists).toarray()
            here = np.arange(len(block))
            block[here, start + here] = 0
            block /= roots[start : start + BLOCK, None] * roots + max(self.shrinkage, 1e-9)
            keep_greatest(block, self.k, block)
            blocks.append(sparse.csr_array(block))
        self.weights_ = sparse.vstack(blocks, format="csr").T.tocsr()
