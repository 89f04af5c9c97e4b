"""The account of an ingestion: what became of every row of every file, in numbers and in words."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from pathlib import Path

from anirec.datasets.source import RawFile

REPEATED = "the same row again further down"
"""The reason for rejecting a row that is there again: nothing is lost by it."""
REJECT_COLUMNS = ("file", "line", "record", "reason", "text", "byte_offset", "bytes", "sha256")


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
    repeats : more such rows, in order of lines, of records that others repeat; they may be many.
    """

    sha256: str = ""
    truncated: bool = False
    read: int = 0
    kept: int = 0
    repaired: Counter = field(default_factory=Counter)
    rejected: Counter = field(default_factory=Counter)
    rejects: list[tuple] = field(default_factory=list)
    repeats: Iterable[tuple] = ()

    @property
    def n_lost(self) -> int:
        """Records rejected that say something the tables now lack: all but exact repeats."""
        return self.rejected.total() - self.rejected[REPEATED]


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


def write_rejects(report: Report, file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(REJECT_COLUMNS)
        for name, file_report in report.files.items():
            rejects = sorted(file_report.rejects, key=itemgetter(0))
            both = merge(rejects, file_report.repeats, key=itemgetter(0))
            rows.writerows((name, *reject) for reject in both)
