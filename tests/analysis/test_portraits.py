"""Portraits of known segments, and the files that others read of them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from test_clustering import GENRES, community
from test_segments import ANIME

from anirec.analysis import portraits, segments
from anirec.analysis.finding import Absence
from anirec.analysis.mixture import MIXTURE_FILE
from anirec.catalogue.features import item_features
from anirec.config import Paths


@pytest.fixture(scope="module")
def audience() -> segments.Audience:
    lists = community()
    return segments.find_audience(lists, ANIME, item_features(ANIME, lists.anime_ids), 6, 4)


def test_what_is_kept_tells_of_every_user_and_segment(audience, tmp_path: Path) -> None:
    paths = Paths.of("sample", output_dir=tmp_path)
    portraits.keep(audience, paths)
    users = pd.read_parquet(paths.tables / "segments.parquet")
    assert users["user_id"].tolist() == list(range(400))
    assert users[GENRES].sum(axis=1).round(4).eq(1).all()
    assert (users[GENRES].idxmax(axis=1) == users["segment"].astype(str)).mean() > 0.95
    told = json.loads((paths.tables / "segment_profiles.json").read_text("utf-8"))["segments"]
    assert [row["segment"] for row in told] == audience.names.tolist()
    for row in told:
        assert row["genres_by_lift"][0]["genre"] == row["segment"]
        assert row["genres_by_share"][0]["genre"] == "Comedy"
        assert row["users"] == (users["segment"] == row["segment"]).sum()
        assert len(row["titles"]) == 5 and row["insight"]
    assert (paths.tables / MIXTURE_FILE).is_file()


def test_without_segments_that_is_kept_and_nothing_older(audience, tmp_path: Path) -> None:
    paths = Paths.of("sample", output_dir=tmp_path)
    portraits.keep(audience, paths)
    portraits.keep(Absence("Which audiences are there?", "Too few."), paths)
    assert not (paths.tables / MIXTURE_FILE).exists()
    told = json.loads((paths.tables / "segment_profiles.json").read_text("utf-8"))
    assert told == {"segments": [], "absent": "Too few."}
    assert pd.read_parquet(paths.tables / "segments.parquet").empty
    assert pd.read_csv(paths.tables / portraits.TITLES_FILE).empty
