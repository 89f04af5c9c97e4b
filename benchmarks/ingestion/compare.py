"""Ingest a folder of raw files and read the same columns with pandas; print times and peak memory.

    python benchmarks/ingestion/compare.py DATASET FOLDER

Each runs in a process of its own, one after the other, imports included; pandas validates nothing.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("pandas", "anirec")


def measure(way: str, dataset: str, folder: Path) -> None:
    """Do the work in this process; print seconds, CPU seconds and peak memory in MB as JSON."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with_pandas(dataset, folder, Path(scratch)) if way == "pandas" else with_anirec(
            dataset, folder, Path(scratch)
        )
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
    }
    print(json.dumps(found))


def with_pandas(dataset: str, folder: Path, scratch: Path) -> None:
    import pandas as pd

    from anirec.datasets import raw_files

    for raw_file in raw_files(dataset):
        frame = pd.read_csv(folder / raw_file.name, usecols=raw_file.used)
        frame.to_parquet(scratch / f"{raw_file.name}.parquet")
        del frame


def with_anirec(dataset: str, folder: Path, scratch: Path) -> None:
    from anirec.config import Paths
    from anirec.datasets.ingest import ingest

    report = ingest(Paths.of(dataset, folder, scratch))
    print(report.summary(), file=sys.stderr)


def main() -> None:
    if len(sys.argv) == 4:
        measure(sys.argv[3], sys.argv[1], Path(sys.argv[2]))
        return
    dataset, folder = sys.argv[1], sys.argv[2]
    for file in Path(folder).glob("*.csv"):  # into the page cache, for both alike
        with file.open("rb") as stream:
            while stream.read(1 << 24):
                pass
    found = {}
    for way in WAYS:
        command = [sys.executable, __file__, dataset, folder, way]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        found[way] = json.loads(done.stdout)
    pandas, anirec = (found[way] for way in WAYS)
    print("| dataset | | seconds | CPU seconds | peak MB |\n| --- | --- | --- | --- | --- |")
    for way in WAYS:
        seconds, cpu, peak_mb = found[way].values()
        print(f"| {dataset} | {way} | {seconds:.1f} | {cpu:.1f} | {peak_mb:.0f} |")
    ratios = " | ".join(f"{anirec[key] / pandas[key]:.2f}" for key in pandas)
    print(f"| {dataset} | anirec / pandas | {ratios} |")


if __name__ == "__main__":
    main()
