"""Sums over lists: the same however the lists are parted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from anirec.interactions import Interactions
from anirec.models import sums
from anirec.models.sums import GramSums, add_products, mirrored


def test_gram_matrix_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = sparse.random_array((40, 17), density=0.3, rng=np.random.default_rng(0))
    matrix = sparse.csr_array(matrix, dtype=np.float32)
    monkeypatch.setattr(sums, "GRAM_BLOCK", 5)
    total = np.zeros((17, 17), dtype=np.float32)
    add_products(total, matrix)
    product = mirrored(total)
    np.testing.assert_allclose(product, (matrix.T @ matrix).toarray(), rtol=1e-5)
    assert product.flags.f_contiguous


def test_gram_matrix_of_chunks(train: Interactions, monkeypatch: pytest.MonkeyPatch) -> None:
    def values(chunk: Interactions) -> np.ndarray:
        return np.nan_to_num(chunk.ratings)

    columns = np.arange(train.shape[1]) % 3 > 0
    monkeypatch.setattr("anirec.interactions.CHUNK_ENTRIES", 100)
    total = train.total(GramSums(train.shape[1], values, columns))
    matrix = train.matrix(values(train)).toarray()[:, columns]
    np.testing.assert_allclose(mirrored(total["gram"]), matrix.T @ matrix, rtol=1e-6)
    np.testing.assert_allclose(total["squares"], (matrix**2).sum(axis=0), rtol=1e-12)


def test_very_many_lists_are_counted_exactly(train: Interactions) -> None:
    assert GramSums(3, n_users=2**24).start()["gram"].dtype == np.float32
    assert GramSums(3, n_users=2**24 + 1).start()["gram"].dtype == np.float64
