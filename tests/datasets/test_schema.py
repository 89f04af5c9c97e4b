"""The schemas: what they refuse, what they document, and the types that readers see."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import pyarrow as pa
import pytest

from anirec.config import ROOT
from anirec.datasets.schema import SCHEMAS, arrow_schema, validated, with_dictionary


def test_data_dictionary_is_current() -> None:
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert page == with_dictionary(page), "run python -m anirec.datasets.schema"
    for name, schema in SCHEMAS.items():
        section = page[page.index(f"### `{name}.parquet`") :]
        assert all(f"| `{column}` |" in section for column in schema.columns)


def ratings(**changed: list) -> pa.Table:
    columns = {
        "user_id": [1],
        "anime_id": [2],
        "rating": [None],
        "status": ["completed"],
        "episodes_watched": [3],
        "times_watched": [0],
        "started": [date(2013, 3, 3)],
        "finished": [None],
        "updated": [datetime(2013, 3, 4, 5, 6, 7)],
    }
    return pa.table(columns | changed, schema=arrow_schema("ratings"))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("rating", 11),
        ("rating", 0),
        ("user_id", -1),
        ("anime_id", None),
        ("status", "finished"),
        ("times_watched", -1),
        ("started", date(1800, 1, 1)),
        ("updated", datetime(1999, 1, 1)),
    ],
)
def test_table_that_breaks_its_schema_is_refused(column: str, value: object) -> None:
    validated("ratings", ratings())
    with pytest.raises(AssertionError, match=column):
        validated("ratings", ratings(**{column: [value]}))


def test_id_that_occurs_twice_is_refused() -> None:
    users = pa.Table.from_pylist([{"user_id": 1}, {"user_id": 1}], schema=arrow_schema("users"))
    with pytest.raises(AssertionError, match="user_id"):
        validated("users", users)


def test_pandas_reads_the_types_of_the_design(small) -> None:
    data = small("mal-2023")
    data.ingest()
    kinds = {
        name: {column: str(kind) for column, kind in data.table(name).dtypes.items()}
        for name in SCHEMAS
    }
    assert kinds["ratings"] == {
        "user_id": "int32",
        "anime_id": "int32",
        "rating": "Int8",
        "status": "category",
        "episodes_watched": "Int16",
        "times_watched": "Int16",
        "started": "object",
        "finished": "object",
        "updated": "datetime64[ms]",
    }
    assert kinds["anime"]["mal_id"] == "Int32"
    assert {kinds["anime"][c] for c in ("episodes", "year")} == {"Int16"}
    assert {kinds["anime"][c] for c in ("scored_by", "rank", "members")} == {"Int32"}
    assert kinds["anime"]["is_adult"] == "bool"
    assert {kinds["users"][c] for c in ("gender", "country")} == {"category"}
    assert {kinds["users"][c] for c in ("watching", "total_entries")} == {"Int32"}


@pytest.mark.parametrize(
    "dataset", ["mal-2016", "mal-2018", "mal-2018-final", "mal-2020", "mal-2020-filtered"]
)
def test_every_dataset_has_every_column(small, dataset: str) -> None:
    data = small(dataset)
    data.ingest()
    for name in SCHEMAS:
        table = data.table(name)
        assert list(table.columns) == arrow_schema(name).names
        assert isinstance(table, pd.DataFrame)
