"""What the item-item models share: scores that are sums over the profile, and their algebra."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import scipy.linalg
from scipy import sparse

from anirec.config import InputError
from anirec.files import write_array
from anirec.interactions import Interactions
from anirec.models.base import Ability, Model, copied, incomplete
from anirec.models.csr import block, block_of_columns, entries_at, strongest

DENSE = "weights_.npy"
SPARSE = ("weights_data_.npy", "weights_indices_.npy", "weights_indptr_.npy")


class ItemItem(Model):
    """A model that scores with ``V W``, ``V`` the values of the profile's entries.

    Attributes
    ----------
    weights_ : float32 (n_anime, n_anime), ``W``, an array or, once pruned, CSR; row j holds what
        having j says for each anime.
    """

    CAN = frozenset({Ability.SIMILAR, Ability.CONTRIBUTIONS})

    weights_: np.ndarray | sparse.csr_array

    _hastened: tuple[sparse.csr_array, sparse.csc_array] | None = None
    """The weights that `hasten` was called for, and the same by column."""

    def hasten(self) -> None:
        """Keep pruned weights by column too, for very many calls of `weights_between`.

        An anime has few weights, but what many people watch speaks for very many.
        """
        known = self._hastened
        if sparse.issparse(self.weights_) and (known is None or known[0] is not self.weights_):
            self._hastened = self.weights_, self.weights_.tocsc()

    def weights_between(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return what some anime say for others, float32 (len(rows), len(columns)).

        Each of the columns is named once.
        """
        known = self._hastened
        if known is not None and known[0] is self.weights_:
            return block_of_columns(known[1], rows, columns)
        if sparse.issparse(self.weights_):
            return block(self.weights_, rows, columns)
        return np.asarray(self.weights_[np.ix_(rows, columns)])

    def values(self, profiles: Interactions) -> np.ndarray:
        """Return what each entry of the profiles counts, float32 (nnz,)."""
        return np.ones(profiles.nnz, dtype=np.float32)

    def _score(self, profiles: Interactions) -> np.ndarray:
        values = profiles.matrix(self.values(profiles))
        if not sparse.issparse(self.weights_):
            return np.asarray(values @ self.weights_, dtype=np.float32)
        scores = np.zeros(profiles.shape, dtype=np.float32)
        for row in np.flatnonzero(profiles.lengths):
            here = slice(*profiles.indptr[row : row + 2])
            # Much faster than a product of sparse matrices, whose result is nearly dense.
            scores[row] = self.weights_[profiles.indices[here]].T @ values.data[here]
        return scores

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the ``k`` anime that this one speaks most for: ``anime_id``, ``similarity``."""
        column = self.column(anime_id)
        return self._neighbours(self._row(column), column, k)

    def _row(self, column: int) -> np.ndarray:
        """Return row ``column`` of the weights, float32 (n_anime,)."""
        row = self.weights_[[column]]
        return (row.toarray() if sparse.issparse(row) else np.asarray(row))[0]

    def contributions(self, profile: Interactions, columns: np.ndarray) -> np.ndarray:
        """See `Model.contributions`: the terms of the score."""
        if profile.shape[0] != 1:
            raise InputError(f"explain takes one profile, not {profile.shape[0]}: pick one of them")
        if sparse.issparse(self.weights_):
            weights = entries_at(self.weights_, profile.indices, columns)
        else:
            weights = np.asarray(self.weights_[np.ix_(profile.indices, columns)])
        return weights * self.values(profile)[:, None]

    def prune(self, k: int) -> Self:
        """Return a fitted copy that keeps the ``k`` strongest weights per anime scored.

        It scores and loads faster and is smaller, for a slightly different ranking. The strength
        of a weight is its size times the root of the share of lists that have the anime it stands
        for: what it adds to the spread of the scores.

        Raises
        ------
        InputError
            If ``k`` is not positive or the model is not fitted.
        """
        self._check_fitted()
        if k < 1:
            raise InputError(f"prune keeps at least one weight per anime, not {k}")
        pruned = copied(self)
        pruned.weights_ = strongest(self.weights_, k, np.sqrt(self.popularity_))
        return pruned

    def _save_more(self, folder: Path) -> None:
        w = self.weights_
        if sparse.issparse(w):
            arrays = dict(zip(SPARSE, (w.data, w.indices, w.indptr), strict=True))
        else:
            arrays = {DENSE: w}
        for name in {DENSE, *SPARSE} - set(arrays):
            (folder / name).unlink(missing_ok=True)
        for name, array in arrays.items():
            write_array(folder / name, array)

    def _load_more(self, folder: Path) -> None:
        names = SPARSE if (folder / SPARSE[0]).is_file() else (DENSE,)
        arrays = []
        for name in names:
            if not (folder / name).is_file():
                raise incomplete(folder / name)
            arrays.append(np.load(folder / name, mmap_mode="r", allow_pickle=False))
        n = len(self.anime_ids_)
        self.weights_ = (
            sparse.csr_array(tuple(arrays), shape=(n, n)) if len(arrays) > 1 else arrays[0]
        )


def autoencoder(gram: np.ndarray, penalty: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Solve a linear autoencoder with a zero diagonal in closed form (Steck 2019).

    ``P = (G + Λ)⁻¹``, ``W = I − P / diag(P)``.

    Parameters
    ----------
    gram : ``G``, float32 (n, n), Fortran order; overwritten.
    penalty : the diagonal of ``Λ``, (n,) or one number.

    Returns
    -------
    ``W``, float32 (n, n) in C order, and the diagonal of ``P``.

    Raises
    ------
    InputError
        If ``G + Λ`` is not positive definite.
    """
    gram[np.diag_indices_from(gram)] += np.asarray(penalty, dtype=np.float32)
    try:
        # Fortran order lets SciPy factorise and invert in place.
        inverse = scipy.linalg.inv(gram, overwrite_a=True, assume_a="pos", check_finite=False)
    except np.linalg.LinAlgError:
        raise InputError("the Gram matrix is not positive definite: raise l2") from None
    # P is symmetric, so its transpose is P in C order, without a copy.
    weights = inverse.T
    precision = np.diag(weights).copy()
    weights /= -precision
    np.fill_diagonal(weights, 0)
    return weights, precision
