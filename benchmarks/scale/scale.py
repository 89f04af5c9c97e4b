"""How the ranking models grow: time and memory of fitting, time of serving, at 2023's full size.

In anirec's environment, from the repository:

    anirec sample --size full --out <raw>
    python benchmarks/scale/scale.py prepare <raw> <work>
    python benchmarks/scale/scale.py run <work> <python of the peer's environment> [<model>...]

``run`` measures each fit in a process of its own, so that its peak memory is its own, notes it in
``<work>/results.jsonl`` and prints the tables of README.md. Models are all by default; what was
measured by an earlier run is kept. The peer's environment holds ``requirements.txt``.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.interactions import Interactions, hold_out

SHARES = (0.125, 0.25, 0.5, 1.0)
MODELS = ("popularity", "item-knn", "pure-svd", "ease", "hybrid-ease", "two-stage")
AT_FULL_SIZE_ONLY = ("popularity", "item-knn", "pure-svd", "ease")
PEER = "implicit-als"
N_SERVED = 1000
PRUNED_TO = {"hybrid-ease": 200, "two-stage": 200}


def prepare(raw: Path, work: Path) -> None:
    """Ingest the simulated files and keep the lists and the catalogue in ``work``."""
    from anirec.config import Paths
    from anirec.datasets.ingest import ingest

    paths = Paths.of("sample", raw_dir=raw, processed_dir=work)
    ingest(paths)
    columns = ["user_id", "anime_id", "rating", "status"]
    ratings = pd.read_parquet(work / "ratings.parquet", columns=columns)
    lists = Interactions.from_frame(ratings)
    lists.save(work / "lists.npz")
    print(f"{lists.shape[0]:,} users, {lists.shape[1]:,} anime, {lists.nnz:,} entries")


def share_of(lists: Interactions, share: float) -> Interactions:
    """Return a random share of the users, the same each time."""
    drawn = np.random.default_rng(0).random(lists.shape[0]) < share
    return lists.users(drawn)


def fit(name: str, share: float, work: Path, keep: Path | None = None) -> dict[str, object]:
    """Fit a model and return its seconds, peak memory and scale; ``keep`` is where to save it."""
    from anirec.catalogue.features import item_features
    from anirec.models import MODELS as ALL

    lists = share_of(Interactions.load(work / "lists.npz"), share)
    features = item_features(pd.read_parquet(work / "anime.parquet"), lists.anime_ids)
    before, start = peak_gb(), clocks()
    model = ALL[name]().fit(lists, features=features)
    result = about(name, share, lists, start, before)
    if keep:
        model.save(keep)
    return result


def fit_als(share: float, work: Path) -> dict[str, object]:
    """Fit implicit's ALS (128 factors, 15 iterations) on the same lists."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy import sparse

    lists = share_of(Interactions.load(work / "lists.npz"), share)
    before, start = peak_gb(), clocks()
    matrix = sparse.csr_matrix(lists.matrix())
    model = AlternatingLeastSquares(
        factors=128, iterations=15, num_threads=os.cpu_count(), random_state=0
    )
    model.fit(matrix, show_progress=False)
    return about(PEER, share, lists, start, before)


def about(
    name: str, share: float, lists: Interactions, start: tuple[float, float], before: float
) -> dict[str, object]:
    seconds, cpu = (now - then for now, then in zip(clocks(), start, strict=True))
    return {
        "model": name,
        "share": share,
        "users": lists.shape[0],
        "entries": lists.nnz,
        "seconds": seconds,
        "CPU seconds": cpu,
        "GB before": before,
        "GB peak": peak_gb(),
    }


def clocks() -> tuple[float, float]:
    """Return the time on the wall and the time of all this process's threads, in seconds."""
    return time.perf_counter(), time.process_time()


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def serve(name: str, folder: Path, work: Path) -> dict[str, object]:
    """Load a fitted model, prune it, and time what a page asks of it (medians, milliseconds)."""
    from anirec.evaluation import top_ranked
    from anirec.models import load_model

    lists = Interactions.load(work / "lists.npz")
    drawn = np.random.default_rng(1).choice(lists.shape[0], N_SERVED, replace=False)
    profiles, _ = hold_out(lists.users(np.sort(drawn)), 0.8, 0)
    del lists
    whole = load_model(folder)
    with tempfile.TemporaryDirectory(dir=work) as kept:
        whole.prune(PRUNED_TO[name]).save(Path(kept))
        size = sum(f.stat().st_size for f in Path(kept).rglob("*") if f.is_file())
        start = time.perf_counter()
        model = load_model(Path(kept))
        loading = time.perf_counter() - start
        one = [profiles.users(np.array([row])) for row in range(100)]
        ranked = [top_ranked(model.score(profile), profile, 10)[0] for profile in one]

        def explain(profile: Interactions, best: np.ndarray) -> None:
            model.explain(profile, model.anime_ids_[best[0]])

        def explain_ranking(profile: Interactions, best: np.ndarray) -> None:
            model.explain_ranking(profile, model.anime_ids_[best[0]])

        def page(profile: Interactions, best: np.ndarray) -> None:
            best = top_ranked(model.score(profile), profile, 10)[0]
            for column in best:
                model.explain(profile, model.anime_ids_[column])

        def rank(profile: Interactions, best: np.ndarray) -> None:
            top_ranked(model.score(profile), profile, 10)

        times = {"one profile": rank, "one explanation": explain, "page of ten": page}
        if name == "two-stage":
            times["ranker's explanation"] = explain_ranking
        result = {
            "model": name,
            "weights per anime": PRUNED_TO[name],
            "MB": size / 1e6,
            "load, ms": 1000 * loading,
        }
        for title, call in times.items():
            result[f"{title}, ms"] = median_ms(call, one, ranked)
        start = time.perf_counter()
        top_ranked(model.score(profiles), profiles, 10)
        result[f"batch of {N_SERVED}, ms"] = 1000 * (time.perf_counter() - start)
    return result


def median_ms(call: Callable, profiles: list[Interactions], ranked: list[np.ndarray]) -> float:
    times = []
    for profile, best in zip(profiles, ranked, strict=True):
        start = time.perf_counter()
        call(profile, best)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))


def measured(work: Path, python: str, *arguments: object) -> None:
    """Run one measurement in a process of its own and note what it prints."""
    command = [python, __file__, *map(str, arguments)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(ran.stdout, end="", file=sys.stderr)
    with (work / "results.jsonl").open("a", encoding="utf-8") as results:
        results.write(ran.stdout)


def run(work: Path, peer_python: str, models: list[str]) -> None:
    """Measure models at all sizes, then serving, and print the tables of all that was measured."""
    for share in SHARES:
        for name in models:
            if name == PEER:
                measured(work, peer_python, "als", share, work)
            elif share == 1 or name not in AT_FULL_SIZE_ONLY:
                keep = [work / name] if share == 1 and name in PRUNED_TO else []
                measured(work, sys.executable, "fit", name, share, work, *keep)
    for name in PRUNED_TO:
        if name in models:
            measured(work, sys.executable, "serve", name, work / name, work)
    lines = (work / "results.jsonl").read_text(encoding="utf-8").splitlines()
    results = [json.loads(line) for line in lines]
    for kind in ("seconds", "MB"):
        rows = [row for row in results if kind in row]
        if rows:
            print(table(pd.DataFrame(rows)) + "\n")


def table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table."""
    shown = frame.map(
        lambda v: f"{v:,.2f}" if isinstance(v, float) else v if isinstance(v, str) else f"{v:,}"
    )
    rows = [list(frame.columns), ["---"] * frame.shape[1], *shown[frame.columns].to_numpy()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "prepare":
        prepare(Path(rest[0]), Path(rest[1]))
    elif what == "run":
        work, peer_python, *models = rest
        run(Path(work), peer_python, models or [*MODELS, PEER])
    elif what == "fit":
        name, share, work, *keep = rest
        result = fit(name, float(share), Path(work), Path(keep[0]) if keep else None)
        print(json.dumps(result))
    elif what == "als":
        print(json.dumps(fit_als(float(rest[0]), Path(rest[1]))))
    elif what == "serve":
        print(json.dumps(serve(rest[0], Path(rest[1]), Path(rest[2]))))
