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


def cell(parse: Callable[[str], object], *targets: str) -> Cell:
    """Return the cell that ``parse`` turns into the columns ``targets``."""
    return Cell(targets, parse)


@dataclass(frozen=True)
class Entries:
    """What the columns of a file of list entries mean.

    Attributes
    ----------
    user_id, anime_id, rating : their raw columns.
    unscored : the rating that stands for "on the list, not scored"; None where there is none.
    status, episodes_watched : their raw columns, where there are any.
    statuses : code -> list status, for the column ``status``.
    all_status : the list status of every entry, where the file holds only one kind.
    title : raw column with the anime's title, where there is one.
    """

    user_id: str = "user_id"
    anime_id: str = "anime_id"
    rating: str = "rating"
    unscored: int | None = None
    status: str | None = None
    episodes_watched: str | None = None
    statuses: Mapping[int, str] = field(default_factory=dict)
    all_status: str | None = None
    title: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Canonical column -> raw column, of those that hold numbers."""
        every = {
            "user_id": self.user_id,
            "anime_id": self.anime_id,
            "rating": self.rating,
            "status": self.status,
            "episodes_watched": self.episodes_watched,
        }
        return {name: raw for name, raw in every.items() if raw}


@dataclass(frozen=True, eq=False)
class RawFile:
    """One raw file of a dataset.

    Attributes
    ----------
    name : its file name.
    columns : its columns, in the publisher's order.
    tables : canonical table, ``anime`` or ``users`` -> raw column -> `Cell`. A file of one row per
        anime or user feeds one table; a file of list entries may repeat what it knows of its
        anime and users in every row. Columns not named are not used.
    entries : for a file of list entries, what its columns mean.
    username : the column that holds user names, which are masked in ``rejects.csv``.
    required : whether the dataset can be ingested without it.
    unless : a file of the dataset that holds all this one does; with it, this one is not read.
    """

    name: str
    columns: tuple[str, ...]
    tables: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    entries: Entries | None = None
    username: str | None = None
    required: bool = False
    unless: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The raw columns that hold ids."""
        if self.entries:
            return self.entries.user_id, self.entries.anime_id
        (cells,) = self.tables.values()
        return tuple(name for name, one in cells.items() if one.targets[0] in KEY_COLUMNS)

    @property
    def used(self) -> list[str]:
        """The raw columns that are used; a file without one of them is refused."""
        of_entries = list(self.entries.columns.values()) if self.entries else []
        return list(dict.fromkeys([*of_entries, *(c for t in self.tables.values() for c in t)]))


KEY_COLUMNS = ("anime_id", "user_id")


@dataclass(frozen=True)
class Source:
    """One dataset: its files, and the day its snapshot was taken (ages are judged then)."""

    dataset: Dataset
    files: tuple[RawFile, ...]
    snapshot_date: date
    simulated: bool = False
