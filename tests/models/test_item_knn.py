"""ItemKNN's similarities against their formula, and its neighbourhoods."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from anirec.interactions import Interactions
from anirec.models import ItemKNN, item_knn


def test_without_shrinkage_it_is_the_cosine(train: Interactions) -> None:
    weights = ItemKNN(k=23, shrinkage=0).fit(train).weights_.toarray()
    expected = cosine_similarity(train.matrix().toarray().T)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_only_the_nearest_count(
    train: Interactions, profiles: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = ItemKNN(k=23, shrinkage=5).fit(train).weights_.toarray()
    monkeypatch.setattr(item_knn, "BLOCK", 7)
    model = ItemKNN(k=4, shrinkage=5).fit(train)
    kept = model.weights_.toarray()
    assert ((kept > 0).sum(axis=0) == 4).all()
    np.testing.assert_allclose(np.sort(kept, axis=0)[-4:], np.sort(full, axis=0)[-4:], rtol=1e-6)
    expected = kept[[0, 1]].sum(axis=0)
    np.testing.assert_allclose(model.score(profiles)[0], expected, rtol=1e-6)
