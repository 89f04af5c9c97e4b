"""A small community with two tastes, for every model's tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue.features import ItemFeatures, item_features
from anirec.interactions import Interactions

N_ANIME = 24


def community(n_users: int = 240, seed: int = 0) -> pd.DataFrame:
    """Return list entries: even users prefer anime 100 to 111, odd ones 112 to 123."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        own = (np.arange(N_ANIME) >= N_ANIME // 2) == bool(user % 2)
        watched = rng.random(N_ANIME) < np.where(own, 0.6, 0.3)
        rating = np.clip(np.round(rng.normal(np.where(own, 8.3, 4.5), 1)), 1, 10)
        rating[rng.random(N_ANIME) < 0.2] = np.nan
        rows += [(user, 100 + a, rating[a]) for a in np.flatnonzero(watched)]
    return pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])


@pytest.fixture(scope="session")
def train() -> Interactions:
    return Interactions.from_frame(community())


@pytest.fixture(scope="session")
def features(train: Interactions) -> ItemFeatures:
    """Genre A for the first twelve anime, B for the rest; a title word shared by each pair."""
    anime = pd.DataFrame(
        {
            "anime_id": train.anime_ids,
            "title": [f"Saga{chr(97 + a // 2)} {a}" for a in range(N_ANIME)],
            "genres": [["A"] if a < N_ANIME // 2 else ["B"] for a in range(N_ANIME)],
        }
    )
    return item_features(anime, train.anime_ids)


@pytest.fixture(scope="session")
def profiles(train: Interactions) -> Interactions:
    """Two newcomers: 0 likes two of the first taste, 1 two of the second."""
    newcomers = pd.DataFrame(
        {"user_id": [0, 0, 1, 1], "anime_id": [100, 101, 112, 113], "rating": [9, 8, 10, 9]}
    )
    return train.encode(newcomers)
