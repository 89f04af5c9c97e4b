"""The canonical tables as everything after ingestion reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.config import InputError, Paths


def read_table(paths: Paths, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a dataset's table ``anime``, ``users`` or ``ratings``, or some of its columns.

    See `read_canonical`. Raises InputError if the dataset was not ingested yet.
    """
    file = paths.processed / f"{table}.parquet"
    if not file.is_file():
        raise InputError(f"{file} is missing: run 'anirec run --dataset {paths.dataset}' first")
    return read_canonical(file, columns)


def read_canonical(file: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a canonical table, or some of its columns, from a file named after the table.

    Days become datetimes in seconds. A column that the file was written without, because it is
    older than the column, is there and null.
    """
    stored = pq.read_schema(file)
    if columns is None or not set(columns) <= set(stored.names):
        from anirec.datasets.schema import arrow_schema  # takes its time, and is seldom needed

        promised = arrow_schema(file.stem)
        columns = promised.names if columns is None else columns
        absent = promised.empty_table().to_pandas()
    there = [name for name in columns if name in stored.names]
    frame = pq.read_table(file, columns=there).to_pandas(date_as_object=False)
    for name in there:
        if pa.types.is_date(stored.field(name).type):
            frame[name] = frame[name].astype("datetime64[s]")
    for name in columns:
        if name not in frame:
            frame[name] = absent[name].reindex(frame.index)
    return frame[list(columns)]
