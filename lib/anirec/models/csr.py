"""What the models do with CSR matrices beyond SciPy: parts looked up, the strongest entries."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import sparse

PRUNE_BLOCK = 512
"""Columns pruned at once."""


def entries_of(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where some rows' entries lie in a CSR matrix, and which of ``rows`` each is of."""
    lengths = indptr[rows + 1] - indptr[rows]
    owner = np.repeat(np.arange(len(rows)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + (indptr[rows] - before)[owner], owner


def block(matrix: sparse.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return ``matrix[rows][:, columns]``, float32 (len(rows), len(columns)), dense.

    By a pass over the rows: many columns, each once.
    """
    place = np.full(matrix.shape[1], -1, dtype=np.int32)
    place[columns] = np.arange(len(columns))
    at, owner = entries_of(matrix.indptr, rows)
    places = place[matrix.indices[at]]
    wanted = np.flatnonzero(places >= 0)
    result = np.zeros((len(rows), len(columns)), dtype=np.float32)
    result[owner[wanted], places[wanted]] = matrix.data[at[wanted]]
    return result


def block_of_columns(matrix: sparse.csc_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return what `block` does, of a matrix that is kept by column: by a pass over the columns."""
    place = np.full(matrix.shape[0], -1, dtype=np.int32)
    place[rows] = np.arange(len(rows))
    some = matrix[:, columns]
    places = place[some.indices]
    wanted = np.flatnonzero(places >= 0)
    owner = np.repeat(np.arange(len(columns)), np.diff(some.indptr))[wanted]
    result = np.zeros((len(rows), len(columns)), dtype=np.float32)
    result[places[wanted], owner] = some.data[wanted]
    return result


def entries_at(matrix: sparse.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return ``matrix[rows][:, columns]``, dense, by bisection: few columns of long rows.

    The matrix's indices ascend within each row, as those of `strongest` do.
    """
    if not matrix.nnz:
        return np.zeros((len(rows), len(columns)), dtype=np.float32)
    low = np.repeat(matrix.indptr[rows][:, None], len(columns), axis=1).astype(np.int64)
    end = np.broadcast_to(matrix.indptr[rows + 1][:, None], low.shape).astype(np.int64)
    high, last = end, matrix.nnz - 1
    while (low < high).any():
        middle = (low + high) // 2
        less = (matrix.indices[np.minimum(middle, last)] < columns) & (low < high)
        low, high = np.where(less, middle + 1, low), np.where(less, high, middle)
    at = np.minimum(low, last)
    found = (low < end) & (matrix.indices[at] == columns)
    return np.where(found, matrix.data[at], 0).astype(np.float32)


def keep_greatest(block: np.ndarray, k: int, strength: np.ndarray) -> None:
    """Set all but the ``k`` entries of greatest ``strength`` in each row to zero, in place."""
    if k < block.shape[1]:
        weak = np.argpartition(-strength, k, axis=1)[:, k:]
        np.put_along_axis(block, weak, 0, axis=1)


def strongest(
    weights: np.ndarray | sparse.csr_array, k: int, importance: np.ndarray
) -> sparse.csr_array:
    """Return the ``k`` entries of each column greatest in size times their row's importance."""
    n = weights.shape[1]
    by_column = weights.tocsc() if sparse.issparse(weights) else weights
    blocks = []
    for start in range(0, n, PRUNE_BLOCK):
        block = by_column[:, start : start + PRUNE_BLOCK]
        block = np.ascontiguousarray((block.toarray() if sparse.issparse(block) else block).T)
        keep_greatest(block, k, np.abs(block) * importance)
        blocks.append(sparse.csr_array(block))
    pruned = sparse.vstack(blocks, format="csr").T.tocsr()
    return sparse.csr_array(
        (pruned.data, pruned.indices.astype(np.int32), pruned.indptr.astype(np.int32)),
        shape=pruned.shape,
    )


def changed_columns(
    old: sparse.csr_array, new: sparse.csr_array
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return the columns that only the old matrix has, and those that only the new one has."""
    contents = []
    for matrix in (old.tocsc(), new.tocsc()):
        matrix.sort_indices()
        bounds = zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)
        contents.append(
            [
                matrix.indices[start:stop].tobytes() + matrix.data[start:stop].tobytes()
                for start, stop in bounds
            ]
        )
    before, after = (Counter(content) for content in contents)
    gone, come = before - after, after - before
    return old[:, _places(contents[0], gone)], new[:, _places(contents[1], come)]


def _places(contents: list[bytes], wanted: Counter[bytes]) -> list[int]:
    """Return where the contents wanted are, each as often as it is wanted."""
    left, places = wanted.copy(), []
    for place, content in enumerate(contents):
        if left[content] > 0:
            left[content] -= 1
            places.append(place)
    return places
