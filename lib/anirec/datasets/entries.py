"""List entries: from a raw file of any size to the sorted table of ratings, in one stream.

DuckDB reads the numbers; batches of them are judged, sorted and freed of duplicates in NumPy and
written as they come. Files keep the entries of a user together, in the order of users, so that this
takes little memory; where one does not, DuckDB sorts it first.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.datasets import parsing
from anirec.datasets.parsing import MISSING, STATUSES, BadCell
from anirec.datasets.records import Account
from anirec.datasets.schema import arrow_schema, validated
from anirec.datasets.source import Entries

BATCH_SIZE = 1 << 18
ROW_GROUP_SIZE = 1 << 20
UNSCORED, NO_STATUS, NO_EPISODES = 0, -1, -1
TWICE = "the same user and anime again further down"
IN_LATER_FILE = "the same user and anime again in another file"
BAD_STATUS, BAD_EPISODES, FIRST_TEXT_REPAIR = 1, 2, 4
"""Bits of `Batch.repairs`; from the last on, one for each reason of `Account.repaired`."""


class NotPlain(Exception):
    """The fast way to read a file does not do for it."""


class _OutOfOrder(Exception):
    """Entries do not come in the order of users."""


@dataclass(frozen=True)
class Batch:
    """Some list entries: arrays of one length, or None where a file knows nothing of the kind.

    ``position`` (uint32) is the record's index in the file, from 0; ``rating`` (int8) is 0 for "not
    scored", ``status`` (int8) an index into `STATUSES` or -1, ``episodes_watched`` (int16) -1 where
    unknown, ``repairs`` (uint8) has a bit for each thing that was mended.
    """

    position: np.ndarray
    user_id: np.ndarray
    anime_id: np.ndarray
    rating: np.ndarray
    status: np.ndarray | None
    episodes_watched: np.ndarray | None
    repairs: np.ndarray | None

    def __len__(self) -> int:
        return len(self.position)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the columns that are there."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def take(self, which: np.ndarray | slice) -> Batch:
        return Batch(*(None if a is None else a[which] for a in vars(self).values()))

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        if len(parts) == 1:
            return parts[0]
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*(None if c[0] is None else np.concatenate(c) for c in columns))


@dataclass
class Outcome:
    """What came of a file of list entries.

    Attributes
    ----------
    read, kept : number of records read and of those written.
    bad : positions of the records whose ids or rating cannot be used.
    twice : positions of the records that a later one of the same user and anime replaces.
    repaired : bit of `Batch.repairs` -> number of records kept that it was done to.
    """

    read: int
    kept: int
    bad: np.ndarray
    twice: np.ndarray
    repaired: Counter


class EntryReader:
    """Reads the numbers of a file of list entries.

    Parameters
    ----------
    entries : what its columns mean.
    header : its columns.
    file : the text: one record a line.
    has_header : whether the first line is the header.
    line_end : ``\\n`` or ``\\r\\n``.
    account : what splitting the file into records did, where that was needed. Without it, a field
        that is no number, and anything else that is not plain, raises `NotPlain`.
    """

    def __init__(
        self,
        entries: Entries,
        header: Sequence[str],
        file: Path,
        connection: duckdb.DuckDBPyConnection,
        has_header: bool,
        line_end: str = "\n",
        account: Account | None = None,
    ) -> None:
        self._entries, self._header, self._file = entries, header, file
        self._connection, self._account = connection, account
        self._skip, self._line_end = int(has_header), line_end
        optional = entries.status or entries.episodes_watched
        self._mends = bool(optional or (account and account.repaired))

    @property
    def all_status(self) -> str | None:
        """The list status of every entry, where the file holds only one kind."""
        return self._entries.all_status

    def source_sql(self, *numbers: str) -> str:
        """Return SQL for the file's records: columns ``c0``, ``c1``, ... of text.

        ``numbers`` are raw columns to be read as numbers.
        """
        kinds = ", ".join(
            f"'c{i}': '{'DOUBLE' if name in numbers else 'VARCHAR'}'"
            for i, name in enumerate(self._header)
        )
        return csv_sql(self._file, kinds, self._skip, self._line_end)

    def column(self, name: str) -> str:
        """Return the name in `source_sql` of a raw column."""
        return f"c{self._header.index(name)}"

    def lines(self, positions: np.ndarray) -> tuple[Path, np.ndarray]:
        """Return the file, and the numbers from 0 of the lines of the records at ``positions``."""
        return self._file, positions + self._skip

    def batches(self, n_records: int, bad: list[np.ndarray]) -> Iterator[Batch]:
        """Yield the usable entries in file order; put the positions of the others into ``bad``.

        Raises
        ------
        NotPlain
            If the file needs splitting into records first, or does not hold ``n_records``.
        """
        names = self._entries.columns
        if self._account is None:
            columns = ", ".join(self.column(raw) for raw in names.values())
            sql = f"SELECT {columns} FROM {self.source_sql(*names.values())}"
        else:
            columns = ", ".join(self._number_sql(name, raw) for name, raw in names.items())
            sql = f"SELECT {columns} FROM {self.source_sql()}"
        start = 0
        try:
            for arrow in self._connection.cursor().sql(sql).to_arrow_reader(BATCH_SIZE):
                values = [column.to_numpy(zero_copy_only=False) for column in arrow.columns]
                yield self._judged(dict(zip(names, values, strict=True)), start, bad)
                start += arrow.num_rows
        except (duckdb.Error, pa.ArrowException) as error:
            if self._account is None:
                raise NotPlain from error
            raise
        if start != n_records:
            if self._account is None:
                raise NotPlain
            raise AssertionError(f"{self._file}: {start} records, not {n_records}")

    def _number_sql(self, name: str, raw: str) -> str:
        """Return SQL for a field as a number: null if missing, infinite if it is something else."""
        text = self.column(raw)
        words = ", ".join(f"'{word}'" for word in sorted(MISSING))
        return (
            f"CASE WHEN {text} IS NULL OR lower(trim({text})) IN ({words}) THEN NULL "
            f"ELSE coalesce(TRY_CAST({text} AS DOUBLE), 'inf') END"
        )

    def _judged(self, values: dict[str, np.ndarray], start: int, bad: list[np.ndarray]) -> Batch:
        n = len(values["user_id"])
        user_id, good = _whole(values["user_id"], "int32", 0)
        anime_id, good_anime = _whole(values["anime_id"], "int32", 1)
        rating, scored = _whole(values["rating"], "int8", 1, 10)
        if self._entries.unscored is not None:
            unscored = values["rating"] == self._entries.unscored
            rating[unscored] = UNSCORED
            scored |= unscored
        good &= good_anime & scored
        status = episodes = repairs = None
        if self._mends:
            repairs = np.zeros(n, "uint8")
            self._mark_text_repairs(repairs, start)
        if "status" in values:
            status, known = self._status(values["status"])
            repairs[~known] |= BAD_STATUS
        if "episodes_watched" in values:
            raw = values["episodes_watched"]
            episodes, known = _whole(raw, "int16", 0)
            episodes[~known] = NO_EPISODES
            repairs[~known & ~np.isnan(raw)] |= BAD_EPISODES
        position = np.arange(start, start + n, dtype="uint32")
        batch = Batch(position, user_id, anime_id, rating, status, episodes, repairs)
        if good.all():
            return batch
        bad.append(position[~good])
        return batch.take(good)

    def _status(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return indexes into `STATUSES`, and whether each code is known or missing."""
        status = np.full(len(raw), NO_STATUS, "int8")
        known = np.isnan(raw)
        for code, word in self._entries.statuses.items():
            here = raw == code
            status[here] = STATUSES.index(word)
            known |= here
        return status, known

    def _mark_text_repairs(self, repairs: np.ndarray, start: int) -> None:
        repaired = self._account.repaired if self._account else {}
        for bit, indexes in enumerate(repaired.values()):
            first, past = np.searchsorted(indexes, [start, start + len(repairs)])
            repairs[np.array(indexes[first:past], "int64") - start] |= FIRST_TEXT_REPAIR << bit


def _whole(
    values: np.ndarray, kind: str, low: int, high: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values as whole numbers, and which of them are that and from low to high."""
    with np.errstate(invalid="ignore"):
        numbers = values.astype(kind)
    good = numbers == values
    good &= numbers >= low
    if high is not None:
        good &= numbers <= high
    return numbers, good


def csv_sql(file: Path, kinds: str, skip: int = 0, line_end: str = "\n") -> str:
    """Return the SQL table function for a file of records with the columns and types given."""
    name = str(file).replace("'", "''")
    end = {"\n": "\\n", "\r\n": "\\r\\n"}[line_end]
    return (
        f"read_csv('{name}', auto_detect=false, header=false, skip={skip}, delim=',', "
        f"quote='\"', escape='\"', new_line='{end}', columns={{{kinds}}}, nullstr='', "
        f"buffer_size={1 << 23}, max_line_size={1 << 21}, strict_mode=true)"
    )


def why_bad(entries: Entries, row: dict[str, str]) -> str:
    """Return the reason why a record cannot be used, from its raw columns."""
    for name, parse in ((entries.user_id, parsing.user_id), (entries.anime_id, parsing.anime_id)):
        try:
            value = parse(row[name])
        except BadCell as error:
            return f"{name}: {error}"
        if value is None:
            return f"{name}: missing"
    try:
        value = parsing.whole(-(2**31))(row[entries.rating])
    except BadCell as error:
        return f"{entries.rating}: {error}"
    return f"{entries.rating}: {'missing' if value is None else 'outside 1 to 10'}"


def fields_of(line: bytes) -> list[str]:
    """Return the fields of a record that is one line."""
    return next(csv.reader([line.decode("utf-8", errors="replace").rstrip("\r")]), [])


# --- sorting and writing ------------------------------------------------------------------------


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
        with EntryWriter(target, reader.all_status) as writer:
            for batch in _whole_users(order(reader.batches(n_records, bad))):
                later = np.ones(len(batch), dtype=bool)
                np.not_equal(batch.user_id[1:], batch.user_id[:-1], out=later[:-1])
                later[:-1] |= batch.anime_id[1:] != batch.anime_id[:-1]
                if not later.all():
                    twice.append(batch.position[~later])
                    batch = batch.take(later)
                writer.add(batch)
        return Outcome(
            n_records, writer.n_rows, _ascending(bad), _ascending(twice), writer.repaired
        )

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
            use_dictionary=["user_id", "rating", "status", "episodes_watched"],
            column_encoding={"anime_id": "DELTA_BINARY_PACKED"},
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
            for bit in 2 ** np.arange(8):
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
        episodes = batch.episodes_watched
        arrays = {
            "user_id": pa.array(batch.user_id),
            "anime_id": pa.array(batch.anime_id),
            "rating": pa.array(batch.rating, mask=batch.rating == UNSCORED),
            "status": pa.DictionaryArray.from_arrays(codes, pa.array(STATUSES)),
            "episodes_watched": pa.nulls(n, pa.int16())
            if episodes is None
            else pa.array(episodes, mask=episodes == NO_EPISODES),
        }
        table = pa.table(arrays, schema=self._schema)
        self._parquet.write_table(validated("ratings", table), row_group_size=ROW_GROUP_SIZE)

    def __exit__(self, kind: type | None, *_: object) -> None:
        with self._thread:
            if kind is None:
                self._write_groups(1)
                if self._written:
                    self._written.result()
        self._parquet.close()
