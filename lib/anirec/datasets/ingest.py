"""Raw files in, the three canonical tables out; every row is kept, repaired or rejected."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anirec.config import InputError, Paths
from anirec.datasets import reading, source_of
from anirec.datasets.parsing import BadCell
from anirec.datasets.records import Account, Splitter, header_of, split
from anirec.datasets.schema import KEYS, STATUSES, TABLES, with_pandas_types
from anirec.datasets.source import Cell, RawFile, Source
from anirec.files import write_text, written_whole

MASK = "***"
STUB_TITLE = "Anime #{}"
REJECT_COLUMNS = ("file", "line", "record", "reason", "text", "byte_offset", "bytes", "sha256")


@dataclass
class FileReport:
    """What became of one raw file's records."""

    sha256: str = ""
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
    missing: list[str]
    files: dict[str, FileReport]
    rows: dict[str, int]
    stubs: int

    def content(self) -> dict:
        """Return what ``ingest.json`` holds."""
        return {
            "dataset": self.dataset,
            "simulated": self.simulated,
            "snapshot_date": self.snapshot_date,
            "missing": self.missing,
            "files": {
                name: {
                    "sha256": report.sha256,
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
            n_rejected = report.rejected.total()
            lines.append(f"  {name}: {report.read:,} rows read, {report.kept:,} kept")
            if n_rejected:
                reasons = ", ".join(f"{n:,} {why}" for why, n in report.rejected.most_common())
                lines[-1] += f", {n_rejected:,} rejected ({reasons})"
            if report.repaired:
                reasons = ", ".join(f"{n:,} {why}" for why, n in report.repaired.most_common())
                lines.append(f"    repaired: {reasons}")
        lines += [f"  {name}: missing, left out" for name in self.missing]
        if self.stubs:
            lines.append(f"  anime with ratings that the catalogue lacks: {self.stubs:,}")
        return "\n".join(lines)


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
    found = {raw_file: reading.located(paths.raw, raw_file.name) for raw_file in source.files}
    for raw_file, file in found.items():
        if file is None and raw_file.required:
            raise InputError(
                f"{paths.raw / raw_file.name} is missing: run 'anirec fetch {paths.dataset}' "
                "or pass --raw-dir"
            )
    with _workplace(paths) as (folder, connection):
        tables = {name: TABLES[name].empty_table() for name in ("anime", "users")}
        statuses = ", ".join(f"'{status}'" for status in STATUSES)
        connection.execute(
            "CREATE TABLE ratings (user_id INTEGER, anime_id INTEGER, rating TINYINT, "
            f"status ENUM({statuses}), episodes_watched SMALLINT)"
        )
        connection.execute("CREATE TABLE titles (anime_id INTEGER, title VARCHAR)")
        reports: dict[str, FileReport] = {}
        for raw_file, file in found.items():
            if file is None:
                continue
            report = reports[raw_file.name] = FileReport()
            header, account, clean = _split(raw_file, file, folder, report)
            if raw_file.table == "ratings":
                _read_ratings(raw_file, header, account, clean, connection, report)
            else:
                tables[raw_file.table] = _read_cells(raw_file, header, account, clean, report)
            _check(file, report, max_reject_fraction)
        tables["anime"], n_stubs = _with_stubs(tables["anime"], connection)
        rows = {name: table.num_rows for name, table in tables.items()}
        rows["ratings"] = connection.execute("SELECT count(*) FROM ratings").fetchall()[0][0]
        report = Report(
            dataset=source.dataset.value,
            simulated=source.simulated,
            snapshot_date=source.snapshot_date.isoformat(),
            missing=[raw_file.name for raw_file, file in found.items() if file is None],
            files=reports,
            rows=rows,
            stubs=n_stubs,
        )
        _write(paths, tables, connection, report, source)
    return report


@contextmanager
def _workplace(paths: Paths) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """Yield a scratch folder beside the tables, and a DuckDB connection that spills into it."""
    paths.processed.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".ingest-", dir=paths.processed))
    connection = duckdb.connect(
        config={"memory_limit": "2GB", "threads": 2, "temp_directory": str(folder)}
    )
    try:
        yield folder, connection
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


# --- reading ----------------------------------------------------------------------------------


def _split(
    raw_file: RawFile, file: Path, folder: Path, report: FileReport
) -> tuple[list[str], Account, Path]:
    """Split a raw file into records; return its header, the account and a file of the good ones."""
    report.sha256 = _sha256(file)
    clean = folder / f"{raw_file.name}.clean"
    with reading.opened(file) as stream, clean.open("wb") as out:
        blocks = reading.blocks(stream)
        first = next(blocks, b"")
        if not first.strip():
            raise InputError(f"{file} is empty: download it again")
        header, size = header_of(first)
        _check_header(raw_file, file, header)
        keys = [header.index(name) for name in _key_columns(raw_file)]
        splitter = Splitter(len(header), keys, out)
        splitter.skip(first[:size])

        def rest() -> Iterator[bytes]:
            yield first[size:]
            yield from blocks

        account = split(rest(), splitter)
    for bad in account.bad:
        report.rejected[bad.reason] += 1
        place = (bad.line, bad.record, bad.reason)
        report.rejects.append((*place, "", bad.offset, bad.length, bad.sha256))
    report.read = account.good + len(account.bad)
    return header, account, clean


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _key_columns(raw_file: RawFile) -> list[str]:
    keys = KEYS[raw_file.table]
    if raw_file.fields:
        return [raw_file.fields[key] for key in keys]
    return [name for name, cell in raw_file.cells.items() if cell.targets[0] in keys]


def _check_header(raw_file: RawFile, file: Path, header: list[str]) -> None:
    used = [*raw_file.cells, *raw_file.fields.values()]
    lacking = [name for name in used if name not in header]
    if lacking:
        raise InputError(
            f"{file} lacks the column {', '.join(map(repr, lacking))} "
            f"(it has: {', '.join(header)[:300]}): is it the right file?"
        )
    if len(set(header)) < len(header):
        raise InputError(f"{file} has two columns of the same name: rename one of them")


def _check(file: Path, report: FileReport, max_reject_fraction: float) -> None:
    """Assert that every row is accounted for; refuse a file without rows or with too many bad."""
    n_rejected = report.rejected.total()
    if report.kept + n_rejected != report.read:
        raise AssertionError(f"{file}: {report.read} rows read, {report.kept} + {n_rejected}")
    if report.read == 0:
        raise InputError(f"{file} holds a header and no rows: download it again")
    if n_rejected > max_reject_fraction * report.read:
        commonest = ", ".join(f"{n:,} {why}" for why, n in report.rejected.most_common(3))
        raise InputError(
            f"{file}: {n_rejected:,} of {report.read:,} rows cannot be read ({commonest}): "
            "check that it is the right file and whole; nothing was changed"
        )


def _columns_sql(width: int) -> str:
    return "{" + ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width)) + "}"


def _clean_sql(clean: Path, width: int) -> str:
    """Return the SQL table function that reads a file of good records as text."""
    name = str(clean).replace("'", "''")
    return (
        f"read_csv('{name}', auto_detect=false, header=false, delim=',', quote='\"', "
        f"escape='\"', new_line='\\n', columns={_columns_sql(width)}, "
        f"max_line_size={1 << 21}, strict_mode=true)"
    )


class _Rejecter:
    """Puts good records on report as rejected after all, for what their fields say."""

    def __init__(
        self, raw_file: RawFile, header: list[str], account: Account, report: FileReport
    ) -> None:
        self._hidden = [
            name == raw_file.username or name not in raw_file.columns for name in header
        ]
        self._account, self._report = account, report

    def reject(self, index: int, fields: list[str | None], reason: str) -> None:
        """Reject the good record ``index``, whose text is ``fields``."""
        line, record = self._account.place(index)
        shown = [
            MASK if hidden and text else text or ""
            for text, hidden in zip(fields, self._hidden, strict=True)
        ]
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(shown)
        self._report.rejected[reason] += 1
        self._report.rejects.append((line, record, reason, out.getvalue(), None, None, None))


def _read_cells(
    raw_file: RawFile, header: list[str], account: Account, clean: Path, report: FileReport
) -> pa.Table:
    """Read a catalogue or a table of users, cell by cell, each distinct text once."""
    raw = duckdb.sql(f"SELECT * FROM {_clean_sql(clean, len(header))}").to_arrow_table()
    if raw.num_rows != account.good:
        raise AssertionError(f"{raw_file.name}: {raw.num_rows} records, not {account.good}")
    schema = TABLES[raw_file.table]
    key = KEYS[raw_file.table][0]
    columns: dict[str, pa.Array] = {}
    bad_cells: dict[str, np.ndarray] = {}
    for name, cell in raw_file.cells.items():
        column = raw.column(header.index(name)).combine_chunks()
        parsed, reasons = _parsed(column, cell, [schema.field(t).type for t in cell.targets])
        columns |= dict(zip(cell.targets, parsed, strict=True))
        for reason, mask in reasons.items():
            bad_cells[f"{name}: {reason}"] = mask

    key_name = _key_columns(raw_file)[0]
    rejected = np.full(account.good, "", dtype=object)
    ids = columns[key].to_numpy(zero_copy_only=False)
    rejected[np.isnan(ids.astype(float))] = f"{key_name}: missing"
    for reason in [r for r in bad_cells if r.startswith(f"{key_name}: ")]:
        rejected[bad_cells.pop(reason)] = reason
    positions = np.flatnonzero(rejected == "")
    _, last = np.unique(ids[positions][::-1], return_index=True)
    keep = np.zeros(account.good, dtype=bool)
    keep[positions[len(positions) - 1 - last]] = True
    rejected[positions[~keep[positions]]] = f"{key_name}: occurs again further down"

    rejecter = _Rejecter(raw_file, header, account, report)
    for index in np.flatnonzero(~keep):
        fields = [raw.column(i)[index].as_py() for i in range(len(header))]
        rejecter.reject(int(index), fields, rejected[index])
    masks = bad_cells | {
        reason: np.isin(np.arange(account.good), indexes)
        for reason, indexes in account.repaired.items()
    }
    for reason, mask in masks.items():
        if n := int((mask & keep).sum()):
            report.repaired[reason] += n
    report.kept += int(keep.sum())

    if raw_file.table == "anime":
        _derive(columns)
    missing = [name for name in schema.names if name not in columns]
    columns |= {name: pa.nulls(account.good, schema.field(name).type) for name in missing}
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    return table.filter(pa.array(keep)).sort_by(key)


def _derive(columns: dict[str, pa.Array]) -> None:
    """Fill what a catalogue says in other columns: titles, years, and what is for adults only."""
    ids = columns["anime_id"].to_pylist()
    stubs = pa.array([None if i is None else STUB_TITLE.format(i) for i in ids], pa.string())
    columns["title"] = pc.coalesce(columns["title"], stubs)
    if "aired_from" in columns:
        began = pc.year(columns["aired_from"]).cast(pa.int16())
        columns["year"] = pc.coalesce(columns["year"], began) if "year" in columns else began
    genres = columns["genres"].to_pylist()
    ratings = columns["age_rating"].to_pylist() if "age_rating" in columns else [None] * len(ids)
    columns["is_adult"] = pa.array(
        [
            "Hentai" in (tags or ()) or (rating or "").startswith("Rx")
            for tags, rating in zip(genres, ratings, strict=True)
        ],
        pa.bool_(),
    )


def _parsed(
    column: pa.Array, cell: Cell, types: list[pa.DataType]
) -> tuple[list[pa.Array], dict[str, np.ndarray]]:
    """Return the canonical columns of a raw column, and masks of its bad cells by reason."""
    coded = column.fill_null("").dictionary_encode()
    nothing = (None,) * len(cell.targets)
    values, bad = [], {}
    for code, text in enumerate(coded.dictionary.to_pylist()):
        try:
            value = cell.parse(text)
        except BadCell as error:
            bad.setdefault(str(error), []).append(code)
            value = nothing
        values.append(value if isinstance(value, tuple) else (value,))
    codes = coded.indices.to_numpy()
    arrays = []
    for i, kind in enumerate(types):
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        array = pa.array([value[i] for value in values], type=plain).take(coded.indices)
        arrays.append(array.cast(kind) if plain == kind else array.dictionary_encode().cast(kind))
    return arrays, {reason: np.isin(codes, which) for reason, which in bad.items()}


def _read_ratings(
    raw_file: RawFile,
    header: list[str],
    account: Account,
    clean: Path,
    connection: duckdb.DuckDBPyConnection,
    report: FileReport,
) -> None:
    """Read list entries into the connection's table ``ratings``."""

    def raw(name: str) -> str:
        return f"c{header.index(raw_file.fields[name])}"

    texts = ", ".join(f"c{i}" for i in range(len(header)))
    connection.execute(
        f"CREATE TEMP TABLE entries AS SELECT {texts}, "
        f"TRY_CAST({raw('user_id')} AS DOUBLE) AS user_number, "
        f"TRY_CAST({raw('anime_id')} AS DOUBLE) AS anime_number, "
        f"TRY_CAST({raw('rating')} AS DOUBLE) AS rating_number, "
        f"FROM {_clean_sql(clean, len(header))}"
    )

    def key(name: str, number: str) -> str:
        return (
            f"WHEN {raw(name)} IS NULL OR trim({raw(name)}) = '' THEN '{name}: missing' "
            f"WHEN {number} IS NULL OR {number} <> floor({number}) THEN '{name}: not a number' "
            f"WHEN NOT {number} BETWEEN 1 AND 2147483647 THEN '{name}: out of range'"
        )

    unscored = "false" if raw_file.unscored is None else f"rating_number = {raw_file.unscored}"
    connection.execute(
        "CREATE TEMP TABLE judged AS SELECT rowid AS position, CASE "
        f"{key('user_id', 'user_number')} {key('anime_id', 'anime_number')} "
        f"WHEN {raw('rating')} IS NULL OR trim({raw('rating')}) = '' THEN 'rating: missing' "
        "WHEN rating_number IS NULL OR isnan(rating_number) THEN 'rating: not a number' "
        f"WHEN {unscored} THEN NULL "
        "WHEN rating_number <> floor(rating_number) THEN 'rating: not a whole number' "
        "WHEN NOT rating_number BETWEEN 1 AND 10 THEN 'rating: outside 1 to 10' END AS reason, "
        "TRY_CAST(user_number AS INTEGER) AS user_id, "
        "TRY_CAST(anime_number AS INTEGER) AS anime_id, "
        f"CASE WHEN NOT {unscored} THEN TRY_CAST(rating_number AS TINYINT) END AS rating "
        "FROM entries"
    )
    connection.execute(
        "CREATE TEMP TABLE last_ones AS SELECT user_id, anime_id, max(position) AS position "
        "FROM judged WHERE reason IS NULL GROUP BY ALL"
    )
    connection.execute(
        "INSERT INTO ratings SELECT user_id, anime_id, rating, NULL, NULL "
        "FROM judged SEMI JOIN last_ones USING (position) ORDER BY user_id, anime_id"
    )
    title = f"arg_max({raw('title')}, position)" if "title" in raw_file.fields else "NULL::VARCHAR"
    connection.execute(
        f"INSERT INTO titles SELECT anime_id, {title} FROM judged "
        "JOIN entries ON judged.position = entries.rowid "
        "SEMI JOIN last_ones USING (position) GROUP BY anime_id"
    )
    rejecter = _Rejecter(raw_file, header, account, report)
    bad = connection.execute(
        "SELECT position, coalesce(reason, 'user_id and anime_id occur again further down'), "
        f"{texts} FROM judged JOIN entries ON judged.position = entries.rowid "
        "ANTI JOIN last_ones USING (position) ORDER BY position"
    )
    for position, reason, *fields in bad.fetchall():
        rejecter.reject(position, fields, reason)
    report.kept = connection.execute("SELECT count(*) FROM ratings").fetchall()[0][0]
    for reason, indexes in account.repaired.items():
        report.repaired[reason] += len(indexes)


def _with_stubs(anime: pa.Table, connection: duckdb.DuckDBPyConnection) -> tuple[pa.Table, int]:
    """Return the catalogue with a row for each anime that has ratings but no row of its own."""
    known = set(anime["anime_id"].to_pylist())
    rated = connection.execute("SELECT DISTINCT anime_id FROM ratings ORDER BY 1").fetchnumpy()
    new = [int(i) for i in rated["anime_id"] if int(i) not in known]
    titles = dict(connection.execute("SELECT anime_id, title FROM titles").fetchall())
    stubs = pa.Table.from_pylist(
        [
            {
                "anime_id": i,
                "title": titles.get(i) or STUB_TITLE.format(i),
                "is_adult": False,
            }
            for i in new
        ],
        schema=anime.schema,
    )
    return pa.concat_tables([anime, stubs]).unify_dictionaries().sort_by("anime_id"), len(new)


def _line(reject: tuple) -> int:
    return reject[0]


# --- writing ----------------------------------------------------------------------------------


def _write(
    paths: Paths,
    tables: dict[str, pa.Table],
    connection: duckdb.DuckDBPyConnection,
    report: Report,
    source: Source,
) -> None:
    for name, table in tables.items():
        schema = with_pandas_types(name)
        with written_whole(paths.processed / f"{name}.parquet") as beside:
            pq.write_table(table.cast(schema), beside, compression="zstd")
    schema = with_pandas_types("ratings")
    with (
        written_whole(paths.processed / "ratings.parquet") as beside,
        pq.ParquetWriter(beside, schema, compression="zstd") as writer,
    ):
        for batch in connection.sql("SELECT * FROM ratings").to_arrow_reader(1_000_000):
            writer.write_table(pa.table(batch).cast(schema))
    with (
        written_whole(paths.processed / "rejects.csv") as beside,
        beside.open("w", encoding="utf-8", newline="") as out,
    ):
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(REJECT_COLUMNS)
        for name, file_report in report.files.items():
            rows.writerows((name, *reject) for reject in sorted(file_report.rejects, key=_line))
    write_text(paths.processed / "ingest.json", json.dumps(report.content(), indent=2) + "\n")
