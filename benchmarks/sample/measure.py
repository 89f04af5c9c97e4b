"""Generate the sample at a size, and report time, memory, and what came out.

Run as ``python benchmarks/sample/measure.py [--size full] [--seed 0] [--out DIR]``; the files stay
in ``--out`` for other benchmarks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path

import duckdb

from anirec.datasets import sample


def measure(out: Path, size: str, seed: int) -> dict[str, object]:
    """Generate into ``out``; return seconds, peak memory in GB, counts and the scores' shares."""
    start = time.perf_counter()
    sample.generate(out, size=size, seed=seed)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    entries = duckdb.read_csv(str(out / sample.SCORES_FILE), sep=",", quotechar='"', escapechar='"')
    scores = entries.filter("rating > 0")
    n, users, anime, mean, sd = scores.aggregate(
        "count(*), count(DISTINCT user_id), count(DISTINCT anime_id), avg(rating), "
        "stddev_samp(rating)"
    ).fetchall()[0]
    counts = dict(scores.aggregate("rating, count(*) AS n", "rating").fetchall())
    real = sample.RATING_COUNTS / sample.RATING_COUNTS.sum()
    apart = [100 * abs(counts[r] / n - share) for r, share in enumerate(real, start=1)]
    return {
        "size": size,
        "cores": len(os.sched_getaffinity(0)),
        "seconds": round(seconds, 1),
        "peak_gb": round(peak, 2),
        "entries": len(entries),
        "scores": n,
        "users_with_scores": users,
        "anime_with_scores": anime,
        "mean": round(mean, 3),
        "sd": round(sd, 3),
        "largest_gap_of_a_share_in_points": round(max(apart), 3),
        "bytes": sum(file.stat().st_size for file in out.iterdir()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="full", choices=list(sample.SIZES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("data/raw/sample-full"))
    given = parser.parse_args()
    print(json.dumps(measure(given.out, given.size, given.seed), indent=2))


if __name__ == "__main__":
    main()
