"""Tune Surprise's SVD and SVD++ on splits that quality.py wrote, and predict the hidden ratings.

Runs in an environment of its own, see requirements.txt:
python peers.py SPLITS TRIALS MODEL
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from surprise import SVD, Dataset, Reader, SVDpp
from surprise.prediction_algorithms.algo_base import AlgoBase

MODELS = {"SVD": SVD, "SVD++": SVDpp}
FIRST = {
    "SVD": {"n_factors": 100, "n_epochs": 60, "lr_all": 0.005, "reg_all": 0.07},
    "SVD++": {"n_factors": 20, "n_epochs": 20, "lr_all": 0.007, "reg_all": 0.02},
}
"""The first trial: SVD as the project's reference figure has it, SVD++ as Surprise has it."""

CHOICES = {
    "SVD": {"n_factors": (50, 100, 150, 200), "n_epochs": (30, 100)},
    "SVD++": {"n_factors": (20, 40), "n_epochs": (15, 35)},
}


def drawn(name: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw hyper-parameters."""
    low, high = CHOICES[name]["n_epochs"]
    return {
        "n_factors": int(rng.choice(CHOICES[name]["n_factors"])),
        "n_epochs": int(rng.integers(low, high + 1)),
        "lr_all": float(np.exp(rng.uniform(np.log(0.003), np.log(0.012)))),
        "reg_all": float(np.exp(rng.uniform(np.log(0.03), np.log(0.15)))),
    }


def fitted(name: str, parameters: dict, split: Path, seed: int) -> AlgoBase:
    """Fit on the ratings shown."""
    with np.load(split) as arrays:
        shown = arrays["shown"]
    data = Dataset(Reader(rating_scale=(1, 10)))
    raw = [(int(u), int(i), float(r), None) for u, i, r in shown]
    model = MODELS[name](**parameters, random_state=seed)
    if name == "SVD++":
        model.cache_ratings = True
    return model.fit(data.construct_trainset(raw))


def errors(model: AlgoBase, split: Path) -> dict[str, float]:
    """Return RMSE and MAE on the ratings hidden."""
    with np.load(split) as arrays:
        hidden = arrays["hidden"]
    expected = np.array([model.predict(int(u), int(i)).est for u, i, _ in hidden])
    left = expected - hidden[:, 2]
    return {"rmse": float(np.sqrt((left**2).mean())), "mae": float(np.abs(left).mean())}


def main() -> None:
    splits, trials, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rng = np.random.default_rng(0)
    tried = []
    for trial in range(trials):
        parameters = FIRST[name] if trial == 0 else drawn(name, rng)
        start = time.perf_counter()
        found = errors(fitted(name, parameters, splits / "tune.npz", 0), splits / "tune.npz")
        tried.append({"parameters": parameters, "seconds": time.perf_counter() - start, **found})
        print(name, json.dumps(tried[-1]), flush=True)
    best = min(tried, key=lambda t: t["rmse"])["parameters"]
    final = []
    for file in sorted(splits.glob("seed-*.npz")):
        seed = int(file.stem.split("-")[1])
        start = time.perf_counter()
        found = errors(fitted(name, best, file, seed), file)
        final.append({"seed": seed, "seconds": time.perf_counter() - start, **found})
        print(name, json.dumps(final[-1]), flush=True)
    result = {"model": name, "parameters": best, "tried": tried, "final": final}
    (splits / f"{name}.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
