"""A dataset ingested and fitted, for events to change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from anirec.catalogue.features import item_features
from anirec.config import Paths
from anirec.datasets.ingest import ingest
from anirec.interactions import Interactions
from anirec.models import HybridEASE, Popularity, TwoStage


@pytest.fixture(scope="session")
def fitted(tiny_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny sample's tables and models fitted to all its lists, below ``data`` and ``out``."""
    root = tmp_path_factory.mktemp("fitted")
    paths = Paths.of(
        "sample",
        raw_dir=tiny_raw,
        processed_dir=root / "data/processed/sample",
        output_dir=root / "out/sample",
    )
    ingest(paths)
    lists = Interactions.from_frame(pd.read_parquet(paths.processed / "ratings.parquet"))
    features = item_features(pd.read_parquet(paths.processed / "anime.parquet"), lists.anime_ids)
    hybrid = HybridEASE(n_neighbours=60).fit(lists, features=features)
    two_stage = TwoStage(retriever=hybrid, n_rounds=8, n_draws=1, n_few_draws=0)
    for model in (Popularity(), hybrid, two_stage):
        model.fit(lists, features=features).save(paths.models / model.NAME)
    return root


@pytest.fixture
def paths(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """A copy of the fitted dataset of which a test may change all."""
    shutil.copytree(fitted, tmp_path / "run")
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path / "run/data"))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(tmp_path / "run/out"))
    return Paths.of("sample")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes records as JSON lines to a file and returns its name."""

    def written(*records: dict, name: str = "events.jsonl") -> str:
        file = tmp_path / name
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
        return str(file)

    return written


@pytest.fixture
def lists(paths: Paths) -> pd.DataFrame:
    columns = ["user_id", "anime_id", "rating", "status"]
    return pd.read_parquet(paths.processed / "ratings.parquet", columns=columns)
