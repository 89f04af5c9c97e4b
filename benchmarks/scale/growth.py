"""How fitting grows with entries when lists are read a part at a time, up to hundreds of millions.

In anirec's environment, from the repository:

    python benchmarks/scale/growth.py run <work> [--millions 24,48,109,250] [--workers 2]
    python benchmarks/scale/growth.py table <work>
    python benchmarks/scale/growth.py everybody <work> [--millions 2] [--workers 2]

The lists are simulated while they are read, each part from a seed of its own, and kept nowhere:
what that takes is measured by a pass that does nothing else. ``run`` fits each size in a process of
its own, so that its peak memory is its own, and notes it in ``<work>/growth.jsonl``; ``table``
prints the table of README.md and what it says of a billion entries. ``everybody`` measures how many
users a second are recommended to, by HybridEASE and TwoStage fitted to simulated lists.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.catalogue.catalogue import COLUMNS
from anirec.catalogue.features import item_features
from anirec.cluster import engine_of
from anirec.config import Paths
from anirec.engine import Arrays, Sums
from anirec.files import write_table
from anirec.interactions import Interactions
from anirec.models import HybridEASE, LikedEASE, TwoStage
from anirec.partitions import ListsWriter, PartitionedLists
from anirec.recommender import AnimeRecommender
from anirec.recommender.batch import recommend_to_all

N_ANIME = 16_500
PART_ENTRIES = 2_000_000
MEAN_LENGTH, SPREAD = 90, 1.3
"""Entries of the mean list, and the standard deviation of the logarithm of the lengths."""
LONGEST = 4_000
UNSCORED = 0.35
"""The share of entries without a score."""
GENRES = [f"Genre {number}" for number in range(20)]
BILLION = 1e9
HYBRID, LIKED = dict(HybridEASE.STARTS), dict(LikedEASE.STARTS)
"""Settings that are fitted with: choosing them takes a draw of lists, whose size does not grow."""


@cache
def popularity() -> np.ndarray:
    """Return anime to draw from, each as often as it is popular: rank + 60 to the power of -1.4."""
    weights = (np.arange(N_ANIME) + 60.0) ** -1.4
    numbers = np.maximum(np.round(weights / weights.sum() * 2**22), 1).astype(int)
    return np.random.default_rng(0).permutation(N_ANIME).astype(np.int32).repeat(numbers)


@dataclass(frozen=True)
class SimulatedPart:
    """A part of lists that is made when its turn comes, always the same."""

    seed: int
    size: int = PART_ENTRIES

    @property
    def n_users(self) -> int:
        return self.size // MEAN_LENGTH

    def read(self) -> Interactions:
        """Return its lists; their entries come near `size`."""
        rng = np.random.default_rng(self.seed)
        mean = np.log(MEAN_LENGTH * 1.28) - SPREAD**2 / 2  # what is drawn twice falls away
        drawn = np.exp(rng.normal(mean, SPREAD, self.n_users)).astype(int)
        drawn = np.clip(drawn, 1, LONGEST)
        anime = rng.choice(popularity(), drawn.sum())
        cells = np.repeat(np.arange(self.n_users), drawn) * np.int64(N_ANIME) + anime
        cells.sort()
        cells = cells[np.diff(cells, prepend=-1) > 0]
        users = cells // N_ANIME
        ratings = np.clip(
            np.round(rng.standard_normal(len(cells), dtype=np.float32) * 1.6 + 7.6), 1, 10
        )
        ratings[rng.random(len(cells), dtype=np.float32) < UNSCORED] = np.nan
        return Interactions(
            user_ids=np.arange(self.n_users, dtype=np.int64) + self.seed * self.n_users,
            anime_ids=np.arange(N_ANIME, dtype=np.int32),
            indptr=np.searchsorted(users, np.arange(self.n_users + 1)),
            indices=(cells - users * N_ANIME).astype(np.int32),
            ratings=ratings,
            dropped=np.zeros(len(cells), dtype=bool),
        )

    def chunks(self) -> Iterator[Interactions]:
        """See `anirec.engine.Part`."""
        return self.read().chunks()


class Nothing(Sums):
    """Counts entries: what the simulation itself takes."""

    WHAT = "simulating"

    def start(self) -> Arrays:
        return {"entries": np.zeros(1, dtype=np.int64)}

    def add(self, sums: Arrays, chunk: Interactions) -> None:
        sums["entries"] += chunk.nnz


def simulated(millions: float) -> PartitionedLists:
    """Return lists with about so many entries."""
    parts = [SimulatedPart(seed) for seed in range(max(1, round(millions * 1e6 / PART_ENTRIES)))]
    return PartitionedLists(np.arange(N_ANIME, dtype=np.int32), parts)


def catalogue() -> pd.DataFrame:
    """Return anime with one to three genres each, drawn at random."""
    rng = np.random.default_rng(1)
    anime = pd.DataFrame({"anime_id": np.arange(N_ANIME, dtype=np.int32)}).reindex(columns=COLUMNS)
    anime["title"] = [f"Title {number}" for number in range(N_ANIME)]
    genres = [rng.choice(GENRES, rng.integers(1, 4), replace=False) for _ in range(N_ANIME)]
    return anime.assign(genres=[list(some) for some in genres])


def fit(millions: float, workers: int) -> dict[str, object]:
    """Fit HybridEASE; return seconds and peak memory, of the greatest worker too."""
    with engine_of(workers=workers or None, say=lambda said: None) as engine:
        lists = simulated(millions).by(engine)
        features = item_features(catalogue(), lists.anime_ids)
        start = time.perf_counter()
        entries = int(lists.total(Nothing())["entries"][0])
        simulating = time.perf_counter() - start
        start = time.perf_counter()
        HybridEASE(**HYBRID).fit(lists, features=features)
        seconds = time.perf_counter() - start
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "entries": entries,
        "users": lists.shape[0],
        "workers": workers,
        "seconds": seconds,
        "CPU seconds": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
        "simulating": simulating,
        "passes": 2,
        "load": os.getloadavg()[1],
        "GB peak": own.ru_maxrss / 2**20,
        "GB peak of a worker": children.ru_maxrss / 2**20,
    }


def everybody(work: Path, millions: float, workers: int) -> None:
    """Recommend to simulated users by fitted models; print users a second."""
    paths = Paths.of("simulated", processed_dir=work / "processed", output_dir=work / "outputs")
    if not (paths.processed / "lists" / "lists.json").is_file():
        write_table(catalogue(), paths.processed / "anime.parquet")
        with ListsWriter(paths.processed / "lists") as writer:
            for part in simulated(millions).parts:
                for chunk in part.read().chunks(PART_ENTRIES // 8):
                    writer.add(chunk)
    lists = PartitionedLists.open(paths.processed / "lists")
    hybrid, second = HybridEASE(**HYBRID), LikedEASE(**LIKED)
    for model in (hybrid, TwoStage(retriever=hybrid, second=second, max_users=1000)):
        if not (paths.models / model.NAME / "model.json").is_file():
            features = item_features(catalogue(), lists.anime_ids)
            model.fit(lists, features=features).save(paths.models / model.NAME)
    recommender = AnimeRecommender.load(paths)
    for name in (HybridEASE.NAME, TwoStage.NAME):
        start, cpu = time.perf_counter(), cpu_seconds()
        with (
            tempfile.TemporaryDirectory(dir=work) as out,
            engine_of(workers=workers or None) as engine,
        ):
            users, _ = recommend_to_all(recommender, lists.by(engine), Path(out) / "all", 10, name)
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu
        print(
            f"{name}: {users:,} users, {users / seconds:,.0f} a second, "
            f"{users / cpu:,.0f} a CPU second (load {os.getloadavg()[1]:.1f})",
            flush=True,
        )


def cpu_seconds() -> float:
    """Return the processor time of this process and of those of its children that ended."""
    return sum(os.times()[:4])


def run(work: Path, sizes: list[float], workers: int) -> None:
    """Measure each size in a process of its own."""
    work.mkdir(parents=True, exist_ok=True)
    for millions in sizes:
        command = [sys.executable, __file__, "fit", str(millions), "--workers", str(workers)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(ran.stdout, end="", flush=True)
        with (work / "growth.jsonl").open("a", encoding="utf-8") as results:
            results.write(ran.stdout)


def table(work: Path) -> None:
    """Print what was measured, the slopes, and what they say of a billion entries."""
    frame = pd.read_json(work / "growth.jsonl", lines=True).sort_values(["workers", "entries"])
    frame["net"] = frame["seconds"] - frame["passes"] * frame["simulating"]
    print("| entries | users | workers | seconds | less simulating | CPU s | peak, GB | worker's |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in frame.to_dict("records"):
        cells = [f"{row[name]:,}" for name in ("entries", "users", "workers")]
        cells += [f"{row[name]:.0f}" for name in ("seconds", "net", "CPU seconds")]
        cells += [f"{row[name]:.2f}" for name in ("GB peak", "GB peak of a worker")]
        print(f"| {' | '.join(cells)} |")
    for workers, some in frame.groupby("workers"):
        if len(some) > 1:
            for measure in ("net", "CPU seconds"):
                slope, _ = np.polyfit(np.log(some["entries"]), np.log(some[measure]), 1)
                each, fixed = np.polyfit(some["entries"], some[measure], 1)
                billion = (fixed + each * BILLION) / 60
                print(
                    f"\n{workers} workers, {measure}: log-log slope {slope:.2f}; {fixed:.0f} s and "
                    f"{each * 1e6:.2f} s a million: an estimate of {billion:.0f} min for a billion"
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "everybody", "fit", "table"):
        one = commands.add_parser(name)
        if name != "fit":
            one.add_argument("work", type=Path)
        if name in ("run", "everybody"):
            one.add_argument("--millions", default="24,48,109,250" if name == "run" else "2")
        if name == "fit":
            one.add_argument("millions", type=float)
        one.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    if options.command == "run":
        run(options.work, [float(size) for size in options.millions.split(",")], options.workers)
    elif options.command == "everybody":
        everybody(options.work, float(options.millions), options.workers)
    elif options.command == "fit":
        print(json.dumps(fit(options.millions, options.workers)))
    else:
        table(options.work)
