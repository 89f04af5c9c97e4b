"""What each part of HybridEASE and each group of TwoStage's features adds, on validation users.

``python benchmarks/quality/ablation.py <folder of mal-2016>``, in anirec's environment.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ours import read
from tune_ours import Split

from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import HybridEASE, Model, TwoStage, hybrid_ease, two_stage

SEEDS = (100, 101, 102)


def hybrids(train: Interactions, features: ItemFeatures) -> Iterator[tuple[str, Model]]:
    """Yield the fitted variants of HybridEASE by name."""
    for name, model in hybrid_ease.ablations(HybridEASE()).items():
        yield f"HybridEASE {name}", model.fit(train, features=features)


def rankers(train: Interactions, features: ItemFeatures) -> Iterator[tuple[str, Model]]:
    """Yield the fitted variants of TwoStage by name."""
    for name, model in two_stage.without_each_group(TwoStage(), train, features):
        yield f"TwoStage {name}", model


def show(folder: Path) -> None:
    """Print NDCG@10 of both targets per variant as a Markdown table, means of three draws."""
    everyone, features = read(folder)
    roles = split_users(everyone)["role"].to_numpy()
    train, judged = everyone.users(roles == "train"), everyone.users(roles == "validation")
    split = Split(train, features, [hold_out(judged, 0.8, seed) for seed in SEEDS])
    print("| model | NDCG@10 watched | NDCG@10 liked |\n| --- | ---: | ---: |")
    for variants in (hybrids, rankers):
        for name, model in variants(train, features):
            watched, liked = np.round(split.judge(model), 4)
            print(f"| {name} | {watched:.4f} | {liked:.4f} |", flush=True)


if __name__ == "__main__":
    show(Path(sys.argv[1]))
