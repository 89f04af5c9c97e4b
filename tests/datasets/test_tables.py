"""The one reader of the canonical tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anirec.config import InputError, Paths
from anirec.datasets.schema import SCHEMAS, arrow_schema
from anirec.datasets.tables import read_canonical, read_table


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A dataset whose anime table is older than some of its columns."""
    row = {"anime_id": [7, 8], "title": ["Heat", "Alien"], "aired_from": [date(1995, 12, 6), None]}
    whole = arrow_schema("anime")
    schema = pa.schema([whole.field(name) for name in row])
    pq.write_table(pa.table(row, schema=schema), tmp_path / "anime.parquet")
    return Paths.of("sample", processed_dir=tmp_path)


def test_columns_that_an_older_table_lacks_are_null_and_of_their_type(paths: Paths) -> None:
    anime = read_table(paths, "anime")
    assert list(anime) == list(SCHEMAS["anime"].columns)
    assert anime["title"].tolist() == ["Heat", "Alien"]
    new = arrow_schema("anime").empty_table().to_pandas()
    for name in set(anime) - {"anime_id", "title", "aired_from"}:
        assert anime[name].isna().all(), name
        if name not in ("is_adult", "aired_to") and new[name].dtype != "int32":
            assert anime[name].dtype == new[name].dtype, name
    assert str(anime["year"].dtype) == "Int16"


def test_days_are_datetimes_and_columns_come_as_asked_for(paths: Paths) -> None:
    anime = read_canonical(paths.processed / "anime.parquet", ["score", "aired_from", "anime_id"])
    assert list(anime) == ["score", "aired_from", "anime_id"]
    assert anime["aired_from"].dtype == "datetime64[s]"
    assert anime["aired_from"].tolist() == [pd.Timestamp(1995, 12, 6), pd.NaT]
    assert anime["score"].isna().all() and anime["score"].dtype == "float32"


def test_table_that_is_not_there_says_what_to_do(paths: Paths) -> None:
    with pytest.raises(InputError, match=r"users\.parquet is missing: run 'anirec run --dataset"):
        read_table(paths, "users")
