"""Measure anirec's ranking models on mal-2016's test users: the table of README.

``python benchmarks/quality/ours.py <folder of mal-2016> [results.json]``, in anirec's environment.

The protocol is the design's: 800 test users drawn once (seed 0) from those with at least 5 entries,
80 % of each list given and the rest ranked; seeds 0, 1 and 2 vary that draw and the models. The
models have their default settings, which were chosen on validation users by ``tune_ours.py``, or
choose their own in fitting (HybridEASE, and with it TwoStage); *fixed* is where that search starts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from anirec import evaluation
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import Paths
from anirec.datasets.ingest import ingest
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import (
    EASE,
    ContentTfidf,
    HybridEASE,
    ItemKNN,
    Model,
    Popularity,
    PureSVD,
    TwoStage,
)

SEEDS = (0, 1, 2)
METRICS = {
    ("watched", "ndcg", 10): "NDCG@10 watched",
    ("liked", "ndcg", 10): "NDCG@10 liked",
    ("any", "coverage", 20): "coverage@20",
}


def models(seed: int) -> dict[str, Model]:
    """Return every ranking model; those without chance in them only for the first seed."""
    two_stage = {TwoStage.NAME: TwoStage(seed=seed)}
    if seed:
        return two_stage
    closed = [Popularity(), ContentTfidf(), ItemKNN(), PureSVD(), EASE(), HybridEASE()]
    fixed = {f"{HybridEASE.NAME}, fixed": HybridEASE(**HybridEASE.STARTS)}
    return {model.NAME: model for model in closed} | fixed | two_stage


def read(folder: Path) -> tuple[Interactions, ItemFeatures]:
    """Return the lists of mal-2016, on the anime that occur in them, and what is known of these."""
    with tempfile.TemporaryDirectory() as work:
        paths = Paths.of("mal-2016", raw_dir=folder, processed_dir=work)
        ingest(paths)
        lists = Interactions.from_frame(pd.read_parquet(paths.processed / "ratings.parquet"))
        anime = pd.read_parquet(paths.processed / "anime.parquet")
    return lists, item_features(anime, lists.anime_ids)


def measure(folder: Path) -> pd.DataFrame:
    """Return ``seed``, ``model``, the metrics and the seconds of fitting, a row per model, seed."""
    everyone, features = read(folder)
    roles = split_users(everyone)["role"].to_numpy()
    train, test = everyone.users(roles == "train"), everyone.users(roles == "test")
    fitted, seconds, rows = {}, {}, []
    for seed in SEEDS:
        for name, model in models(seed).items():
            start = time.perf_counter()
            fitted[name] = model.fit(train, features=features)
            seconds[name] = time.perf_counter() - start
        given, hidden = hold_out(test, 0.8, seed)
        table = evaluation.evaluate(fitted, given, hidden, n_bootstrap=1)
        for name, group in table.groupby("model", sort=False):
            values = group.set_index(["target", "metric", "k"])["value"]
            rows.append({"seed": seed, "model": name, "seconds": seconds[name]})
            rows[-1] |= {title: values[key] for key, title in METRICS.items()}
        print(f"seed {seed} measured", file=sys.stderr)
    return pd.DataFrame(rows)


def markdown(results: pd.DataFrame) -> str:
    """Return the means over the seeds as a table, EASE = 1 in brackets."""
    means = results.groupby("model", sort=False).mean(numeric_only=True)
    lines = ["| model | " + " | ".join(METRICS.values()) + " | fit, s |", "| --- |" + " ---: |" * 4]
    for name, row in means.iterrows():
        cells = [f"{row[t]:.4f} ({row[t] / means.at['ease', t]:.2f})" for t in METRICS.values()]
        lines.append(f"| {name} | {' | '.join(cells)} | {row['seconds']:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    measured = measure(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        Path(sys.argv[2]).write_text(json.dumps(measured.to_dict("records"), indent=1) + "\n")
    print(markdown(measured))
