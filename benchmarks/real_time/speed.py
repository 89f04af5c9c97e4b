"""How long a served HybridEASE takes to follow changed lists, beside a refit; and its memory.

    python benchmarks/real_time/speed.py one <raw files of mal-2016>
    python benchmarks/real_time/speed.py full <work>      # as benchmarks/scale/scale.py prepares it

``one`` changes a profile of about 100 entries, in the same process as a refit with fixed settings;
``full`` sums 24 million entries up once (kept in <work>/sums), then follows 1 and 1,000 changed
lists, each in a process of its own, from the snapshot on.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.catalogue.features import item_features
from anirec.config import Paths
from anirec.datasets.ingest import ingest
from anirec.interactions import Interactions
from anirec.models import HybridEASE
from anirec.models.incremental import HybridSums

ENTRIES = 100
RUNS = 5


@contextmanager
def timed(what: str, seconds: dict[str, float]) -> Iterator[None]:
    """Note the seconds on the wall, and those of this process's threads as ``CPU <what>``."""
    start, cpu = time.perf_counter(), time.process_time()
    yield
    seconds[what] = time.perf_counter() - start
    seconds[f"CPU {what}"] = time.process_time() - cpu


def turned(lists: Interactions) -> Interactions:
    """Return lists with every rating turned round: 10 is 1."""
    return replace(lists, ratings=11 - lists.ratings)


def one(raw: Path) -> None:
    """Print how long one profile of ``mal-2016`` takes, and a refit; and how far scores differ."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths.of("mal-2016", raw_dir=raw, processed_dir=folder)
        ingest(paths)
        columns = ["user_id", "anime_id", "rating", "status"]
        lists = Interactions.from_frame(
            pd.read_parquet(paths.processed / "ratings.parquet", columns=columns)
        )
        anime = pd.read_parquet(paths.processed / "anime.parquet")
    features = item_features(anime, lists.anime_ids)
    held_out = lists.users(np.arange(200))
    learned = lists.users(np.arange(200, lists.shape[0]))
    nearest = np.argsort(np.abs(learned.lengths - ENTRIES), kind="stable")[:RUNS]
    state = HybridSums.begin(HybridEASE(), learned, features)
    state.model()
    seconds: dict[str, float] = {}
    updates = []
    now = learned
    for row in nearest:
        before = learned.users(np.array([row]))
        after = turned(before)
        with timed("update", seconds):
            state.partial_fit(after, before)
            followed = state.model()
        updates.append([seconds["update"], seconds["CPU update"]])
        theirs = now.rows == row
        now = replace(now, ratings=np.where(theirs, 11 - now.ratings, now.ratings))
    with timed("refit", seconds):
        HybridEASE().fit(now, features=features)
    state.settings.n_neighbours = 0
    constants = state.settings.scale_, state.usual_length
    refit = HybridSums.begin(state.settings, now, features, constants).model()
    apart = np.abs(state.model().score(held_out) - refit.score(held_out)).max()
    updated = np.median(updates, axis=0)
    print(f"{lists.shape[1]:,} anime, {lists.nnz:,} entries; profiles of {ENTRIES} entries")
    for name, update in zip(("", "CPU "), updated, strict=True):
        refit_s = seconds[f"{name}refit"]
        print(f"{name}update {update:.2f} s, refit {refit_s:.2f} s: {refit_s / update:.1f} times")
    print(f"scores of 200 held-out profiles at most {apart:.1e} apart (unpruned)")
    print(f"weights kept {followed.weights_.nnz:,}")


def full(work: Path) -> None:
    """Print how long 1 and 1,000 changed lists take at full size, and what memory."""
    for step in ("sums", "1", "1000"):
        if step == "sums" and (work / "sums").is_dir():
            continue
        subprocess.run([sys.executable, __file__, "step", str(work), step], check=True)


def step(work: Path, what: str) -> None:
    """One process of ``full``."""
    seconds: dict[str, float] = {}
    lists = Interactions.load(work / "lists.npz")
    if what == "sums":
        features = item_features(pd.read_parquet(work / "anime.parquet"), lists.anime_ids)
        with timed("summing up and solving", seconds):
            state = HybridSums.begin(HybridEASE(), lists, features)
        with timed("pruning", seconds):
            state.model()
        with timed("snapshot", seconds):
            state.save(work / "sums")
    else:
        number = int(what)
        rng = np.random.default_rng(number)
        usual = np.argsort(np.abs(lists.lengths - ENTRIES), kind="stable")[:1]
        drawn = rng.choice(lists.shape[0], number, replace=False) if number > 1 else usual
        before = lists.users(np.sort(drawn))
        del lists
        after = turned(before)
        with timed("loading and checking the snapshot", seconds):
            state = HybridSums.load(work / "sums")
        with timed("following", seconds):
            way = state.partial_fit(after, before)
        with timed("pruning", seconds):
            model = state.model()
        with timed("writing", seconds), tempfile.TemporaryDirectory(dir=work) as folder:
            model.save(Path(folder) / "model")
        print(f"{number:,} lists, {before.nnz:,} entries: {way}; drift {state.drift():.1e}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    print(
        f"{what}: {parts}; {sum(seconds.values()):.1f} s in all, {peak:.1f} GB at most", flush=True
    )


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "step":
        step(Path(arguments[0]), arguments[1])
    else:
        {"one": one, "full": full}[command](Path(arguments[0]))
