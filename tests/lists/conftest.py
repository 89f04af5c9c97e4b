"""A small catalogue, and lists as people have them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from anirec.catalogue import Catalogue
from anirec.config import Paths
from anirec.datasets.ingest import ingest

TITLES = [
    (1, 1, "Cowboy Bebop", "Cowboy Bebop", "カウボーイビバップ", 1998, "TV", 26),
    (5, 20, "Naruto", None, "ナルト", 2002, "TV", 220),
    (6, 16498, "Shingeki no Kyojin", "Attack on Titan", "進撃の巨人", 2013, "TV", 25),
    (7, None, 'Tom & "Jerry" <b>', None, None, None, None, None),
    (8, 19, "Monster", None, None, 2004, "TV", 74),
    (9, 9253, "Steins;Gate", None, None, 2011, "TV", 24),
    (10, 25777, "Shingeki no Kyojin Season 2", "Attack on Titan Season 2", None, 2017, "TV", 12),
    (11, 37779, "Yakusoku no Neverland", "The Promised Neverland", None, 2019, "TV", 12),
]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    names = ["anime_id", "mal_id", "title", "title_english", "title_japanese", "year", "type",
             "episodes"]  # fmt: skip
    anime = pd.DataFrame(TITLES, columns=names).assign(members=range(len(TITLES), 0, -1))
    return Catalogue(anime.astype({"mal_id": "Int32", "year": "Int16", "episodes": "Int16"}))


@pytest.fixture(scope="session")
def cases(real_data: Path) -> Path:
    folder = real_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no lists as people have them in {folder}")
    return folder


@pytest.fixture(scope="session")
def ingested(real_data: Path, cases: Path, tmp_path_factory: pytest.TempPathFactory):
    """The catalogues that the cases are read with, by name."""
    raw = {
        "mal-2023": ("mal-2023", real_data / "mal-2023"),
        "mini-2016": ("mal-2016", cases / "mini-2016"),
    }
    found = {}
    for name, (dataset, folder) in raw.items():
        paths = Paths.of(dataset, folder, tmp_path_factory.mktemp(name))
        ingest(paths)
        found[name] = Catalogue.load(paths.processed / "anime.parquet")
    return found
