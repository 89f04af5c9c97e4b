"""Real files ingest with the counts that their description states."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from anirec.config import Paths
from anirec.datasets.ingest import ingest


def test_mal_2016_is_read_whole(real_data: Path, tmp_path: Path) -> None:
    paths = Paths.of("mal-2016", real_data / "mal-2016", tmp_path)
    ingest(paths)
    ratings = pd.read_parquet(tmp_path / "ratings.parquet")
    anime = pd.read_parquet(tmp_path / "anime.parquet").set_index("anime_id")
    assert (len(ratings), ratings["user_id"].nunique(), len(anime)) == (423_289, 4_000, 7_390)
    assert 0.18 < ratings["rating"].isna().mean() < 0.20
    assert not ratings.duplicated(["user_id", "anime_id"]).any()
    assert anime["title"].loc[137] == "Gintama'"


def test_mal_2023_catalogue_loses_its_cut_off_row_only(real_data: Path, tmp_path: Path) -> None:
    paths = Paths.of("mal-2023", real_data / "mal-2023", tmp_path)
    report = ingest(paths)
    content = json.loads((tmp_path / "ingest.json").read_text())
    assert content["tables"]["anime"]["rows"] == 1_821
    assert content["missing"] == ["users-details-2023.csv", "users-score-2023.csv"]
    rejects = pd.read_csv(tmp_path / "rejects.csv")
    assert rejects[["line", "record"]].to_numpy().tolist() == [[6062, 1823]]
    assert rejects["reason"].tolist() == ["cut off at the end of the file"]
    assert "users-score-2023.csv: missing" in report.summary()
