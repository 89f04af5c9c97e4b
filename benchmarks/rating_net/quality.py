"""Compare RatingNet with Surprise's SVD and SVD++ on hidden ratings of mal-2016.

Each is tuned with the same number of trials on a further split of what seed 0 shows, then fitted
with its best setting on what seeds 0, 1 and 2 show; the hidden ratings are predicted once.

python benchmarks/rating_net/quality.py --peers-python PEERS_VENV/bin/python --trials 8
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from anirec import evaluation, metrics
from anirec.catalogue.features import ItemFeatures, item_features
from anirec.config import ROOT
from anirec.interactions import Interactions
from anirec.models import RatingNet

SEEDS = 0, 1, 2
TUNE_SEED = 1000
PEERS = "SVD", "SVD++"


def read(folder: Path) -> tuple[Interactions, ItemFeatures]:
    """Return all lists of mal-2016 and the anime's genres, title words and types."""
    ratings = pd.read_csv(folder / "rating.csv")
    ratings["rating"] = ratings["rating"].where(ratings["rating"] > 0)
    everyone = Interactions.from_frame(ratings)
    anime = pd.read_csv(folder / "anime.csv").rename(columns={"name": "title"})
    anime["genres"] = anime["genre"].fillna("").str.split(", ").map(lambda g: [t for t in g if t])
    wanted = ["anime_id", "title", "genres", "type"]
    return everyone, item_features(anime[wanted], everyone.anime_ids)


def split(everyone: Interactions, seed: int) -> tuple[Interactions, Interactions]:
    return evaluation.rating_split(everyone, 0.2, seed)


def tuning_split(everyone: Interactions) -> tuple[Interactions, Interactions]:
    """Part what seed 0 shows once more; what it hides stays unseen."""
    return evaluation.rating_split(split(everyone, 0)[0], 0.15, TUNE_SEED)


def write_split(parts: tuple[Interactions, Interactions], file: Path) -> None:
    """Write the scored entries as (user, anime, rating) rows."""
    rows = {}
    for name, lists in zip(("shown", "hidden"), parts, strict=True):
        scored = lists.entries(lists.scored)
        columns = scored.user_ids[scored.rows], scored.anime_ids[scored.indices], scored.ratings
        rows[name] = np.column_stack(columns).astype(np.float64)
    np.savez(file, **rows)


def drawn(rng: np.random.Generator) -> dict[str, float]:
    """Draw RatingNet's hyper-parameters around its defaults."""

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    return {
        "learning_rate": between(0.003, 0.01),
        "decay": float(rng.choice([0.7, 0.8, 0.9])),
        "l2": between(600, 2400),
        "bias_l2": between(6, 24),
        "implicit_l2": between(300, 1200),
        "precision_l2": between(7, 30),
        "tag_l2": between(40, 160),
    }


def errors(
    parameters: dict, parts: tuple[Interactions, Interactions], features: ItemFeatures, seed: int
) -> dict[str, float]:
    """Fit on what is shown; return the errors on what is hidden, and the seconds it took."""
    shown, hidden = parts
    start = time.perf_counter()
    model = RatingNet(**parameters, seed=seed).fit(shown, features=features)
    expected = model.predict(hidden)
    return {
        "seconds": time.perf_counter() - start,
        "rmse": metrics.rmse(expected, hidden.ratings),
        "mae": metrics.mae(expected, hidden.ratings),
        "epochs": len(model.history_),
    }


def tuned(everyone: Interactions, features: ItemFeatures, trials: int) -> list[dict]:
    """Measure RatingNet with its defaults, and tuned as the peers are; trial 1 is the defaults."""
    rng = np.random.default_rng(0)
    tried = []
    for trial in range(trials):
        parameters = {} if trial == 0 else drawn(rng)
        found = errors(parameters, tuning_split(everyone), features, 0)
        tried.append({"parameters": parameters, **found})
        print("RatingNet", json.dumps(tried[-1]), file=sys.stderr, flush=True)
    best = min(tried, key=lambda t: t["rmse"])["parameters"]
    results = []
    for name, parameters in (("RatingNet, defaults", {}), ("RatingNet, tuned", best)):
        final = [{"seed": s, **errors(parameters, split(everyone, s), features, s)} for s in SEEDS]
        results.append({"model": name, "parameters": parameters, "tried": tried, "final": final})
        print(json.dumps(results[-1]["final"]), file=sys.stderr, flush=True)
    return results


def row_of(result: dict) -> dict[str, object]:
    final = pd.DataFrame(result["final"])
    return {
        "model": result["model"],
        "RMSE": final["rmse"].mean(),
        "MAE": final["mae"].mean(),
        "RMSE per seed": " ".join(f"{v:.4f}" for v in final["rmse"]),
        "fit s": final["seconds"].mean(),
        "trials": len(result.get("tried", [])),
        "parameters": ", ".join(f"{k}={v:.3g}" for k, v in result["parameters"].items()),
    }


def baseline(everyone: Interactions) -> dict:
    final = []
    for seed in SEEDS:
        start = time.perf_counter()
        shown, hidden = split(everyone, seed)
        expected = evaluation.bias_baseline(shown, hidden)
        found = {"rmse": metrics.rmse(expected, hidden.ratings)}
        found["mae"] = metrics.mae(expected, hidden.ratings)
        final.append({"seed": seed, "seconds": time.perf_counter() - start, **found})
    return {"model": "bias baseline", "parameters": {}, "final": final}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--peers-python", required=True, help="see requirements.txt")
    arguments.add_argument("--trials", type=int, default=8)
    data = Path(os.environ.get("ANIREC_REAL_DATA", ROOT.parent / "shared" / "data"))
    arguments.add_argument("--data", type=Path, default=data / "mal-2016")
    arguments.add_argument(
        "--splits",
        type=Path,
        help="folder that keeps splits and results: a model with results there is not run again",
    )
    given = arguments.parse_args()
    everyone, features = read(given.data)
    splits = given.splits or Path(tempfile.mkdtemp())
    splits.mkdir(parents=True, exist_ok=True)
    write_split(tuning_split(everyone), splits / "tune.npz")
    for seed in SEEDS:
        write_split(split(everyone, seed), splits / f"seed-{seed}.npz")
    peers = Path(__file__).with_name("peers.py")
    for name in PEERS:
        command = [given.peers_python, str(peers), str(splits), str(given.trials), name]
        if not (splits / f"{name}.json").exists():
            subprocess.run(command, check=True, stdout=sys.stderr)
    if not (splits / "RatingNet.json").exists():
        ours = tuned(everyone, features, given.trials)
        (splits / "RatingNet.json").write_text(json.dumps(ours, indent=1))
    results = [baseline(everyone)]
    results += [json.loads((splits / f"{name}.json").read_text()) for name in PEERS]
    results += json.loads((splits / "RatingNet.json").read_text())
    table = pd.DataFrame(map(row_of, results))
    best = table.loc[table["model"].isin(PEERS), "RMSE"].min()
    table.insert(3, "to best peer", table["RMSE"] / best - 1)
    print(
        table.to_string(
            index=False,
            formatters={
                "RMSE": "{:.4f}".format, "MAE": "{:.4f}".format, "fit s": "{:.1f}".format,
                "to best peer": "{:+.1%}".format,
            },
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
