"""Parts of CSR matrices looked up, and their strongest entries kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from anirec.models.csr import block, entries_at, strongest


@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 1.0])
def test_entries_are_those_of_the_dense_matrix(density: float) -> None:
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((40, 40)) < density, rng.normal(size=(40, 40)), 0)
    rows, columns = rng.choice(40, 20), rng.choice(40, 9)
    found = entries_at(sparse.csr_array(dense.astype(np.float32)), rows, columns)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, dense.astype(np.float32)[np.ix_(rows, columns)])


def test_strength_is_size_times_importance() -> None:
    weights = np.array([[0, 0.5, -0.2], [0.4, 0, 0.1], [-0.3, 0.6, 0]], dtype=np.float32)
    kept = strongest(weights, 1, np.ones(3))
    np.testing.assert_allclose(kept.toarray(), [[0, 0, -0.2], [0.4, 0, 0], [0, 0.6, 0]])
    kept = strongest(sparse.csr_array(weights), 1, np.array([2.0, 0.1, 1.0]))
    np.testing.assert_allclose(kept.toarray(), [[0, 0.5, -0.2], [0, 0, 0], [-0.3, 0, 0]])


def test_block_of_a_sparse_matrix() -> None:
    weights = sparse.random_array((24, 24), density=0.4, rng=np.random.default_rng(0))
    weights = sparse.csr_array(weights, dtype=np.float32)
    rows, columns = np.array([3, 3, 20]), np.array([23, 0, 7, 11])
    expected = weights.toarray()[np.ix_(rows, columns)]
    np.testing.assert_array_equal(block(weights, rows, columns), expected)
