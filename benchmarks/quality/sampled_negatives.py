"""The field's other protocol, on mal-2016: one entry left out, ranked among 100 random anime.

``python benchmarks/quality/sampled_negatives.py <folder of mal-2016>``, in anirec's environment.

Of each test user one entry rated 7 or more is left out at random and ranked among itself and 100
anime drawn from those not on the list; NDCG@10 and Recall@10, three draws. It flatters everybody:
most random anime are ones that hardly anybody has seen, so that popularity alone tells the one left
out from them (Krichene and Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from few_titles import data

from anirec.interactions import Interactions, give_few
from anirec.models import EASE, HybridEASE, Model, Popularity, TwoStage

SEEDS = (0, 1, 2)
LEFT_OUT_FROM = 7
N_NEGATIVES = 100


def left_out(lists: Interactions, seed: int) -> tuple[Interactions, Interactions]:
    """Leave out one entry rated 7 or more of each list that has one, and others."""
    able = np.nan_to_num(lists.ratings) >= LEFT_OUT_FROM
    some = (np.bincount(lists.rows, able, lists.shape[0]) > 0) & (lists.lengths > 1)
    hidden, given = give_few(lists.users(some), 1, able[some[lists.rows]], seed)
    return given, hidden


def ranks(model: Model, given: Interactions, hidden: Interactions, seed: int) -> np.ndarray:
    """Return the place of what was left out among 100 others, from 0, (n_users,)."""
    rng = np.random.default_rng([seed, 1])
    scores = model.score(given)
    places = np.empty(given.shape[0])
    for row, wanted in enumerate(hidden.indices):
        listed = given.indices[given.indptr[row] : given.indptr[row + 1]]
        able = np.setdiff1d(np.arange(given.shape[1]), np.append(listed, wanted))
        others = scores[row, rng.choice(able, N_NEGATIVES, replace=False)]
        places[row] = (others > scores[row, wanted]).sum() + (
            others == scores[row, wanted]
        ).sum() / 2
    return places


def measure(folder: Path) -> pd.DataFrame:
    """Return ``NDCG@10`` and ``Recall@10`` by model, means over users and draws."""
    train, features, people = data(folder)
    rows = []
    for model in (Popularity(), EASE(), HybridEASE(), TwoStage()):
        model.fit(train, features=features)
        for seed in SEEDS:
            places = ranks(model, *left_out(people["test"], seed), seed)
            found = places < 10
            ndcg = np.where(found, 1 / np.log2(places + 2), 0).mean()
            rows.append({"model": model.NAME, "NDCG@10": ndcg, "Recall@10": found.mean()})
    return pd.DataFrame(rows).groupby("model", sort=False).mean()


if __name__ == "__main__":
    print(measure(Path(sys.argv[1])).round(4).to_string())
