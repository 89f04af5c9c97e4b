"""What following is worth: quality after 1, 5 and 20 % new entries, beside a full refit.

    python benchmarks/real_time/quality.py <raw files of mal-2016> [hybrid-ease | two-stage]

The models are learned without that share of the training lists' entries (drawn at random); then
the entries arrive. Left as they were (stale), followed (sums exact, constants and ranker as they
were learned), and fitted anew on all: NDCG@10 on the test users' hidden entries.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from anirec import evaluation
from anirec.catalogue.features import item_features
from anirec.config import Paths
from anirec.datasets.ingest import ingest
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import HybridEASE, TwoStage
from anirec.models.following import FollowingModels

SHARES = (0.01, 0.05, 0.2)


def main(raw: Path, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths.of("mal-2016", raw_dir=raw, processed_dir=folder)
        ingest(paths)
        columns = ["user_id", "anime_id", "rating", "status"]
        lists = Interactions.from_frame(
            pd.read_parquet(paths.processed / "ratings.parquet", columns=columns)
        )
        anime = pd.read_parquet(paths.processed / "anime.parquet")
    features = item_features(anime, lists.anime_ids)
    roles = split_users(lists)["role"]
    train = lists.users((roles == "train").to_numpy())
    given, hidden = hold_out(lists.users((roles == "test").to_numpy()), 0.8, 0)

    def fitted(learned: Interactions) -> dict:
        models = {HybridEASE.NAME: HybridEASE().fit(learned, features=features)}
        if name == TwoStage.NAME:
            two_stage = TwoStage(retriever=models[HybridEASE.NAME])
            models[name] = two_stage.fit(learned, features=features)
        return models

    rows = []
    models = {"fitted anew": fitted(train)[name]}
    for share in SHARES:
        arrive = np.random.default_rng(0).random(train.nnz) < share
        before = train.entries(~arrive)
        stale = fitted(before)
        following = FollowingModels.begin(stale, before, features)
        changed = np.unique(train.rows[arrive])
        way = following.partial_fit(train.users(changed), before.users(changed))
        models[f"{share:.0%} new: stale"] = stale[name]
        models[f"{share:.0%} new: followed"] = following.models()[name]
        print(f"{share:.0%}: {len(changed):,} lists changed, {way}", flush=True)
    measured = evaluation.measure(models, given, hidden, features=features)
    table = evaluation.summary(measured).query("metric == 'ndcg' and k == 10")
    rows = table.pivot_table(index="model", columns="target", values="value", sort=False)
    print(rows.round(4).to_string())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else HybridEASE.NAME)
