"""Small raw files to damage, and what ingesting them gives."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings

from anirec.config import ROOT, Paths
from anirec.datasets.account import FileReport, Report
from anirec.datasets.ingest import ingest

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

SMALL = ROOT / "tests" / "data"


@dataclass
class Dataset:
    """A copy of a small dataset's raw files, and where its tables go."""

    paths: Paths

    def __getitem__(self, name: str) -> bytes:
        return (self.paths.raw / name).read_bytes()

    def __setitem__(self, name: str, content: bytes | str) -> None:
        data = content.encode() if isinstance(content, str) else content
        (self.paths.raw / name).write_bytes(data)

    def edit(self, name: str, *swaps: tuple[str, str]) -> None:
        """Replace text that occurs exactly once in a raw file."""
        text = self[name].decode()
        for old, new in swaps:
            assert text.count(old) == 1, (old, text.count(old))
            text = text.replace(old, new)
        self[name] = text

    def append(self, name: str, *lines: str) -> None:
        self[name] = self[name] + "".join(f"{line}\n" for line in lines).encode()

    def ingest(self, max_reject_fraction: float = 0.9) -> Report:
        """Ingest with a limit that small files with one bad row in five do not exceed."""
        return ingest(self.paths, max_reject_fraction)

    def report(self, name: str) -> FileReport:
        return self.ingest().files[name]

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.paths.processed / f"{name}.parquet")

    def ratings(self) -> list[tuple]:
        """Return (user, anime, rating) of the ratings table, None for a null rating."""
        frame = self.table("ratings")[["user_id", "anime_id", "rating"]].astype(object)
        return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))

    def rejects(self) -> list[dict[str, str]]:
        with (self.paths.processed / "rejects.csv").open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def small(tmp_path: Path) -> Callable[[str], Dataset]:
    """Return a function that copies a small dataset for one test."""

    def copied(name: str) -> Dataset:
        raw = tmp_path / name
        shutil.copytree(SMALL / name, raw, dirs_exist_ok=True)
        return Dataset(Paths.of(name, raw, tmp_path / "processed" / name))

    return copied
