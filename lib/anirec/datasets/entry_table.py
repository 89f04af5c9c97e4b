"""List entries: from batches of them to the sorted table of ratings, as they come.

DuckDB reads the numbers; batches of them are sorted and freed of duplicates in NumPy. Files keep
the entries of a user together, in the order of users, so that this takes little memory; where one
does not, DuckDB sorts it first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from itertools import chain
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.datasets.entries import (
    BATCH_SIZE,
    DICTIONARY_COLUMNS,
    NO_STATUS,
    OPTIONAL,
    UNSCORED,
    Batch,
    EntryReader,
    Outcome,
)
from anirec.datasets.parsing import STATUSES
from anirec.datasets.schema import arrow_schema, validated

ROW_GROUP_SIZE = 1 << 20


class _OutOfOrder(Exception):
    """Entries do not come in the order of users."""


def write_entries(
    reader: EntryReader, n_records: int, connection: duckdb.DuckDBPyConnection, target: Path
) -> Outcome:
    """Write the entries of a file to ``target``, sorted, the last of each user and anime.

    Raises
    ------
    NotPlain
        If the file needs splitting into records first.
    """

    def attempt(order: Callable[[Iterator[Batch]], Iterable[Batch]]) -> Outcome:
        bad: list[np.ndarray] = []
        twice: list[np.ndarray] = []
        repeated: list[np.ndarray] = []
        with EntryWriter(target, reader.all_status) as writer:
            for batch in _whole_users(order(reader.batches(n_records, bad))):
                later = np.ones(len(batch), dtype=bool)
                np.not_equal(batch.user_id[1:], batch.user_id[:-1], out=later[:-1])
                later[:-1] |= batch.anime_id[1:] != batch.anime_id[:-1]
                if not later.all():
                    earlier, kept = np.flatnonzero(~later), np.flatnonzero(later)
                    same = batch.alike(earlier, kept[np.searchsorted(kept, earlier)])
                    repeated.append(batch.position[earlier[same]])
                    twice.append(batch.position[earlier[~same]])
                    batch = batch.take(later)
                writer.add(batch)
        left_out = map(_ascending, (bad, twice, repeated))
        return Outcome(n_records, writer.n_rows, *left_out, writer.repaired)

    try:
        return attempt(lambda batches: batches)
    except _OutOfOrder:
        return attempt(lambda batches: _sorted_by_duckdb(batches, connection))


def _ascending(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)) if parts else np.empty(0, "int64")


def _whole_users(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the entries sorted by user, anime and position; no user is in two batches.

    Raises
    ------
    _OutOfOrder
        If a user comes after one with a greater id, other than within a batch.
    """
    held: list[Batch] = []
    done = -1
    for part in batches:
        if not len(part):
            continue
        batch = Batch.joined([*held, part])
        batch = batch.take(_order(batch))
        if batch.user_id[0] <= done:
            raise _OutOfOrder
        cut = int(np.searchsorted(batch.user_id, batch.user_id[-1]))
        if cut:
            done = batch.user_id[cut - 1]
            yield batch.take(slice(cut))
        held = [batch.take(slice(cut, None))]
    yield from held


def _order(batch: Batch) -> np.ndarray:
    """Return what sorts a batch by user and anime, leaving equal ones in their order.

    Sorting is by radix where the ids fit 16 bits, which is what makes it fast.
    """
    order = np.argsort(_narrow(batch.anime_id), kind="stable")
    return order[np.argsort(_narrow(batch.user_id)[order], kind="stable")]


def _narrow(ids: np.ndarray) -> np.ndarray:
    least = ids.min()
    return (ids - least).astype("uint16") if ids.max() - least < 1 << 16 else ids


def _sorted_by_duckdb(
    batches: Iterator[Batch], connection: duckdb.DuckDBPyConnection
) -> Iterator[Batch]:
    first = next(batches)
    there = first.arrays()
    schema = pa.schema([(name, pa.from_numpy_dtype(array.dtype)) for name, array in there.items()])
    reader = pa.RecordBatchReader.from_batches(
        schema,
        (pa.record_batch(batch.arrays(), schema=schema) for batch in chain([first], batches)),
    )
    cursor = connection.cursor()
    cursor.register("unsorted_stream", reader)
    cursor.execute("CREATE OR REPLACE TEMP TABLE unsorted AS SELECT * FROM unsorted_stream")
    cursor.unregister("unsorted_stream")
    query = "SELECT * FROM unsorted ORDER BY user_id, anime_id, position"
    for arrow in cursor.sql(query).to_arrow_reader(BATCH_SIZE):
        arrays = {name: arrow.column(name).to_numpy() for name in there}
        yield Batch(*(arrays.get(column.name) for column in fields(Batch)))
    cursor.execute("DROP TABLE unsorted")


class EntryWriter:
    """Writes batches to a Parquet file in row groups of one size, each validated, in a thread."""

    def __init__(self, target: Path, all_status: str | None) -> None:
        self._all_status = STATUSES.index(all_status) if all_status else NO_STATUS
        self._schema = arrow_schema("ratings")
        self._parquet = pq.ParquetWriter(
            target,
            self._schema,
            compression="zstd",
            use_dictionary=["user_id", "rating", "status", *DICTIONARY_COLUMNS],
            column_encoding={"anime_id": "DELTA_BINARY_PACKED", "updated": "DELTA_BINARY_PACKED"},
        )
        self._thread = ThreadPoolExecutor(1)
        self._written: Future | None = None
        self._waiting: list[Batch] = []
        self._n_waiting = 0
        self.n_rows = 0
        self.repaired: Counter = Counter()

    def __enter__(self) -> EntryWriter:
        return self

    def add(self, batch: Batch) -> None:
        self._waiting.append(batch)
        self._n_waiting += len(batch)
        self.n_rows += len(batch)
        if batch.repairs is not None and batch.repairs.any():
            for bit in 2 ** np.arange(16):
                self.repaired[int(bit)] += int(np.count_nonzero(batch.repairs & bit))
        self._write_groups(ROW_GROUP_SIZE)

    def _write_groups(self, least: int) -> None:
        """Hand row groups to the thread as long as ``least`` rows wait."""
        while self._n_waiting >= least:
            waiting = Batch.joined(self._waiting)
            self._submit(waiting.take(slice(ROW_GROUP_SIZE)))
            self._waiting = [waiting.take(slice(ROW_GROUP_SIZE, None))]
            self._n_waiting = len(self._waiting[0])

    def _submit(self, batch: Batch) -> None:
        if self._written:
            self._written.result()
        self._written = self._thread.submit(self._write, batch)

    def _write(self, batch: Batch) -> None:
        n = len(batch)
        status = np.full(n, self._all_status, "int8") if batch.status is None else batch.status
        codes = pa.array(status, mask=status == NO_STATUS).cast(pa.int32())
        arrays = {
            "user_id": pa.array(batch.user_id),
            "anime_id": pa.array(batch.anime_id),
            "rating": pa.array(batch.rating, mask=batch.rating == UNSCORED),
            "status": pa.DictionaryArray.from_arrays(codes, pa.array(STATUSES)),
        }
        for name, kind in OPTIONAL.items():
            values, of = getattr(batch, name), self._schema.field(name).type
            arrays[name] = (
                pa.nulls(n, of)
                if values is None
                else pa.array(values, mask=values == kind.unknown).cast(of)
            )
        table = pa.table(arrays, schema=self._schema)
        self._parquet.write_table(validated("ratings", table), row_group_size=ROW_GROUP_SIZE)

    def __exit__(self, kind: type | None, *_: object) -> None:
        with self._thread:
            if kind is None:
                self._write_groups(1)
                if self._written:
                    self._written.result()
        self._parquet.close()
