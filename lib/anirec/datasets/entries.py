"""List entries: from a raw file of any size to batches of judged numbers, in one stream."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from anirec.datasets import parsing
from anirec.datasets.parsing import FIRST_YEAR, MISSING, NO_DATE, STATUSES, BadCell
from anirec.datasets.records import Account
from anirec.datasets.schema import FIRST_MEMBER
from anirec.datasets.source import Entries

BATCH_SIZE = 1 << 18
UNSCORED, NO_STATUS = 0, -1
UNSCORED_RATINGS = (0, -1)
"""Ratings that mean "on the list, not scored", as a missing one does."""
TWICE = "the same user and anime again further down"
IN_LATER_FILE = "the same user and anime again in another file"


@dataclass(frozen=True)
class Kind:
    """An optional column of numbers.

    Attributes
    ----------
    dtype : of the numbers; days are counted from 1970-01-01, moments in milliseconds.
    least : the least that can be. to_snapshot : whether nothing after the snapshot can be.
    reason : what is wrong with a cell that cannot be used.
    bit : its bit in `Batch.repairs`.
    """

    dtype: str
    least: int
    reason: str
    bit: int
    to_snapshot: bool = False

    @property
    def unknown(self) -> int:
        """What stands for a missing value: the least number there is."""
        return int(np.iinfo(self.dtype).min)


_DAY_MS = 86_400_000
_FIRST_DAY = (date(FIRST_YEAR, 1, 1) - date(1970, 1, 1)).days
_FIRST_MOMENT = (FIRST_MEMBER - date(1970, 1, 1)).days * _DAY_MS
BAD_STATUS = 1
OPTIONAL = {
    "episodes_watched": Kind("int16", 0, "out of range", 2),
    "times_watched": Kind("int16", 0, "out of range", 4),
    "started": Kind("int32", _FIRST_DAY, "not a day before the snapshot", 8, to_snapshot=True),
    "finished": Kind("int32", _FIRST_DAY, "not a day before the snapshot", 16, to_snapshot=True),
    "updated": Kind("int64", _FIRST_MOMENT, "not a time before the snapshot", 32, to_snapshot=True),
}
"""The optional columns, by their canonical names."""
DICTIONARY_COLUMNS = ("episodes_watched", "times_watched", "started", "finished")
FIRST_TEXT_REPAIR = 64
"""The bit in `Batch.repairs` from which on there is one for each reason of `Account.repaired`."""


READ_ERRORS = (duckdb.Error, pa.ArrowException, OSError)
"""What reading a text with DuckDB may raise; in mid-stream it is an OSError."""


def is_of_text(error: Exception) -> bool:
    """Return whether one of `READ_ERRORS` is about what a file holds, not about the machine."""
    return not isinstance(error, OSError) or error.errno is None


class NotPlain(Exception):
    """The fast way to read a file does not do for it."""


@dataclass(frozen=True)
class Batch:
    """Some list entries: arrays of one length, or None where a file knows nothing of the kind.

    ``position`` (uint32) is the record's index in the file, from 0; ``rating`` (int8) is 0 for "not
    scored", ``status`` (int8) an index into `STATUSES` or -1; the columns of `OPTIONAL` hold
    numbers or `Kind.unknown`; ``repairs`` (uint16) has a bit for each thing that was mended.
    """

    position: np.ndarray
    user_id: np.ndarray
    anime_id: np.ndarray
    rating: np.ndarray
    status: np.ndarray | None = None
    episodes_watched: np.ndarray | None = None
    times_watched: np.ndarray | None = None
    started: np.ndarray | None = None
    finished: np.ndarray | None = None
    updated: np.ndarray | None = None
    repairs: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.position)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the columns that are there."""
        return {name: array for name, array in vars(self).items() if array is not None}

    def take(self, which: np.ndarray | slice) -> Batch:
        return Batch(*(None if a is None else a[which] for a in vars(self).values()))

    def alike(self, these: np.ndarray, those: np.ndarray) -> np.ndarray:
        """Return which of two entries each, given by their indexes, say the same, bool."""
        same = np.ones(len(these), dtype=bool)
        for name, values in self.arrays().items():
            if name not in ("position", "repairs"):
                same &= values[these] == values[those]
        return same

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
    repeated : positions of the records that a later one repeats exactly.
    repaired : bit of `Batch.repairs` -> number of records kept that it was done to.
    """

    read: int
    kept: int
    bad: np.ndarray
    twice: np.ndarray
    repeated: np.ndarray
    repaired: Counter


class UserNumbers:
    """Numbers for users or anime told by names: 1, 2, ... in the order in which they come."""

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}

    def number(self, name: str) -> int | None:
        """Return the number of a name; None for an empty one."""
        name = name.strip()
        return self._number_of.setdefault(name, len(self._number_of) + 1) if name else None

    def names(self) -> dict[int, str]:
        """Return the name of each number."""
        return {number: name for name, number in self._number_of.items()}

    def numbers(self, names: pa.Array) -> np.ndarray:
        """Return the numbers of names, float64, NaN where there is none."""
        coded = names.fill_null("").dictionary_encode()
        numbers = [self.number(name) for name in coded.dictionary.to_pylist()]
        return np.array(numbers, dtype=np.float64)[coded.indices.to_numpy()]


class EntryReader:
    """Reads the numbers of a file of list entries.

    Parameters
    ----------
    entries : what its columns mean.
    header : its columns.
    file : the text: one record a line.
    has_header : whether the first line is the header.
    line_end : ``\\n`` or ``\\r\\n``.
    snapshot : the day after which nothing can have happened.
    users, anime : numbers of users and anime that are told by names.
    account : what splitting the file into records did, where that was needed. Without it, a field
        that is no number, and anything else that is not plain, raises `NotPlain`.
    open_end : whether the last record has no line end, so that its last field may be cut off.
    """

    def __init__(
        self,
        entries: Entries,
        header: Sequence[str],
        file: Path,
        connection: duckdb.DuckDBPyConnection,
        has_header: bool,
        snapshot: date,
        users: UserNumbers,
        anime: UserNumbers,
        line_end: str = "\n",
        account: Account | None = None,
        open_end: bool = False,
    ) -> None:
        self._entries, self._header, self._file = entries, header, file
        self._connection, self._account = connection, account
        self._numbers = {"user_id": users, "anime_id": anime}
        self._skip, self._line_end = int(has_header), line_end
        self._days = (snapshot - date(1970, 1, 1)).days
        self._mends = bool(len(entries.columns) > 3 or (account and account.repaired))
        self._may_be_cut = open_end and header[-1] == entries.rating

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
        plain = [] if self._account else [raw for name, raw in names.items() if self._plain(name)]
        columns = ", ".join(
            self.column(raw) if raw in plain else self._number_sql(name, raw)
            for name, raw in names.items()
        )
        sql = f"SELECT {columns} FROM {self.source_sql(*plain)}"
        start = 0
        try:
            for arrow in self._connection.cursor().sql(sql).to_arrow_reader(BATCH_SIZE):
                values = dict(zip(names, map(self._values, names, arrow.columns), strict=True))
                start += arrow.num_rows
                last = self._may_be_cut and start == n_records
                yield self._judged(values, start - arrow.num_rows, bad, last)
        except READ_ERRORS as error:
            if self._account is None and is_of_text(error):
                raise NotPlain from error
            raise
        if start != n_records:
            if self._account is None:
                raise NotPlain
            raise AssertionError(f"{self._file}: {start} records, not {n_records}")

    def _plain(self, name: str) -> bool:
        """Return whether a column can be read as numbers as it is."""
        entries = self._entries
        if name in self._numbers:
            return not self._by_name(name)
        if name == "status":
            return not _words(entries.statuses)
        return name not in ("started", "finished", "updated")

    def _by_name(self, name: str) -> bool:
        entries = self._entries
        return {"user_id": entries.named, "anime_id": entries.anime_named}.get(name, False)

    def _values(self, name: str, column: pa.Array) -> np.ndarray:
        """Return a column as float64, NaN where it is missing, infinite where it is no number."""
        if self._by_name(name):
            return self._numbers[name].numbers(column)
        return column.to_numpy(zero_copy_only=False)

    def _number_sql(self, name: str, raw: str) -> str:
        """Return SQL for a field as a number: null if missing, infinite if it is something else.

        A name is left as it is. There is no ``IN``: of a long list DuckDB makes a join,
        and that does not keep the order of the rows.
        """
        text = self.column(raw)
        if self._by_name(name):
            return text
        if name in ("started", "finished"):
            number = f"TRY_CAST({text} AS DATE) - DATE '1970-01-01'"
        elif name == "updated":
            seconds = f"TRY_CAST({text} AS DOUBLE)"
            number = (
                f"coalesce(CASE WHEN {seconds} > 1e11 THEN {seconds} ELSE {seconds} * 1000 END, "
                f"epoch_ms(TRY_CAST({text} AS TIMESTAMP)))"
            )
        elif name == "status" and (words := _words(self._entries.statuses)):
            known = ", ".join(map(_literal, words))
            number = f"nullif(list_position([{known}], lower(trim({text}))), 0) - 1"
        else:
            number = f"TRY_CAST({text} AS DOUBLE)"
        none = f"{text} IS NULL"
        if name in ("started", "finished", "updated"):
            none += f" OR {text} = '{NO_DATE}' OR {text} = '0'"
        return (
            f"CASE WHEN {none} THEN NULL ELSE coalesce({number}, "
            f"CASE WHEN regexp_full_match(lower(trim({text})), {MISSING_SQL}) THEN NULL "
            "ELSE 'inf'::DOUBLE END) END::DOUBLE"
        )

    def _judged(
        self, values: dict[str, np.ndarray], start: int, bad: list[np.ndarray], cut: bool
    ) -> Batch:
        """Return the usable entries of some records; ``cut`` says that the last may be cut off."""
        n = len(values["user_id"])
        user_id, good = _whole(values["user_id"], "int32", 0)
        anime_id, good_anime = _whole(values["anime_id"], "int32", 1)
        rating, good_rating = self._rating(values["rating"])
        if cut and np.isnan(values["rating"][-1]):
            good_rating[-1] = False
        good &= good_anime & good_rating
        found = {}
        if self._mends:
            found["repairs"] = np.zeros(n, "uint16")
            self._mark_text_repairs(found["repairs"], start)
        if "status" in values:
            found["status"], known = self._status(values["status"])
            found["repairs"][~known] |= BAD_STATUS
        for name, kind in OPTIONAL.items():
            if name in values:
                raw = values[name]
                found[name], known = _whole(raw, kind.dtype, kind.least, self._most(name))
                found[name][~known] = kind.unknown
                found["repairs"][~known & ~np.isnan(raw)] |= kind.bit
        position = np.arange(start, start + n, dtype="uint32")
        batch = Batch(position, user_id, anime_id, rating, **found)
        if good.all():
            return batch
        bad.append(position[~good])
        return batch.take(good)

    def _most(self, name: str) -> int | None:
        """Return the greatest value an optional column can have, None for any."""
        if not OPTIONAL[name].to_snapshot:
            return None
        return (self._days + 1) * _DAY_MS if name == "updated" else self._days

    def _rating(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ratings from 1 to 10, 0 for "not scored", and which of the raw ones are good."""
        unscored = np.isnan(raw) | np.isin(raw, UNSCORED_RATINGS)
        if self._entries.scale:
            with np.errstate(invalid="ignore"):
                good = (raw > 0) & (raw <= self._entries.scale)
                raw = np.maximum(np.floor(raw * (10 / self._entries.scale) + 0.5), 1)
            rating = np.where(good, raw, UNSCORED).astype("int8")
        else:
            rating, good = _whole(raw, "int8", 1, 10)
            rating[unscored] = UNSCORED
        return rating, good | unscored

    def _status(self, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return indexes into `STATUSES`, and whether each code is known or missing."""
        statuses = self._entries.statuses
        codes = range(len(statuses)) if _words(statuses) else statuses
        status = np.full(len(raw), NO_STATUS, "int8")
        known = np.isnan(raw)
        for code, word in zip(codes, statuses.values(), strict=True):
            here = raw == code
            status[here] = STATUSES.index(word)
            known |= here
        return status, known

    def _mark_text_repairs(self, repairs: np.ndarray, start: int) -> None:
        repaired = self._account.repaired if self._account else {}
        for bit, indexes in enumerate(repaired.values()):
            first, past = np.searchsorted(indexes, [start, start + len(repairs)])
            repairs[np.array(indexes[first:past], "int64") - start] |= FIRST_TEXT_REPAIR << bit


def _literal(word: str) -> str:
    """Return a text as SQL."""
    return "'" + word.replace("'", "''") + "'"


MISSING_SQL = _literal("|".join(map(re.escape, sorted(MISSING | {f"{NO_DATE} 00:00:00"}))))
"""A pattern of the words that stand for a missing value."""


def _words(statuses: Mapping) -> list[str]:
    """Return the words that stand for statuses; none where numbers do."""
    return [code for code in statuses if isinstance(code, str)]


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
        f"quote='\"', escape='\"', new_line='{end}', columns={{{kinds}}}, nullstr=['', '\\N'], "
        f"buffer_size={1 << 23}, max_line_size={1 << 21}, strict_mode=true)"
    )


def why_bad(entries: Entries, row: dict[str, str]) -> str:
    """Return the reason why a record cannot be used, from its raw columns."""
    user_id = parsing.title if entries.named else parsing.user_id
    anime_id = parsing.title if entries.anime_named else parsing.anime_id
    for name, parse in ((entries.user_id, user_id), (entries.anime_id, anime_id)):
        try:
            value = parse(row[name])
        except BadCell as error:
            return f"{name}: {error}"
        if value is None:
            return f"{name}: missing"
    read = parsing.real_number() if entries.scale else parsing.whole(-(2**31))
    try:
        value = read(row[entries.rating])
    except BadCell as error:
        return f"{entries.rating}: {error}"
    outside = f"outside {'0' if entries.scale else '1'} to {entries.scale or 10:g}"
    return f"{entries.rating}: {'missing' if value is None else outside}"


def fields_of(line: bytes) -> list[str]:
    """Return the fields of a record that is one line."""
    return next(csv.reader([line.decode("utf-8", errors="replace").rstrip("\r")]), [])


# --- sorting and writing ------------------------------------------------------------------------
