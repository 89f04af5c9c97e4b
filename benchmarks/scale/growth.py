"""How fitting grows with entries when lists are read a part at a time, up to hundreds of millions.

In anirec's environment, from the repository:

    python benchmarks/scale/growth.py run <work> [--millions 24,48,109,250] [--workers 0,2]
    python benchmarks/scale/growth.py table <work>

The lists are simulated while they are read, each part from a seed of its own, and kept nowhere:
what that takes is measured by a pass that does nothing else. ``run`` fits each size in a process of
its own, so that its peak memory is its own, and notes it in ``<work>/growth.jsonl``; ``table``
prints the table of README.md and what it says of a billion entries.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.engine import Arrays, Sums
from anirec.interactions import Interactions
from anirec.models import HybridEASE
from anirec.partitions import PartitionedLists

N_ANIME = 16_500
PART_ENTRIES = 2_000_000
MEAN_LENGTH, SPREAD = 90, 1.3
"""Entries of the mean list, and the standard deviation of the logarithm of the lengths."""
LONGEST = 4_000
UNSCORED = 0.35
"""The share of entries without a score."""
BILLION = 1e9


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


def fit(millions: float) -> dict[str, object]:
    """Fit HybridEASE; return seconds and peak memory."""
    lists = simulated(millions)
    start = time.perf_counter()
    entries = int(lists.total(Nothing())["entries"][0])
    simulating = time.perf_counter() - start
    start, cpu = time.perf_counter(), time.process_time()
    HybridEASE().fit(lists)
    return {
        "entries": entries,
        "users": lists.shape[0],
        "workers": 0,
        "seconds": time.perf_counter() - start,
        "CPU seconds": time.process_time() - cpu,
        "simulating": simulating,
        "passes": 2,
        "GB peak": peak_gb(),
    }


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run(work: Path, sizes: list[float]) -> None:
    """Measure each size in a process of its own."""
    work.mkdir(parents=True, exist_ok=True)
    for millions in sizes:
        command = [sys.executable, __file__, "fit", str(millions)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(ran.stdout, end="", flush=True)
        with (work / "growth.jsonl").open("a", encoding="utf-8") as results:
            results.write(ran.stdout)


def table(work: Path) -> None:
    """Print what was measured, the slope, and what it says of a billion entries."""
    frame = pd.read_json(work / "growth.jsonl", lines=True)
    frame["net"] = frame["seconds"] - frame["passes"] * frame["simulating"]
    print("| entries | users | seconds | without simulating | peak, GB |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for row in frame.sort_values("entries").itertuples():
        cells = f"{row.entries:,}", f"{row.users:,}", f"{row.seconds:.0f}", f"{row.net:.0f}"
        print(f"| {' | '.join(cells)} | {frame.at[row.Index, 'GB peak']:.2f} |")
    if len(frame) > 1:
        slope, _ = np.polyfit(np.log(frame["entries"]), np.log(frame["net"]), 1)
        each, fixed = np.polyfit(frame["entries"], frame["net"], 1)
        print(f"\nlog-log slope {slope:.2f}; {fixed:.0f} s and {each * 1e6:.2f} s per million:")
        print(f"an estimate of {(fixed + each * BILLION) / 60:.0f} minutes for a billion entries")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run")
    one.add_argument("work", type=Path)
    one.add_argument("--millions", default="24,48,109,250")
    commands.add_parser("fit").add_argument("millions", type=float)
    commands.add_parser("table").add_argument("work", type=Path)
    options = parser.parse_args()
    if options.command == "run":
        run(options.work, [float(size) for size in options.millions.split(",")])
    elif options.command == "fit":
        print(json.dumps(fit(options.millions)))
    else:
        table(options.work)
