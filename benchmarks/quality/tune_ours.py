"""Search the settings of anirec's ranking models on mal-2016, without its test users.

``python benchmarks/quality/tune_ours.py <folder of mal-2016> hybrid|liked <minutes> [out.json]``

An evolutionary search: settings are drawn or changed at random, and the best few are changed
further. Each is judged by NDCG@10 for *watched* and *liked*, relative to EASE(100), on two splits:
the 400 validation users (three draws of what is given), and 500 training users taken out (two
draws) with the validation users in their place. Test users are in neither.

To be quick, anime on fewer than three training lists are left out while searching.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ours import read

from anirec import evaluation
from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions, hold_out, split_users
from anirec.models import EASE, HybridEASE, LikedEASE, Model

MIN_LISTS = 3
N_PARENTS = 8
N_RANDOM = 20
"""Trials before the search only changes the best."""

RANGES = {
    "rating_weight": (0.08, 0.6),
    "unscored": (0.5, 1.2),
    "profile_rating_weight": (0.02, 0.6),
    "profile_unscored": (0.4, 1.2),
    "mean_shrinkage": (1.0, 50.0),
    "dropout": (0.01, 0.5),
    "l2": (10.0, 300.0),
    "tag_discount": (0.2, 1.2),
    "user_discount": (0.01, 0.6),
    "rest": (0.05, 0.9),
}
KINDS = (
    *("genres", "title_words", "title_bigrams", "title_first", "title_first_two"),
    *("type", "franchise"),
)
TAG_RANGE = (1.0, 100.0)


@dataclass
class Split:
    """Lists to learn from, and (given, hidden) draws of other people's to judge by."""

    train: Interactions
    features: ItemFeatures
    draws: list[tuple[Interactions, Interactions]]

    def measure(self, model: Model) -> np.ndarray:
        """Fit a model; return its NDCG@10 for watched and liked, means over the draws."""
        return self.judge(model.fit(self.train, features=self.features))

    def judge(self, model: Model) -> np.ndarray:
        """Return a fitted model's NDCG@10 for watched and liked, means over the draws."""
        means = []
        for given, hidden in self.draws:
            values, _ = evaluation.per_user(model, given, hidden, (10,))
            ndcg = values[values["metric"] == "ndcg"].groupby("target")["value"].mean()
            means.append([ndcg["watched"], ndcg["liked"]])
        return np.mean(means, axis=0)


def splits(folder: Path) -> list[Split]:
    """Return the two splits that settings are judged by."""
    everyone, features = read(folder)
    roles = split_users(everyone)["role"].to_numpy()
    out = np.zeros(len(roles), dtype=bool)
    out[np.random.default_rng(7).choice(np.flatnonzero(roles == "train"), 500, replace=False)] = (
        True
    )
    both = [
        (roles == "train", roles == "validation", (100, 101, 102)),
        ((roles == "train") & ~out | (roles == "validation"), out, (200, 201)),
    ]
    result = []
    for learned, judged, seeds in both:
        train = everyone.users(learned)
        known = np.bincount(train.indices, minlength=train.shape[1]) >= MIN_LISTS
        draws = [hold_out(everyone.users(judged), 0.8, seed) for seed in seeds]
        result.append(
            Split(
                on(train, known),
                ItemFeatures(
                    features.anime_ids[known],
                    {kind: matrix[known] for kind, matrix in features.matrices.items()},
                    features.tags,
                    {name: numbers[known] for name, numbers in features.numbers.items()},
                ),
                [(on(given, known), on(hidden, known)) for given, hidden in draws],
            )
        )
    return result


def on(lists: Interactions, known: np.ndarray) -> Interactions:
    """Return lists on some of the anime only."""
    kept = lists.entries(known[lists.indices])
    place = (np.cumsum(known) - 1).astype(np.int32)
    fields = {name: getattr(kept, name) for name in ("user_ids", "indptr", "ratings", "dropped")}
    return Interactions(anime_ids=lists.anime_ids[known], indices=place[kept.indices], **fields)


def drawn(rng: np.random.Generator, names: list[str]) -> dict[str, object]:
    """Return settings at random, evenly on logarithmic scales; some parts off."""

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    settings: dict[str, object] = {name: between(*RANGES[name]) for name in names}
    settings["tag_weights"] = {
        kind: 0.0 if rng.random() < 0.3 else between(*TAG_RANGE) for kind in KINDS
    }
    return settings


def changed(rng: np.random.Generator, parent: dict, names: list[str]) -> dict[str, object]:
    """Return a parent's settings with about a third of them changed."""
    fresh, child = drawn(rng, names), dict(parent, tag_weights=dict(parent["tag_weights"]))
    for name in names:
        if rng.random() < 0.3:
            child[name] = float(np.clip(child[name] * np.exp(rng.normal(0, 0.35)), *RANGES[name]))
    for kind in KINDS:
        if rng.random() < 0.3:
            child["tag_weights"][kind] = fresh["tag_weights"][kind]
    return child


def search(folder: Path, what: str, minutes: float, out: Path | None) -> None:
    """Search until the time is over, printing each new best."""
    stop = time.monotonic() + 60 * minutes
    kind = {"hybrid": HybridEASE, "liked": LikedEASE}[what]
    names = [name for name in RANGES if name in kind().parameters]
    rng = np.random.default_rng(0)
    judged = splits(folder)
    base = [split.measure(EASE()) for split in judged]
    print("EASE(100): watched, liked per split", np.round(base, 4).tolist(), flush=True)
    trials = []
    while time.monotonic() < stop:
        if not trials:
            settings = {name: kind().parameters[name] for name in [*names, "tag_weights"]}
            settings["tag_weights"] = dict.fromkeys(KINDS, 0.0) | settings["tag_weights"]
        elif len(trials) < N_RANDOM and len(trials) % 2:
            settings = drawn(rng, names)
        else:
            parent = trials[rng.integers(min(N_PARENTS, len(trials)))]
            settings = changed(rng, parent["settings"], names)
        ndcg = [split.measure(kind(**settings)) for split in judged]
        gain = float(np.mean(np.divide(ndcg, base)))
        trials.append({"gain": gain, "ndcg": np.round(ndcg, 4).tolist(), "settings": settings})
        trials.sort(key=lambda trial: -trial["gain"])
        if trials[0]["settings"] is settings:
            print(len(trials), json.dumps(trials[0]), flush=True)
    if out:
        out.write_text(json.dumps(trials, indent=1) + "\n")


if __name__ == "__main__":
    folder, what, minutes, *out = sys.argv[1:]
    search(Path(folder), what, float(minutes), Path(out[0]) if out else None)
