"""What all item-item models promise: exact reasons, and pruning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import MODELS, load_model
from anirec.models.item_item import ItemItem, autoencoder

NAMES = [name for name, model in MODELS.items() if issubclass(model, ItemItem)]


@pytest.fixture(scope="module")
def fitted(train: Interactions, features: ItemFeatures) -> dict[str, ItemItem]:
    whole = {"hybrid-ease": {"n_neighbours": 0}}
    return {
        name: MODELS[name](**whole.get(name, {})).fit(train, features=features) for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [None, 5])
def test_reasons_add_up_to_the_score(
    name: str, k: int | None, fitted: dict, profiles: Interactions
) -> None:
    model = fitted[name].prune(k) if k else fitted[name]
    for row in range(2):
        one = profiles.users(np.array([row]))
        scores = model.score(one)[0]
        for anime_id in (100, 105, 118):
            reasons = model.explain(one, anime_id)
            assert reasons["anime_id"].tolist() == one.anime_ids[one.indices].tolist()
            expected = scores[model.column(anime_id)]
            assert reasons["contribution"].sum() == pytest.approx(expected, abs=1e-5)
    with pytest.raises(InputError, match="takes one profile, not 2"):
        model.explain(profiles, 105)
    with pytest.raises(InputError, match="anime 7 is unknown"):
        model.explain(one, 7)


@pytest.mark.parametrize("name", NAMES)
def test_pruned_model_is_smaller_and_nearly_the_same(
    name: str, fitted: dict, profiles: Interactions, tmp_path: Path
) -> None:
    model = fitted[name]
    whole, pruned = model.prune(24), model.prune(12)
    np.testing.assert_allclose(whole.score(profiles), model.score(profiles), atol=1e-6)
    assert not sparse.issparse(model.weights_) or name == "item-knn"
    assert (np.diff(pruned.weights_.tocsc().indptr) <= 12).all()
    least = 0.6 if name == "item-knn" else 0.9  # its weights are far from sparse here
    for full, kept in zip(model.score(profiles), pruned.score(profiles), strict=True):
        assert np.corrcoef(full, kept)[0, 1] > least
    model.save(tmp_path)
    pruned.save(tmp_path)  # over the whole one: nothing of it may be left
    assert not (tmp_path / "weights_.npy").exists()
    loaded = load_model(tmp_path)
    np.testing.assert_array_equal(loaded.score(profiles), pruned.score(profiles))
    assert loaded.similar(105, k=3).equals(pruned.similar(105, k=3))
    with pytest.raises(InputError, match="at least one weight per anime, not 0"):
        model.prune(0)


def test_gram_matrix_that_cannot_be_inverted() -> None:
    ones = np.ones((3, 3), dtype=np.float32, order="F")
    with pytest.raises(InputError, match="not positive definite: raise l2"):
        autoencoder(ones, -2.0)


def test_weights_are_the_same_by_column(fitted: dict) -> None:
    rows, columns = np.array([3, 0, 17]), np.array([20, 1, 9, 5])
    for model in fitted.values():
        pruned = model.prune(6)
        expected = pruned.weights_.toarray()[np.ix_(rows, columns)]
        np.testing.assert_array_equal(pruned.weights_between(rows, columns), expected)
        pruned.hasten()
        np.testing.assert_array_equal(pruned.weights_between(rows, columns), expected)
        fewer = pruned.prune(2)  # shares what was kept for the weights before
        expected = fewer.weights_.toarray()[np.ix_(rows, columns)]
        np.testing.assert_array_equal(fewer.weights_between(rows, columns), expected)
