"""Single weights looked up in a pruned model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from anirec.models.item_item import entries_at


@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 1.0])
def test_entries_are_those_of_the_dense_matrix(density: float) -> None:
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((40, 40)) < density, rng.normal(size=(40, 40)), 0)
    rows, columns = rng.choice(40, 20), rng.choice(40, 9)
    found = entries_at(sparse.csr_array(dense.astype(np.float32)), rows, columns)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, dense.astype(np.float32)[np.ix_(rows, columns)])
