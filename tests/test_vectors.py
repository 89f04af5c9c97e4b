"""Rows at length one, dense and sparse."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from anirec.vectors import unit_rows


def test_rows_get_length_one_and_zeros_stay() -> None:
    vectors = np.array([[3, 4, 0], [0, 0, 0], [0, 0, -2]], dtype=np.float32)
    expected = np.array([[0.6, 0.8, 0], [0, 0, 0], [0, 0, -1]], dtype=np.float32)
    dense, rows = unit_rows(vectors), unit_rows(sparse.csr_array(vectors))
    np.testing.assert_allclose(dense, expected)
    np.testing.assert_allclose(rows.toarray(), expected)
    assert dense.dtype == rows.dtype == np.float32
