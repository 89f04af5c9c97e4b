"""One raw file in, canonical tables and an account of its rows out."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import NoReturn

import duckdb
import numpy as np
import pyarrow as pa

from anirec.config import InputError, Paths
from anirec.datasets import reading
from anirec.datasets.account import REPEATED, FileReport
from anirec.datasets.cells import parse
from anirec.datasets.entries import (
    BAD_STATUS,
    BATCH_SIZE,
    FIRST_TEXT_REPAIR,
    IN_LATER_FILE,
    OPTIONAL,
    READ_ERRORS,
    TWICE,
    EntryReader,
    NotPlain,
    Outcome,
    UserNumbers,
    csv_sql,
    fields_of,
    is_of_text,
    why_bad,
)
from anirec.datasets.entry_table import write_entries
from anirec.datasets.parsing import title
from anirec.datasets.records import Account, Splitter, TooManyBad, header_of, split
from anirec.datasets.source import RawFile, by_name

MASK = "***"
MAX_REASONED = 50_000
"""Rejected rows that are read again for their reasons, of a file that is refused anyway."""


@dataclass
class Workplace:
    """What an ingestion works with: where it may put files, DuckDB, its limit, days and users."""

    paths: Paths
    folder: Path
    connection: duckdb.DuckDBPyConnection
    max_reject_fraction: float
    snapshot: date
    users: UserNumbers = field(default_factory=UserNumbers)
    anime: UserNumbers = field(default_factory=UserNumbers)

    def file(self, name: str) -> Path:
        return self.folder / name


class FileReader:
    """Reads one raw file into canonical tables and reports on it."""

    def __init__(
        self, raw_file: RawFile, raw: reading.RawPath, work: Workplace, report: FileReport
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

    @property
    def entries_file(self) -> Path:
        """The table that a file of list entries is read into."""
        return self._work.file(f"{self._raw_file.name}.parquet")

    def read(self) -> dict[str, pa.Table]:
        """Return what the file says of anime and users; its entries go to `entries_file`.

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
        number = self._work.anime.number if name == "anime" else self._work.users.number
        cells = {
            raw: replace(one, parse=number) if one.parse is by_name else one
            for raw, one in cells.items()
        }
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
        except READ_ERRORS as error:
            if not is_of_text(error):
                raise
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
        target = self.entries_file
        connection, entries = self._work.connection, self._raw_file.entries
        of_all = (self._work.snapshot, self._work.users, self._work.anime)
        outcome: Outcome | None = None
        if self._text.line_end:
            self._entries = EntryReader(
                *(entries, self._header, self._text.file, connection, True, *of_all),
                line_end=self._text.line_end,
                open_end=self._text.open_end,
            )
            try:
                n_records = self._text.n_lines - 1
                outcome = write_entries(self._entries, n_records, connection, target)
            except NotPlain:
                pass
        if outcome is None:
            clean = self._split()
            account = self._account
            ends_well = account.bad and account.bad[-1].record > account.last_record
            self._entries = EntryReader(
                *(entries, self._header, clean, connection, False, *of_all),
                account=account,
                open_end=self._text.open_end and not ends_well,
            )
            outcome = write_entries(self._entries, account.good, connection, target)
        self._account_for(outcome)
        return {name: self._repeated(name, outcome) for name in self._raw_file.tables}

    def give_up(self, pairs: pa.Table) -> None:
        """Reject entries that were kept, ``user_id`` and ``anime_id``: another file has them too.

        Raises
        ------
        InputError
            If too many of the file's rows are rejected now.
        """
        if not pairs.num_rows:
            return
        found: dict[tuple[int, int], tuple[int, int]] = {}
        wanted = set(zip(pairs["user_id"].to_pylist(), pairs["anime_id"].to_pylist(), strict=True))
        users = np.unique(pairs["user_id"].to_numpy())
        for batch in self._entries.batches(self._n_records, []):
            batch = batch.take(np.isin(batch.user_id, users))
            repairs = np.zeros(len(batch), "uint16") if batch.repairs is None else batch.repairs
            keys = zip(batch.user_id.tolist(), batch.anime_id.tolist(), strict=True)
            for pair, *place in zip(keys, batch.position.tolist(), repairs.tolist(), strict=True):
                if pair in wanted:
                    found[pair] = tuple(place)
        report = self._report
        report.kept -= len(found)
        for bit, reason in self._repair_reasons().items():
            report.repaired[reason] -= sum(repairs & bit > 0 for _, repairs in found.values())
        report.repaired = +report.repaired
        positions = np.sort([position for position, _ in found.values()])
        for position, fields in zip(positions.tolist(), self._records(positions), strict=True):
            self._reject(*self._place(position), IN_LATER_FILE, self._masked(fields))
        self._check_account()

    def _repair_reasons(self) -> dict[int, str]:
        """Return what each bit of `Batch.repairs` stands for."""
        entries = self._raw_file.entries
        reasons = {BAD_STATUS: f"{entries.status}: not a known value"}
        for name, kind in OPTIONAL.items():
            reasons[kind.bit] = f"{getattr(entries, name)}: {kind.reason}"
        for i, reason in enumerate(self._account.repaired if self._account else ()):
            reasons[FIRST_TEXT_REPAIR << i] = reason
        return reasons

    def _account_for(self, outcome: Outcome) -> None:
        account, report, entries = self._account, self._report, self._raw_file.entries
        self._n_records = outcome.read
        report.kept = outcome.kept
        report.read = outcome.read + (len(account.bad) if account else 0)
        reasons = self._repair_reasons()
        report.repaired = Counter({reasons[bit]: n for bit, n in outcome.repaired.items() if n})
        positions = np.union1d(outcome.bad, outcome.twice)
        if len(positions) > self._work.max_reject_fraction * report.read:  # it is refused anyway
            positions = positions[:MAX_REASONED]
        twice = set(outcome.twice.tolist())
        for position, fields in zip(positions.tolist(), self._records(positions), strict=True):
            row = dict(zip(self._header, fields, strict=True))
            reason = TWICE if position in twice else why_bad(entries, row)
            self._reject(*self._place(position), reason, self._masked(fields))
        left = len(outcome.bad) + len(outcome.twice) - len(positions)
        if left:
            report.rejected["for these or other reasons"] += left
        if len(outcome.repeated):
            report.rejected[REPEATED] = len(outcome.repeated)
            report.repeats = self._repeats(outcome.repeated)

    def _repeats(self, positions: np.ndarray) -> Iterator[tuple]:
        """Yield rows of ``rejects.csv`` for records that are there again."""
        for position, fields in zip(positions.tolist(), self._records(positions), strict=True):
            yield (*self._place(position), REPEATED, self._masked(fields), None, None, None)

    def _place(self, position: int) -> tuple[int, int]:
        """Return physical line and record number of the record at a position."""
        return self._account.place(position) if self._account else (position + 2, position + 2)

    def _records(self, positions: np.ndarray) -> Iterator[list[str]]:
        """Yield the fields of the records at ascending positions."""
        yield from map(fields_of, reading.lines_at(*self._entries.lines(positions)))

    def _repeated(self, name: str, outcome: Outcome) -> pa.Table:
        """Return what the entries repeat of their anime or users."""
        cells = self._raw_file.tables[name]
        columns = {raw: self._entries.column(raw) for raw in cells}
        texts = ", ".join(columns.values())
        cursor = self._work.connection.cursor()
        positions = np.concatenate([outcome.bad, outcome.twice, outcome.repeated])
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

    def titles_beyond(
        self, anime: pa.Table | None, known: Mapping[int, str | None]
    ) -> dict[int, str | None]:
        """Return the anime with list entries that a catalogue lacks, with titles if known.

        ``known`` is what other files say of them: their titles are left alone.
        """
        cursor = self._work.connection.cursor()
        ratings = str(self._work.file("ratings.parquet")).replace("'", "''")
        rated = cursor.sql(f"SELECT DISTINCT anime_id FROM '{ratings}'").fetchnumpy()["anime_id"]
        named = [] if anime is None else anime["anime_id"].to_numpy()
        beyond = np.setdiff1d(rated, named)
        entries = self._raw_file.entries
        names = self._work.anime.names() if entries.anime_named else {}
        titles = {number: known.get(number) or names.get(number) for number in beyond.tolist()}
        if len(beyond) and entries.title and not names:
            cursor.register("beyond", pa.table({"anime_id": beyond}))
            anime_id = self._entries.column(entries.anime_id)
            found = cursor.sql(
                f"SELECT anime_id, max({self._entries.column(entries.title)}) FROM "
                f"(SELECT *, TRY_CAST(TRY_CAST({anime_id} AS DOUBLE) AS INTEGER) AS anime_id "
                f"FROM {self._entries.source_sql()}) SEMI JOIN beyond USING (anime_id) GROUP BY 1"
            ).fetchall()
            for number, text in found:
                titles[number] = titles[number] or title(text or "")
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
        if report.n_lost > self._work.max_reject_fraction * report.read:
            self._refuse("")

    def _refuse(self, of: str) -> NoReturn:
        report = self._report
        lost = Counter({why: n for why, n in report.rejected.items() if why != REPEATED})
        commonest = ", ".join(f"{n:,} {why}" for why, n in lost.most_common(3))
        raise InputError(
            f"{self._name}: {report.n_lost:,} of {of}{report.read:,} rows cannot be "
            f"used ({commonest}): is it the right file, and whole? Nothing was changed "
            "(--max-reject-fraction allows more)"
        )
