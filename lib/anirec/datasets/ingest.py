"""Raw files in, the three canonical tables out; every row is kept, repaired or rejected."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from anirec.config import Dataset, InputError, Paths
from anirec.datasets import reading
from anirec.datasets.account import Report, write_rejects
from anirec.datasets.cells import completed, merged
from anirec.datasets.countries import load_names
from anirec.datasets.entry_files import join_entries
from anirec.datasets.file_reader import FileReader, Workplace
from anirec.datasets.numbering import with_mal_ids
from anirec.datasets.reading import raw_path
from anirec.datasets.registry import source_of
from anirec.datasets.schema import SCHEMAS, arrow_schema, validated
from anirec.datasets.source import RawFile, Source
from anirec.files import locked

MEMORY_LIMIT = "1GB"
"""DuckDB's share; what does not fit it spills to disk."""


def ingest(paths: Paths, max_reject_fraction: float = 0.01, source: Source | None = None) -> Report:
    """Make the canonical tables of a dataset from its raw files.

    Writes ``anime.parquet``, ``users.parquet``, ``ratings.parquet``, ``ingest.json`` and
    ``rejects.csv`` into ``paths.processed``, or leaves what is there as it was.

    Raises
    ------
    InputError
        If a required file is missing, a file cannot be read as what it should be, or more than
        ``max_reject_fraction`` of a file's rows are rejected.
    """
    source = source or source_of(paths.dataset)
    report = Report(
        dataset=str(source.dataset),
        simulated=source.simulated,
        snapshot_date=source.snapshot_date.isoformat(),
    )
    found = _find(source, paths, report)
    with _workplace(paths, max_reject_fraction, source.snapshot_date) as work:
        readers = {
            raw_file: FileReader(raw_file, raw, work, report.add(raw_file))
            for raw_file, raw in found.items()
        }
        tables = _read(readers)
        of_entries = [reader for raw_file, reader in readers.items() if raw_file.entries]
        if of_entries:
            join_entries(of_entries, work.connection, work.file("ratings.parquet"))
        stub_titles: dict[int, str | None] = {}
        for reader in of_entries:
            stub_titles |= reader.titles_beyond(tables.get("anime"), stub_titles)
        report.stubs = len(stub_titles)
        anime = completed("anime", tables.get("anime"), stub_titles)
        finished = {
            "anime": with_mal_ids(anime, source.own_ids_from),
            "users": completed("users", tables.get("users"), {}),
        }
        _write(finished, report, work)
    return report


def _read(readers: dict[RawFile, FileReader]) -> dict[str, pa.Table]:
    """Return what the files say of anime and users; entries, which take most memory, come first.

    The names of countries are loaded meanwhile.
    """
    loading = Thread(target=load_names)
    targets = {
        target
        for raw_file in readers
        for cells in raw_file.tables.values()
        for one in cells.values()
        for target in one.targets
    }
    if "location" in targets:
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


def _write(finished: dict[str, pa.Table], report: Report, work: Workplace) -> None:
    """Write all files beside their places, then move them there together."""
    ratings = work.file("ratings.parquet")
    if not ratings.is_file():
        pq.write_table(arrow_schema("ratings").empty_table(), ratings)
    for name, table in finished.items():
        report.rows[name] = table.num_rows
        pq.write_table(validated(name, table), work.file(f"{name}.parquet"), compression="zstd")
    report.rows["ratings"] = pq.read_metadata(ratings).num_rows
    write_rejects(report, work.file("rejects.csv"))
    text = json.dumps(report.content(), indent=2, ensure_ascii=False) + "\n"
    work.file("ingest.json").write_text(text, encoding="utf-8")
    for name in (*(f"{table}.parquet" for table in SCHEMAS), "rejects.csv", "ingest.json"):
        work.file(name).replace(work.paths.processed / name)


def _find(source: Source, paths: Paths, report: Report) -> dict[RawFile, reading.RawPath]:
    """Return the files to read and where they are; put those missing or not needed on report.

    Raises
    ------
    InputError
        If a file is missing that the dataset cannot do without.
    """
    found = {raw_file: raw_path(paths.raw, *raw_file.names) for raw_file in source.files}
    there = {raw_file.name for raw_file, raw in found.items() if raw}
    for raw_file, raw in found.items():
        if raw is None and raw_file.required:
            broken = ", ".join(file.name for file in reading.broken_archives(paths.raw))
            also = f" and {broken} cannot be opened" if broken else ""
            public = source.dataset in set(Dataset)
            fetching = f"run 'anirec fetch {source.dataset}' or " if public else ""
            raise InputError(
                f"{paths.raw / raw_file.name} is missing{also}: {fetching}pass --raw-dir"
            )
        if raw and raw_file.unless in there:
            report.unused[raw_file.name] = f"{raw_file.unless} holds its entries"
        elif raw is None and raw_file.unless not in there:
            report.missing.append(raw_file.name)
    return {
        replace(raw_file, name=raw.name): raw
        for raw_file, raw in found.items()
        if raw and raw_file.unless not in there
    }


@contextmanager
def _workplace(paths: Paths, max_reject_fraction: float, snapshot: date) -> Iterator[Workplace]:
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
                yield Workplace(paths, folder, connection, max_reject_fraction, snapshot)
            finally:
                connection.close()
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise InputError(f"the disk is full: make room in {paths.processed}") from None
