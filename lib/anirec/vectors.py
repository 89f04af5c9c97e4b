"""Vectors in rows, dense or sparse."""

from __future__ import annotations

from typing import overload

import numpy as np
from scipy import sparse

LEAST = 1e-12
"""The least length that a row is divided by."""


@overload
def unit_rows(vectors: np.ndarray) -> np.ndarray: ...
@overload
def unit_rows(vectors: sparse.csr_array) -> sparse.csr_array: ...
def unit_rows(vectors: np.ndarray | sparse.csr_array) -> np.ndarray | sparse.csr_array:
    """Return the rows at length one, of the same shape and type; rows of zeros stay."""
    if isinstance(vectors, np.ndarray):
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), LEAST)
    lengths = np.sqrt(np.asarray(vectors.power(2).sum(axis=1)))
    scale = (1 / np.maximum(lengths, LEAST)).astype(vectors.dtype)
    return sparse.csr_array(sparse.diags_array(scale) @ vectors)
