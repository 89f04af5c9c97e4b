"""What a source module says: its files, their columns, and what each column means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from anirec.config import Dataset


@dataclass(frozen=True)
class Cell:
    """How the text of one raw column becomes one or more canonical columns.

    Attributes
    ----------
    targets : canonical columns filled from the cell.
    parse : text -> the value, or a tuple of one value per target; ``None`` where the text stands
        for a missing value. Raises `anirec.datasets.parsing.BadCell` if it cannot be read.
    """

    targets: tuple[str, ...]
    parse: Callable[[str], object]


@dataclass(frozen=True, eq=False)
class RawFile:
    """One raw file of a dataset.

    Attributes
    ----------
    name : its file name.
    table : the canonical table it feeds: ``anime``, ``users`` or ``ratings``.
    columns : its columns, in the publisher's order.
    cells : raw column -> `Cell`, for ``anime`` and ``users``; columns not named are not used.
    fields : canonical column -> raw column, for ``ratings``.
    unscored : the rating that stands for "on the list, not scored"; None where there is none.
    username : the column that holds user names, which are masked in ``rejects.csv``.
    required : whether the dataset can be ingested without it.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    cells: Mapping[str, Cell] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    unscored: int | None = None
    username: str | None = None
    required: bool = False


@dataclass(frozen=True)
class Source:
    """One dataset: its files, and the day its snapshot was taken (ages are judged then)."""

    dataset: Dataset
    files: tuple[RawFile, ...]
    snapshot_date: date
    simulated: bool = False
