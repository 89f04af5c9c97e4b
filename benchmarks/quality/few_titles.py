"""Who names one to ten titles: anirec's models beside peers tuned for each number, on mal-2016.

``python benchmarks/quality/few_titles.py <folder of mal-2016>`` measures on the test users (three
draws). ItemKNN, PureSVD, EASE and, where implicit is installed, its ALS are each tuned
on the validation users (two draws) for each number of titles and each target.

With ``--side-by-side`` it first prints what HybridEASE and TwoStage show, ten each, to who names
one of twenty well-known titles; with ``--only`` nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from ours import read

from anirec import evaluation
from anirec.catalogue.features import ItemFeatures
from anirec.evaluation.few_titles import NUMBERS
from anirec.interactions import Interactions, split_users
from anirec.models import EASE, HybridEASE, ItemKNN, Model, PureSVD, TwoStage

VALIDATION_SEEDS, TEST_SEEDS = (100, 101), (0, 1, 2)
TARGETS = ("watched", "liked")
TWENTY = (
    "Gintama", "Nichijou", "Hunter x Hunter (2011)", "Sen to Chihiro no Kamikakushi", "Toradora!",
    "Kimi ni Todoke", "Haikyuu!!", "Slam Dunk", "Naruto", "Death Note", "Shingeki no Kyojin",
    "K-On!", "Nodame Cantabile", "Pokemon", "Digimon Adventure", "Cowboy Bebop",
    "Code Geass: Hangyaku no Lelouch", "Neon Genesis Evangelion", "Mushishi", "Aria the Animation",
)  # fmt: skip


@dataclass
class ImplicitALS:
    """implicit's ALS on binary lists; a newcomer is folded in."""

    NAME: ClassVar[str] = "implicit als"

    factors: int
    alpha: float

    def fit(self, train: Interactions) -> ImplicitALS:
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy import sparse

        self.model = AlternatingLeastSquares(
            factors=self.factors, alpha=self.alpha, iterations=10, random_state=0
        )
        self.model.fit(sparse.csr_matrix(train.matrix()), show_progress=False)
        self.popularity_ = np.bincount(train.indices, minlength=train.shape[1]) / train.shape[0]
        return self

    def score(self, profiles: Interactions) -> np.ndarray:
        from scipy import sparse

        users = sparse.csr_matrix(profiles.matrix())
        return self.model.recalculate_user(np.arange(len(profiles.lengths)), users) @ (
            self.model.item_factors.T
        )


def peers() -> Iterator[tuple[str, str, Model | ImplicitALS]]:
    """Yield each peer's name, settings and model, to be fitted."""
    for k, shrinkage in ((50, 20.0), (200, 20.0), (1000, 100.0), (2000, 500.0)):
        yield "item-knn", f"k={k}, shrinkage={shrinkage:g}", ItemKNN(k, shrinkage)
    for n_factors in (1, 8, 16, 32, 64):
        yield "pure-svd", f"n_factors={n_factors}", PureSVD(n_factors)
    for l2 in (100.0, 1000.0, 3000.0, 10_000.0, 50_000.0):
        yield "ease", f"l2={l2:g}", EASE(l2)
    try:
        import implicit  # noqa: F401
    except ImportError:
        print("implicit is not installed: its ALS is left out", file=sys.stderr)
        return
    for factors in (8, 32, 96):
        for alpha in (1.0, 10.0):
            yield "implicit als", f"factors={factors}, alpha={alpha:g}", ImplicitALS(factors, alpha)


def tuned(train: Interactions, validation: Interactions, test: Interactions) -> pd.DataFrame:
    """Return each peer on the test users with its best settings for each number and target.

    Every setting is measured on both; the test figures looked at are those of the settings that the
    validation users chose.
    """
    rows = []
    for name, settings, model in peers():
        model.fit(train)
        chosen = evaluation.few_titles({name: model}, validation, train, seeds=VALIDATION_SEEDS)
        found = evaluation.few_titles({name: model}, test, train, seeds=TEST_SEEDS)
        rows.append(
            found.assign(
                settings=settings, **{f"chosen by {t}": chosen[t].to_numpy() for t in TARGETS}
            )
        )
        print(name, settings, file=sys.stderr, flush=True)
    everything = pd.concat(rows, ignore_index=True)
    parts = []
    for target in TARGETS:
        best = everything.groupby(["model", "given"])[f"chosen by {target}"].idxmax()
        parts.append(everything.loc[best].assign(tuned_for=target))
    return pd.concat(parts).drop(columns=[f"chosen by {t}" for t in TARGETS])


def ours(train: Interactions, features: ItemFeatures) -> dict[str, Model]:
    """Return anirec's models with their default settings, fitted."""
    models = (ItemKNN(), HybridEASE(), TwoStage())
    return {model.NAME: model.fit(train, features=features) for model in models}


def measure(models: dict[str, Model], people: dict[str, Interactions]) -> pd.DataFrame:
    """Return the models and their peers on the test users."""
    train = people["train"]
    found = evaluation.few_titles(models, people["test"], train, seeds=TEST_SEEDS)
    found = found.assign(settings="default", tuned_for="")
    print(markdown_beyond(found), file=sys.stderr, flush=True)
    return pd.concat([found, tuned(train, people["validation"], people["test"])])


def data(folder: Path) -> tuple[Interactions, ItemFeatures, dict[str, Interactions]]:
    """Return the lists learned from, what is known of the anime, and the others by role."""
    everyone, features = read(folder)
    roles = split_users(everyone)["role"].to_numpy()
    people = {role: everyone.users(roles == role) for role in ("train", "validation", "test")}
    return people["train"], features, people


def markdown(found: pd.DataFrame) -> str:
    """Return the NDCG@10 per number of titles given, the best peer = 1 in brackets."""
    lines = [
        "| model | " + " | ".join(f"{n}" for n in NUMBERS) + " |",
        "| --- |" + " ---: |" * len(NUMBERS),
    ]
    for target in TARGETS:
        beside = found[found["tuned_for"] == target]
        best = beside.groupby("given")[target].max()
        shown = pd.concat([beside, found[found["tuned_for"] == ""].assign(tuned_for="default")])
        for (name, how), group in shown.groupby(["model", "tuned_for"], sort=False):
            row = group.set_index("given")[target]
            cells = [f"{row[n]:.3f} ({row[n] / best[n]:.2f})" for n in NUMBERS]
            lines.append(f"| {name}, {how}: {target} | {' | '.join(cells)} |")
    return "\n".join([*lines, markdown_beyond(found)])


def markdown_beyond(found: pd.DataFrame) -> str:
    """Return coverage and information of the models with their default settings."""
    lines = []
    for name, group in found[found["tuned_for"] == ""].groupby("model", sort=False):
        for measured in (*TARGETS, "coverage", "information"):
            row = group.set_index("given")[measured]
            cells = [f"{row[n]:.3f}" for n in NUMBERS]
            lines.append(f"| {name}, default: {measured} | {' | '.join(cells)} |")
    return "\n".join(lines)


def side_by_side(models: dict[str, Model], train: Interactions, names: pd.Series) -> None:
    """Print the first ten of HybridEASE and TwoStage for each of twenty titles.

    ``names`` are the anime's, by id.
    """
    pair = ("hybrid-ease", "two-stage")
    for title in TWENTY:
        found = names.index[names == title]
        if not len(found) or found[0] not in train.anime_ids:
            print(f"\n## {title}: not in this dataset")
            continue
        named = train.encode(
            pd.DataFrame({"user_id": [0], "anime_id": [found[0]], "rating": [None]})
        )
        tens = [
            names.reindex(train.anime_ids[evaluation.rank(models[name], named, 10)[0]]).tolist()
            for name in pair
        ]
        print(f"\n## {title}\n\n| {' | '.join(pair)} |\n| --- | --- |")
        for one, other in zip(*tens, strict=True):
            print(f"| {one} | {other} |")


if __name__ == "__main__":
    source, *options = sys.argv[1:]
    learned, tags, everybody = data(Path(source))
    fitted = ours(learned, tags)
    if "--side-by-side" in options:
        titles = pd.read_csv(Path(source) / "anime.csv").set_index("anime_id")["name"]
        side_by_side(fitted, learned, titles)
    if "--only" not in options:
        results = measure(fitted, everybody)
        print(markdown(results))
