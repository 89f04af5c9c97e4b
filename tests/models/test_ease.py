"""EASE against its definition: a ridge regression per anime that may not use the anime itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.models import EASE


def test_weights_solve_the_constrained_ridge_regressions(train: Interactions) -> None:
    weights = EASE(l2=7.0).fit(train).weights_
    lists = train.matrix().toarray().astype(np.float64)
    for column in (0, 13):
        others = np.delete(np.arange(24), column)
        ridge = Ridge(alpha=7.0, fit_intercept=False).fit(lists[:, others], lists[:, column])
        np.testing.assert_allclose(weights[others, column], ridge.coef_, atol=1e-5)
    assert (np.diag(weights) == 0).all()
    assert weights.flags.c_contiguous


def test_reasons_add_up_to_the_score(train: Interactions, profiles: Interactions) -> None:
    model = EASE(l2=7.0).fit(train)
    first = profiles.users(np.array([0]))
    reasons = model.explain(first, 105)
    assert reasons["anime_id"].tolist() == [100, 101]
    expected = model.score(first)[0, model.column(105)]
    assert reasons["contribution"].sum() == pytest.approx(expected, abs=1e-6)
    with pytest.raises(InputError, match="takes one profile, not 2"):
        model.explain(profiles, 105)
