"""PureSVD against a full decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import PureSVD


def test_scores_are_the_projection_on_the_leading_directions(
    train: Interactions, profiles: Interactions
) -> None:
    directions = np.linalg.svd(train.matrix().toarray(), full_matrices=False)[2][:3]
    expected = profiles.matrix().toarray() @ directions.T @ directions
    model = PureSVD(n_factors=3).fit(train)
    np.testing.assert_allclose(model.score(profiles), expected, atol=1e-5)


def test_more_factors_than_the_data_has(train: Interactions) -> None:
    assert PureSVD(n_factors=500).fit(train).factors_.shape == (24, 23)
    with pytest.raises(InputError, match="at least two users"):
        PureSVD().fit(train.users(np.array([0])))
