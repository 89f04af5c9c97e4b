"""ItemKNN: neighbours by cosine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.files import write_array
from anirec.models.base import incomplete
from anirec.models.csr import block, entries_of, keep_greatest
from anirec.models.item_item import ItemItem
from anirec.models.sums import GramSums, mirrored
from anirec.partitions import Lists

COMPANY = ("company_data_.npy", "company_indices_.npy", "company_indptr_.npy")

FEW_LISTS = 3.0
"""Lists' worth by which shares of lists are shrunk to none."""

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
    n_company : for each anime as many more that are most often on the same lists are kept, for
        `company` and `together`; none by default.

    Attributes
    ----------
    weights_ : CSR float32 (n_anime, n_anime), the similarities kept; column i holds i's neighbours.
    company_ : CSR float32 (n_anime, n_anime), ``n_ij`` of the company kept; row i holds i's.
    counts_ : int64 (n_anime,), lists that have each anime.
    n_lists_ : int64 (1,), lists learned from.
    """

    NAME = "item-knn"
    IN_PARTS = True
    FORMAT = 2
    ARRAYS = ("counts_", "n_lists_")

    company_: sparse.csr_array

    def __init__(self, k: int = 100, shrinkage: float = 20.0, n_company: int = 0) -> None:
        self.k = k
        self.shrinkage = shrinkage
        self.n_company = n_company

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        self.counts_ = train.figures.counts
        self.n_lists_ = np.array([train.shape[0]])
        together = mirrored(train.total(GramSums(train.shape[1], n_users=train.shape[0]))["gram"])
        roots = np.sqrt(self.counts_).astype(np.float32)
        blocks, company = [], []
        for start in range(0, train.shape[1], BLOCK):
            both = np.array(together.T[start : start + BLOCK], dtype=np.float32)
            here = np.arange(len(both))
            both[here, start + here] = 0
            if self.n_company:
                kept = both.copy()
                keep_greatest(kept, self.n_company, kept)
                company.append(sparse.csr_array(kept))
            both /= roots[start : start + BLOCK, None] * roots + max(self.shrinkage, 1e-9)
            keep_greatest(both, self.k, both)
            blocks.append(sparse.csr_array(both))
        self.weights_ = sparse.vstack(blocks, format="csr").T.tocsr()
        if self.n_company:
            self.company_ = sparse.vstack(company, format="csr")

    def company(self, entries: np.ndarray) -> np.ndarray:
        """Return which share of the lists with an entry has each anime, the mean over the entries.

        float32 (n_anime,); 0 where it is not in their company, of which none is kept if
        ``n_company`` is 0.
        """
        if not self.n_company:
            return np.zeros(len(self.counts_), dtype=np.float32)
        at, owner = entries_of(self.company_.indptr, entries)
        shares = self.company_.data[at] / (self.counts_[entries] + FEW_LISTS)[owner]
        total = np.bincount(self.company_.indices[at], shares, self.company_.shape[1])
        return (total / len(entries)).astype(np.float32)

    def together(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return how many lists have both anime, float32 (len(rows), len(columns)).

        0 where the one is neither a near neighbour of the other nor in its company.
        """
        scale = np.sqrt(np.outer(self.counts_[rows], self.counts_[columns])) + self.shrinkage
        both = self.weights_between(rows, columns) * scale.astype(np.float32)
        return np.maximum(both, block(self.company_, rows, columns)) if self.n_company else both

    def _save_more(self, folder: Path) -> None:
        super()._save_more(folder)
        if self.n_company:
            for name, part in zip(COMPANY, ("data", "indices", "indptr"), strict=True):
                write_array(folder / name, getattr(self.company_, part))

    def _load_more(self, folder: Path) -> None:
        super()._load_more(folder)
        if self.n_company:
            for file in COMPANY:
                if not (folder / file).is_file():
                    raise incomplete(folder / file)
            arrays = [np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in COMPANY]
            n = len(self.anime_ids_)
            self.company_ = sparse.csr_array(tuple(arrays), shape=(n, n))
