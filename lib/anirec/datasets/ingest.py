"""Raw files in, the three canonical tables out; every row is kept, repaired or rejected."""

from __future__ import annotations

import csv
import errno
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import NoReturn

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.config import InputError, Paths
from anirec.datasets import reading, source_of
from anirec.datasets.cells import completed, merged, parse
from anirec.datasets.countries import load_names
from anirec.datasets.entries import (
    BAD_EPISODES,
    BAD_STATUS,
    BATCH_SIZE,
    FIRST_TEXT_REPAIR,
    TWICE,
    EntryReader,
    NotPlain,
    Outcome,
    csv_sql,
    fields_of,
    why_bad,
    write_entries,
)
from anirec.datasets.parsing import title
from anirec.datasets.records import Account, Splitter, TooManyBad, header_of, split
from anirec.datasets.schema import arrow_schema, validated
from anirec.datasets.source import RawFile, Source
from anirec.files import locked

MASK = "***"
REJECT_COLUMNS = ("file", "line", "record", "reason", "text", "byte_offset", "bytes", "sha256")
TABLES = ("anime", "users", "ratings")
MEMORY_LIMIT = "1GB"
"""DuckDB's share; what does not fit it spills to disk."""
MAX_REASONED = 50_000
"""Rejected rows that are read again for their reasons, of a file that is refused anyway."""


@dataclass
class FileReport:
    """What became of one raw file's records.

    Attributes
    ----------
    sha256 : of the file as it lies there.
    truncated : whether a packed file ended before its time.
    read, kept : records, without the header.
    repaired : what was mended -> number of records kept that it was done to.
    rejected : reason -> number of records.
    rejects : rows of ``rejects.csv`` without the file's name.
    """

    sha256: str = ""
    truncated: bool = False
    read: int = 0
    kept: int = 0
    repaired: Counter = field(default_factory=Counter)
    rejected: Counter = field(default_factory=Counter)
    rejects: list[tuple] = field(default_factory=list)


@dataclass
class Report:
    """What an ingestion did: the content of ``ingest.json``, and the same in words."""

    dataset: str
    simulated: bool
    snapshot_date: str
    missing: list[str] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)
    files: dict[str, FileReport] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    stubs: int = 0

    def add(self, raw_file: RawFile) -> FileReport:
        """Return a new report, on one of the dataset's files."""
        self.files[raw_file.name] = FileReport()
        return self.files[raw_file.name]

    def content(self) -> dict:
        """Return what ``ingest.json`` holds."""
        return {
            "dataset": self.dataset,
            "simulated": self.simulated,
            "snapshot_date": self.snapshot_date,
            "missing": self.missing,
            "unused": self.unused,
            "files": {
                name: {
                    "sha256": report.sha256,
                    "truncated": report.truncated,
                    "read": report.read,
                    "kept": report.kept,
                    "repaired": dict(sorted(report.repaired.items())),
                    "rejected": dict(sorted(report.rejected.items())),
                }
                for name, report in self.files.items()
            },
            "tables": {
                table: {"rows": rows} | ({"stubs": self.stubs} if table == "anime" else {})
                for table, rows in self.rows.items()
            },
        }

    def summary(self) -> str:
        """Return the report in a few lines for a person."""
        lines = [
            f"{self.dataset}: {self.rows['anime']:,} anime, {self.rows['users']:,} users, "
            f"{self.rows['ratings']:,} list entries"
        ]
        for name, report in self.files.items():
            rejected = f", rejected {_counts(report.rejected)}" if report.rejected else ""
            lines.append(f"  {name}: {report.read:,} rows read, {report.kept:,} kept{rejected}")
            if report.repaired:
                lines.append(f"    repaired {_counts(report.repaired)}")
            if report.truncated:
                lines.append("    the packed file is cut off: download it again for the rest")
        lines += [f"  {name}: missing, left out" for name in self.missing]
        lines += [f"  {name}: not read, {why}" for name, why in self.unused.items()]
        if self.stubs:
            lines.append(f"  anime with list entries that no catalogue names: {self.stubs:,}")
        return "\n".join(lines)


def _counts(reasons: Counter) -> str:
    """Return a total and what it is made of, such as ``3 (2 blank line, 1 rating: missing)``."""
    if len(reasons) == 1:
        ((reason, n),) = reasons.items()
        return f"{n:,} ({reason})"
    parts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
    return f"{reasons.total():,} ({parts})"


@dataclass
class _Work:
    """What an ingestion works with: where it may put files, DuckDB, and its limit."""

    paths: Paths
    folder: Path
    connection: duckdb.DuckDBPyConnection
    max_reject_fraction: float

    def file(self, name: str) -> Path:
        return self.folder / name


def ingest(paths: Paths, max_reject_fraction: float = 0.01) -> Report:
    """Make the canonical tables of a dataset from its raw files.

    Writes ``anime.parquet``, ``users.parquet``, ``ratings.parquet``, ``ingest.json`` and
    ``rejects.csv`` into ``paths.processed``, or leaves what is there as it was.

    Raises
    ------
    InputError
        If a required file is missing, a file cannot be read as what it should be, or more than
        ``max_reject_fraction`` of a file's rows are rejected.
    """
    source = source_of(paths.dataset)
    report = Report(
        dataset=source.dataset.value,
        simulated=source.simulated,
        snapshot_date=source.snapshot_date.isoformat(),
    )
    found = _find(source, paths, report)
    with _workplace(paths, max_reject_fraction) as work:
        readers = {
            raw_file: _Reader(raw_file, raw, work, report.add(raw_file))
            for raw_file, raw in found.items()
        }
        tables = _read(readers)
        stub_titles: dict[int, str | None] = {}
        for raw_file, reader in readers.items():
            if raw_file.entries:
                stub_titles = reader.titles_beyond(tables["anime"])
        report.stubs = len(stub_titles)
        finished = {
            "anime": completed("anime", tables.get("anime"), stub_titles),
            "users": completed("users", tables.get("users"), {}),
        }
        _write(finished, report, work)
    return report


def _read(readers: dict[RawFile, _Reader]) -> dict[str, pa.Table]:
    """Return what the files say of anime and users; entries, which take most memory, come first.

    The names of countries are loaded meanwhile.
    """
    loading = Thread(target=load_names)
    if any("Location" in raw_file.used for raw_file in readers):
        loading.start()
    tables: dict[str, pa.Table] = {}
    try:
        for raw_file in sorted(readers, key=lambda raw_file: raw_file.entries is None):
            for name, table in readers[raw_file].read().items():
                tables[name] = merged(name, tables.get(name), table)
    finally:
        if loading.is_alive():
            loading.join()
    return tables


def _write(finished: dict[str, pa.Table], report: Report, work: _Work) -> None:
    """Write all files beside their places, then move them there together."""
    ratings = work.file("ratings.parquet")
    if not ratings.is_file():
        pq.write_table(arrow_schema("ratings").empty_table(), ratings)
    for name, table in finished.items():
        report.rows[name] = table.num_rows
        pq.write_table(validated(name, table), work.file(f"{name}.parquet"), compression="zstd")
    report.rows["ratings"] = pq.read_metadata(ratings).num_rows
    _write_rejects(report, work.file("rejects.csv"))
    text = json.dumps(report.content(), indent=2, ensure_ascii=False) + "\n"
    work.file("ingest.json").write_text(text, encoding="utf-8")
    for name in (*(f"{table}.parquet" for table in TABLES), "rejects.csv", "ingest.json"):
        work.file(name).replace(work.paths.processed / name)


def _find(source: Source, paths: Paths, report: Report) -> dict[RawFile, reading.RawPath]:
    """Return the files to read and where they are; put those missing or not needed on report.

    Raises
    ------
    InputError
        If a file is missing that the dataset cannot do without.
    """
    found = {raw_file: reading.located(paths.raw, raw_file.name) for raw_file in source.files}
    there = {raw_file.name for raw_file, raw in found.items() if raw}
    for raw_file, raw in found.items():
        if raw is None and raw_file.required:
            broken = ", ".join(file.name for file in reading.broken_archives(paths.raw))
            also = f" and {broken} cannot be opened" if broken else ""
            raise InputError(
                f"{paths.raw / raw_file.name} is missing{also}: "
                f"run 'anirec fetch {source.dataset}' or pass --raw-dir"
            )
        if raw and raw_file.unless in there:
            report.unused[raw_file.name] = f"{raw_file.unless} holds its entries"
        elif raw is None and raw_file.unless not in there:
            report.missing.append(raw_file.name)
    return {
        raw_file: raw for raw_file, raw in found.items() if raw and raw_file.unless not in there
    }


@contextmanager
def _workplace(paths: Paths, max_reject_fraction: float) -> Iterator[_Work]:
    """Yield a scratch folder beside the tables, and DuckDB, which spills into it.

    Raises
    ------
    InputError
        If another ingestion of the dataset is going on, or the disk is full.
    """
    busy = f"another ingestion into {paths.processed} is going on: wait for it to end"
    try:
        with locked(paths.processed / ".ingest.lock", busy):
            for left_over in paths.processed.glob(".ingest-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=".ingest-", dir=paths.processed))
            connection = duckdb.connect(
                config={"memory_limit": MEMORY_LIMIT, "threads": 2, "temp_directory": str(folder)}
            )
            connection.execute("SET streaming_buffer_size = '16MB'")
            try:
                yield _Work(paths, folder, connection, max_reject_fraction)
            finally:
                connection.close()
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InputError(f"the disk is full: make room in {paths.processed}") from None


# --- one raw file -------------------------------------------------------------------------------


class _Reader:
    """Reads one raw file into canonical tables and reports on it."""

    def __init__(
        self, raw_file: RawFile, raw: reading.RawPath, work: _Work, report: FileReport
    ) -> None:
        self._raw_file, self._raw, self._work, self._report = raw_file, raw, work, report
        self._name = raw.file if raw.member is None else f"{raw.file} ({raw.member})"
        first = reading.header_bytes(raw)
        if not first.strip():
            packed = raw.file.suffix in (".gz", ".zip")
            what = "is empty or cannot be unpacked" if packed else "is empty"
            raise InputError(f"{self._name} {what}: download it again")
        self._header, self._header_size = header_of(first)
        self._check_header()
        self._account: Account | None = None

    def _check_header(self) -> None:
        header = self._header
        lacking = [name for name in self._raw_file.used if name not in header]
        if lacking:
            shown = ", ".join(header)[:200]
            has = f"it has: {shown}" if shown.isprintable() else "it does not look like text"
            raise InputError(
                f"{self._name} lacks the column {', '.join(map(repr, lacking))} ({has}): "
                "is it the right file?"
            )
        if len(set(header)) < len(header):
            raise InputError(f"{self._name} has two columns of one name: rename one of them")

    def read(self) -> dict[str, pa.Table]:
        """Return what the file says of anime and users; its entries become ``ratings.parquet``.

        Raises
        ------
        InputError
            If it holds no rows, or too many that cannot be read.
        """
        self._text = reading.as_text(self._raw, self._work.file(f"{self._raw_file.name}.text"))
        self._report.sha256 = self._text.sha256
        self._report.truncated = self._text.truncated
        tables = self._read_entries() if self._raw_file.entries else self._read_cells()
        self._check_account()
        return tables

    def _split(self) -> Path:
        """Split the text into records; return a file of the good ones."""
        clean = self._work.file(f"{self._raw_file.name}.clean")
        in_line = self._raw_file.entries is not None
        keys = [self._header.index(name) for name in self._raw_file.keys]
        with self._text.file.open("rb") as stream, clean.open("wb") as out:
            splitter = Splitter(
                len(self._header), keys, out, in_line, self._work.max_reject_fraction
            )
            try:
                account = split(stream, splitter)
            except TooManyBad as stop:
                account = stop.account
                self._report.read = account.good + len(account.bad)
                self._report.rejected.update(bad.reason for bad in account.bad)
                self._refuse("the first ")
        self._account = account
        for bad in account.bad:
            digest = (bad.offset, bad.length, bad.sha256)
            self._reject(bad.line, bad.record, bad.reason, "", *digest)
        return clean

    def _read_cells(self) -> dict[str, pa.Table]:
        """Read a file of one row per anime or user."""
        report = self._report
        texts = self._lines_as_texts()
        if texts is None:
            clean = self._split()
            texts = self._texts(clean)
            clean.unlink()
            if texts.num_rows != self._account.good:
                raise AssertionError(f"{clean}: {texts.num_rows} records")
        account = self._account or Account.of_lines(texts.num_rows)
        ((name, cells),) = self._raw_file.tables.items()
        parsed = parse(name, texts, cells, repaired_rows=account.repaired)
        for row, reason in parsed.rejected.items():
            fields = [texts.column(i)[row].as_py() or "" for i in range(len(self._header))]
            self._reject(*account.place(row), reason, self._masked(fields))
        report.read = account.good + len(account.bad)
        report.kept = account.good - len(parsed.rejected)
        report.repaired = parsed.repaired
        return {name: parsed.table}

    def _lines_as_texts(self) -> pa.Table | None:
        """Return the records if the text is plain and each of them is a line, else None."""
        if not self._text.line_end:
            return None
        try:
            texts = self._texts(self._text.file, skip=1, line_end=self._text.line_end)
        except (duckdb.Error, pa.ArrowException):
            return None
        return texts if texts.num_rows == self._text.n_lines - 1 else None

    def _texts(self, file: Path, **dialect: object) -> pa.Table:
        """Return the records of a file as text, in batches, so that they are in memory once."""
        kinds = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(self._header)))
        query = f"SELECT * FROM {csv_sql(file, kinds, **dialect)}"
        batches = self._work.connection.cursor().sql(query).to_arrow_reader(BATCH_SIZE)
        return batches.read_all().rename_columns(self._header)

    def _read_entries(self) -> dict[str, pa.Table]:
        """Read a file of list entries, the fast way if it is plain, else record by record."""
        target = self._work.file("ratings.parquet")
        connection, entries = self._work.connection, self._raw_file.entries
        outcome: Outcome | None = None
        if self._text.line_end:
            self._entries = EntryReader(
                *(entries, self._header, self._text.file, connection, True, self._text.line_end)
            )
            try:
                n_records = self._text.n_lines - 1
                outcome = write_entries(self._entries, n_records, connection, target)
            except NotPlain:
                pass
        if outcome is None:
            clean = self._split()
            self._entries = EntryReader(
                *(entries, self._header, clean, connection, False), account=self._account
            )
            outcome = write_entries(self._entries, self._account.good, connection, target)
        self._account_for(outcome)
        return {name: self._repeated(name, outcome) for name in self._raw_file.tables}

    def _account_for(self, outcome: Outcome) -> None:
        account, report, entries = self._account, self._report, self._raw_file.entries
        report.kept = outcome.kept
        report.read = outcome.read + (len(account.bad) if account else 0)
        reasons = {
            BAD_STATUS: f"{entries.status}: not a known value",
            BAD_EPISODES: f"{entries.episodes_watched}: out of range",
        }
        for i, reason in enumerate(account.repaired if account else ()):
            reasons[FIRST_TEXT_REPAIR << i] = reason
        report.repaired = Counter({reasons[bit]: n for bit, n in outcome.repaired.items() if n})
        positions = np.union1d(outcome.bad, outcome.twice)
        if len(positions) > self._work.max_reject_fraction * report.read:
            positions = positions[:MAX_REASONED]
        twice = set(outcome.twice.tolist())
        for position, fields in zip(positions.tolist(), self._records(positions), strict=True):
            row = dict(zip(self._header, fields, strict=True))
            reason = TWICE if position in twice else why_bad(entries, row)
            place = account.place(position) if account else (position + 2, position + 2)
            self._reject(*place, reason, self._masked(fields))
        left = len(outcome.bad) + len(outcome.twice) - len(positions)
        if left:
            report.rejected["for these or other reasons"] += left

    def _records(self, positions: np.ndarray) -> Iterator[list[str]]:
        """Yield the fields of the records at ascending positions."""
        yield from map(fields_of, reading.lines_at(*self._entries.lines(positions)))

    def _repeated(self, name: str, outcome: Outcome) -> pa.Table:
        """Return what the entries repeat of their anime or users."""
        cells = self._raw_file.tables[name]
        columns = {raw: self._entries.column(raw) for raw in cells}
        texts = ", ".join(columns.values())
        cursor = self._work.connection.cursor()
        positions = np.union1d(outcome.bad, outcome.twice)
        cursor.register("left_out", pa.table({"position": positions}))
        found = cursor.sql(
            f"SELECT {texts}, count(*) AS n FROM (SELECT row_number() OVER () - 1 AS position, "
            f"{texts} FROM {self._entries.source_sql()}) ANTI JOIN left_out USING (position) "
            f"GROUP BY {texts} ORDER BY max(position)"
        ).to_arrow_table()
        weights = found.column("n").to_numpy()
        parsed = parse(name, found.drop("n").rename_columns(list(columns)), cells, weights)
        self._report.repaired += parsed.repaired
        return parsed.table

    def titles_beyond(self, anime: pa.Table) -> dict[int, str | None]:
        """Return the anime with list entries that a catalogue lacks, with titles if known."""
        cursor = self._work.connection.cursor()
        ratings = str(self._work.file("ratings.parquet")).replace("'", "''")
        rated = cursor.sql(f"SELECT DISTINCT anime_id FROM '{ratings}'").fetchnumpy()["anime_id"]
        beyond = np.setdiff1d(rated, anime["anime_id"].to_numpy())
        titles: dict[int, str | None] = dict.fromkeys(beyond.tolist())
        entries = self._raw_file.entries
        if len(beyond) and entries.title:
            cursor.register("beyond", pa.table({"anime_id": beyond}))
            anime_id = self._entries.column(entries.anime_id)
            found = cursor.sql(
                f"SELECT anime_id, max({self._entries.column(entries.title)}) FROM "
                f"(SELECT *, TRY_CAST(TRY_CAST({anime_id} AS DOUBLE) AS INTEGER) AS anime_id "
                f"FROM {self._entries.source_sql()}) SEMI JOIN beyond USING (anime_id) GROUP BY 1"
            ).fetchall()
            titles |= {number: title(text or "") for number, text in found}
        return titles

    # --- accounting

    def _masked(self, fields: Sequence[str]) -> str:
        """Return a record as text, with what is or may be a user name masked."""
        raw_file = self._raw_file
        shown = [
            MASK if text and (name == raw_file.username or name not in raw_file.columns) else text
            for name, text in zip(self._header, fields, strict=True)
        ]
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(shown)
        return out.getvalue()

    def _reject(
        self,
        line: int,
        record: int,
        reason: str,
        text: str,
        offset: int | None = None,
        length: int | None = None,
        sha256: str | None = None,
    ) -> None:
        self._report.rejected[reason] += 1
        self._report.rejects.append((line, record, reason, text, offset, length, sha256))

    def _check_account(self) -> None:
        """Assert that every row is accounted for; refuse a file without rows or with many bad."""
        report = self._report
        n_rejected = report.rejected.total()
        if report.kept + n_rejected != report.read:
            raise AssertionError(
                f"{self._name}: {report.kept} kept + {n_rejected} rejected != {report.read} read"
            )
        if report.read == 0:
            raise InputError(f"{self._name} holds a header and no rows: download it again")
        if n_rejected > self._work.max_reject_fraction * report.read:
            self._refuse("")

    def _refuse(self, of: str) -> NoReturn:
        report = self._report
        commonest = ", ".join(f"{n:,} {why}" for why, n in report.rejected.most_common(3))
        raise InputError(
            f"{self._name}: {report.rejected.total():,} of {of}{report.read:,} rows cannot be "
            f"used ({commonest}): is it the right file, and whole? Nothing was changed "
            "(--max-reject-fraction allows more)"
        )


def _write_rejects(report: Report, file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(REJECT_COLUMNS)
        for name, file_report in report.files.items():
            rejects = sorted(file_report.rejects, key=lambda reject: reject[0])
            rows.writerows((name, *reject) for reject in rejects)
