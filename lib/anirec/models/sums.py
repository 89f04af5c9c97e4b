"""What the item-item models sum over lists, a chunk at a time: products of matrices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from anirec.engine import Arrays, Sums
from anirec.interactions import Interactions

GRAM_BLOCK = 1024
"""Rows of the Gram matrix that are added to at once: bounds the sparse product."""

EXACT_COUNT = 2**24
"""Lists up to which float32 counts exactly."""


def add_products(total: np.ndarray, matrix: sparse.csr_array) -> None:
    """Add ``XᵀX`` of a sparse matrix ``X`` (n_users, n) to the upper triangle of ``total``, (n, n).

    A block of rows at a time; what is below the diagonal is not kept up, but for some of it.
    """
    n = matrix.shape[1]
    columns = matrix.tocsc()
    for start in range(0, n, GRAM_BLOCK):
        stop = min(start + GRAM_BLOCK, n)
        product = columns[:, start:stop].T @ columns[:, start:].tocsr()
        total[start:stop, start:] += product.toarray()


def mirrored(total: np.ndarray) -> np.ndarray:
    """Copy the upper triangle to the lower one in place; return the matrix in Fortran order."""
    n = len(total)
    for start in range(0, n, GRAM_BLOCK):
        stop = min(start + GRAM_BLOCK, n)
        total[stop:, start:stop] = total[start:stop, stop:].T
    return total.T


class GramSums(Sums):
    """The Gram matrix ``ZᵀZ`` of lists with values: one accumulator, whatever their number.

    Its sums are ``gram``, of which only the upper triangle holds (see `mirrored`), and ``squares``,
    float64 (n,), the diagonal.

    Parameters
    ----------
    n_anime : columns of the lists.
    values : tells what each entry of a chunk counts, float32 (nnz,); 1 by default.
    columns : bool (n_anime,), the anime taken part; all by default.
    n_users : lists there are: beyond `EXACT_COUNT` they are counted in float64.
    """

    WHAT = "Gram matrix"

    def __init__(
        self,
        n_anime: int,
        values: Callable[[Interactions], np.ndarray] | None = None,
        columns: np.ndarray | None = None,
        n_users: int = 0,
    ) -> None:
        self.values = values
        self.columns = np.ones(n_anime, dtype=bool) if columns is None else columns
        whole = values is None and n_users > EXACT_COUNT
        self.dtype = np.dtype(np.float64 if whole else np.float32)

    def start(self) -> Arrays:
        """See `Sums.start`."""
        n = int(self.columns.sum())
        return {"gram": np.zeros((n, n), self.dtype), "squares": np.zeros(n)}

    def add(self, sums: Arrays, chunk: Interactions) -> None:
        """See `Sums.add`."""
        matrix = chunk.matrix(1.0 if self.values is None else self.values(chunk))
        if not self.columns.all():
            matrix = matrix[:, self.columns]
        add_products(sums["gram"], matrix)
        squared = matrix.data.astype(np.float64) ** 2
        sums["squares"] += np.bincount(matrix.indices, squared, matrix.shape[1])


class ProjectedSums(Sums):
    """``XᵀX B`` of the binary lists ``X`` and a basis ``B``, float32 (n_anime, n): ``product``."""

    WHAT = "latent factors"

    def __init__(self, basis: np.ndarray) -> None:
        self.basis = basis

    def start(self) -> Arrays:
        """See `Sums.start`."""
        return {"product": np.zeros(self.basis.shape)}

    def add(self, sums: Arrays, chunk: Interactions) -> None:
        """See `Sums.add`."""
        lists = chunk.matrix()
        sums["product"] += lists.T @ (lists @ self.basis)
