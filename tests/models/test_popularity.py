"""Popularity is the share of lists."""

from __future__ import annotations

import numpy as np

from anirec.interactions import Interactions
from anirec.models import Popularity


def test_everybody_gets_the_share_of_lists(train: Interactions, profiles: Interactions) -> None:
    scores = Popularity().fit(train).score(profiles)
    counts = np.bincount(train.indices, minlength=train.shape[1])
    np.testing.assert_allclose(scores, np.tile(counts / 240, (2, 1)), rtol=1e-6)
