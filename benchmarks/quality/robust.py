"""HybridEASE and TwoStage as they come beside a searched EASE, on simulated lists of other shapes.

``python benchmarks/quality/robust.py [results.json] [--with-two-stage]``, anirec's environment.

Four kinds of lists, each drawn anew for every seed: dense on few anime, sparse on many, on a
five-point scale, and without ratings. What somebody takes up follows their latent taste, how well
known an anime is, and chance; some tastes are hardly anybody's, some anime follow one another, and
ratings follow taste, how good an anime is, how generous the person is, and chance. No model's
formula is among them.

Of 300 people a fifth of the list is hidden; of half of them what is left is learned from, as of
everybody else, the other half are strangers. On at most 2,000 anime, those on most lists, EASE is
searched over what it is fed (binary, the rating as weight, liked 1 and the rest 0.1, 0.3, 0.6) and
its penalty by as many other people, for each target by itself; ours chooses for itself, without
side information.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from anirec import evaluation
from anirec.interactions import Interactions, hold_out
from anirec.metrics import bootstrap_interval
from anirec.models import HybridEASE, Model, TwoStage
from anirec.models.item_item import autoencoder
from anirec.models.sums import GramSums, mirrored

SEEDS = (0, 1, 2)
N_JUDGED = 300
PENALTIES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
TARGETS = ("watched", "liked")

MOST_SEARCHED = 2000
"""Anime, those on most lists, that EASE is searched on: a solve costs the cube of their number."""


@dataclass(frozen=True)
class Shape:
    """What a set of lists is like.

    Attributes
    ----------
    users, anime : how many there are.
    length : entries of the median list.
    tastes : dimensions of taste.
    points : the greatest rating, None for lists without ratings.
    fame : by what power fewer people know the anime of a higher place.
    """

    users: int
    anime: int
    length: float
    tastes: int
    points: int | None
    fame: float


SHAPES = {
    "dense, few anime": Shape(1500, 500, 90, 8, 10, 0.6),
    "sparse, many anime": Shape(6000, 6000, 25, 30, 10, 1.0),
    "five points": Shape(950, 1700, 70, 12, 5, 0.8),
    "no ratings": Shape(3000, 3000, 40, 20, None, 0.9),
}


def simulated(shape: Shape, seed: int) -> Interactions:
    """Return lists of a shape."""
    rng = np.random.default_rng(seed)
    # Directions of taste differ in weight, and few people care for any one of them.
    weights = 1.6 / np.sqrt(np.arange(1, shape.tastes + 1))
    people = rng.standard_t(4, (shape.users, shape.tastes)) * weights
    nature = rng.normal(0, 1, (shape.anime, shape.tastes)) / np.sqrt(shape.tastes)
    nature *= rng.random(nature.shape) < 0.4
    # Every fourth anime follows the one before it: who has that likelier has this.
    follows = np.flatnonzero(rng.random(shape.anime) < 0.25)[1:]
    nature[follows] = nature[follows - 1] + rng.normal(0, 0.05, (len(follows), shape.tastes))
    fame = -shape.fame * np.log(rng.permutation(shape.anime) + 3.0)
    fame[follows] = fame[follows - 1] - 0.3
    good = rng.normal(0, 0.5, shape.anime)
    lengths = np.exp(rng.normal(np.log(shape.length), 0.7, shape.users))
    lengths = np.clip(lengths, 8, shape.anime / 3).astype(int)
    generous = rng.normal(0, 0.5, shape.users)
    indices, ratings = [], []
    for user, length in enumerate(lengths):
        taste = nature @ people[user]
        pull = fame * rng.uniform(0.7, 1.3) + 1.3 * taste + 0.4 * good + rng.gumbel(size=len(fame))
        listed = np.sort(np.argpartition(-pull, length)[:length])
        indices.append(listed)
        beyond = 0.6 * taste[listed] + good[listed] + generous[user] + rng.normal(0, 0.6, length)
        ratings.append(beyond)
    rated = np.concatenate(ratings)
    if shape.points is None:
        rated = np.full(len(rated), np.nan)
    else:
        rated = np.clip(np.round((0.68 + 0.13 * rated) * shape.points), 1, shape.points)
        rated[rng.random(len(rated)) < 0.1] = np.nan
    return Interactions(
        user_ids=np.arange(shape.users),
        anime_ids=np.arange(shape.anime),
        indptr=np.concatenate([[0], np.cumsum(lengths)]),
        indices=np.concatenate(indices).astype(np.int32),
        ratings=rated.astype(np.float32),
        dropped=np.zeros(len(rated), dtype=bool),
    )


def parted(
    lists: Interactions, judged: np.ndarray, seed: int
) -> tuple[Interactions, Interactions, Interactions]:
    """Return what is learned from, and what the people judged (rows) are given and have to find.

    Every second of them is a stranger.
    """
    given, hidden = hold_out(lists.users(judged), 0.8, seed)
    cells = lists.rows * np.int64(lists.shape[1]) + lists.indices
    found = judged[hidden.rows] * np.int64(lists.shape[1]) + hidden.indices
    learned = lists.entries(~np.isin(cells, found)).all_but(judged[1::2])
    return learned, given, hidden


@dataclass
class FedEASE:
    """EASE on lists fed in some way."""

    NAME: ClassVar[str] = "ease"

    feed: Callable[[Interactions], np.ndarray]
    weights: np.ndarray

    def score(self, profiles: Interactions) -> np.ndarray:
        return np.asarray(profiles.matrix(self.feed(profiles)) @ self.weights, dtype=np.float32)


def feeds(lists: Interactions) -> Iterator[tuple[str, Callable[[Interactions], np.ndarray]]]:
    """Yield what EASE may be fed, by name."""
    yield "binary", lambda some: np.ones(some.nnz, np.float32)
    if not lists.scored.any():
        return
    greatest = lists.figures.greatest
    yield "rating", lambda some: np.nan_to_num(some.ratings / greatest, nan=0.6).astype(np.float32)
    for rest in (0.1, 0.3, 0.6):
        yield (
            f"liked 1, rest {rest}",
            lambda some, rest=rest: np.where(evaluation.was_liked(some, lists), 1, rest).astype(
                np.float32
            ),
        )


def per_person(
    model: Model | FedEASE, given: Interactions, hidden: Interactions, lists: Interactions
) -> np.ndarray:
    """Return NDCG@10 of each person for watched and liked, (n, 2); NaN where there is none."""
    ranked = evaluation.rank(model, given, 10)
    columns = []
    for relevant in evaluation.targets(hidden, lists).values():
        table = evaluation.accuracy(ranked, relevant, (10,))
        columns.append(table.loc[table["metric"] == "ndcg", "value"].to_numpy())
    return np.stack(columns, axis=1)


def searched(learned: Interactions, judged: np.ndarray, seed: int) -> dict[str, tuple]:
    """Return EASE's best feed and penalty for each target, by other people than those judged."""
    known = learned.best_known(MOST_SEARCHED)
    learned = learned.among(known)
    train, given, hidden = parted(learned, judged, seed)
    best: dict[str, tuple] = {}
    for name, feed in feeds(learned):
        whole = mirrored(train.total(GramSums(train.shape[1], feed))["gram"])
        for penalty in PENALTIES:
            weights, _ = autoencoder(whole.copy(order="F"), penalty)
            found = per_person(FedEASE(feed, weights), given, hidden, learned)
            for column, target in enumerate(TARGETS):
                values = found[:, column]
                value = np.nanmean(values) if not np.isnan(values).all() else 0.0
                if value > best.get(target, (-1,))[0]:
                    best[target] = value, name, feed, penalty
    return best


def compared(shape: Shape, seed: int, two_stage: bool) -> Iterator[dict[str, object]]:
    """Yield a row per model, target and person: ``value`` and EASE's, ``ease``."""
    lists = simulated(shape, seed)
    drawn = np.random.default_rng([seed, 1]).permutation(np.flatnonzero(lists.lengths >= 10))
    judged, others = np.sort(drawn[:N_JUDGED]), drawn[N_JUDGED : 2 * N_JUDGED]
    learned, given, hidden = parted(lists, judged, seed)
    others = np.flatnonzero(np.isin(learned.user_ids, lists.user_ids[others]))
    ease = {}
    for column, (target, (_, name, feed, penalty)) in enumerate(
        searched(learned, others, seed + 1).items()
    ):
        whole = mirrored(learned.total(GramSums(learned.shape[1], feed))["gram"])
        weights, _ = autoencoder(whole, penalty)
        ease[target] = per_person(FedEASE(feed, weights), given, hidden, lists)[:, column]
        print(f"  EASE, {target}: {name}, {penalty:g}", file=sys.stderr, flush=True)
    hybrid = HybridEASE()
    models: dict[str, Model] = {
        "HybridEASE, fixed": HybridEASE(**HybridEASE.STARTS),
        "HybridEASE": hybrid,
    }
    if two_stage:
        models["TwoStage"] = TwoStage(retriever=hybrid)
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(learned)
        seconds = time.perf_counter() - start
        found = per_person(model, given, hidden, lists)
        if name == "HybridEASE":
            print(f"  chosen: {dict(model.chosen_)}", file=sys.stderr, flush=True)
        for column, target in enumerate(TARGETS):
            for value, beside in zip(found[:, column], ease[target], strict=True):
                row = {"model": name, "target": target, "value": value, "ease": beside}
                yield row | {"seconds": seconds}


def measure(two_stage: bool) -> pd.DataFrame:
    """Return `compared` of all shapes and seeds, with ``shape`` and ``seed``."""
    rows = []
    for name, shape in SHAPES.items():
        for seed in SEEDS:
            print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
            rows += [
                row | {"shape": name, "seed": seed} for row in compared(shape, seed, two_stage)
            ]
    return pd.DataFrame(rows).dropna(subset=["value", "ease"])


def markdown(rows: pd.DataFrame) -> str:
    """Return per shape and model the NDCG@10 beside EASE's, with the 95 % interval of the ratio."""
    lines = [
        "| lists | model | watched | beside EASE | liked | beside EASE | fit, s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (shape, model), group in rows.groupby(["shape", "model"], sort=False):
        cells = []
        for target in TARGETS:
            these = group[group["target"] == target]
            if not len(these):
                cells += ["", ""]
                continue
            ease = these["ease"].mean()
            more = (these["value"] - these["ease"]).to_numpy() / ease
            low, high = bootstrap_interval(more, 1000, 0)
            cells += [
                f"{these['value'].mean():.4f}",
                f"{1 + more.mean():.3f} ({1 + low:.3f} to {1 + high:.3f})",
            ]
        lines.append(f"| {shape} | {model} | {' | '.join(cells)} | {group['seconds'].mean():.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    options = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    measured = measure("--with-two-stage" in sys.argv)
    if options:
        Path(options[0]).write_text(json.dumps(measured.to_dict("records")) + "\n")
    print(markdown(measured))
