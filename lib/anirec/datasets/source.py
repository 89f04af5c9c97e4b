"""What a source module says: its files, their columns, and what each column means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date


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


def by_name(name: str) -> int | None:
    """Parse the name of a user or anime into a number.

    An ingestion puts its own numbering in its place.
    """
    raise NotImplementedError(f"no numbers for {name!r}")


OPTIONAL_COLUMNS = ("episodes_watched", "times_watched", "started", "finished", "updated")
"""Columns of the ratings table that many sources lack."""


@dataclass(frozen=True)
class Entries:
    """What the columns of a file of list entries mean.

    A rating of 0 or -1, or none, means "on the list, not scored" in every file.

    Attributes
    ----------
    user_id, anime_id, rating : their raw columns.
    named : whether users are told by names, which are numbered as they come and not kept.
    anime_named : whether anime are told by names, which are numbered as they come.
    scale : the greatest rating of a scale other than 1 to 10 in whole numbers, such as 5 or 100;
        10 for one with fractions. Ratings are brought to 1 to 10 and rounded.
    status, episodes_watched, times_watched, started, finished, updated : their raw columns, where
        there are any. Days are written as ``2013-03-03``, moments so too, or in seconds since 1970.
    statuses : code, or word in lower case, -> list status, for the column ``status``.
    all_status : the list status of every entry, where the file holds only one kind.
    title : raw column with the anime's title, where there is one.
    """

    user_id: str = "user_id"
    anime_id: str = "anime_id"
    rating: str = "rating"
    named: bool = False
    anime_named: bool = False
    scale: float | None = None
    status: str | None = None
    episodes_watched: str | None = None
    times_watched: str | None = None
    started: str | None = None
    finished: str | None = None
    updated: str | None = None
    statuses: Mapping[int, str] | Mapping[str, str] = field(default_factory=dict)
    all_status: str | None = None
    title: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """Canonical column -> raw column, of those that become columns of the ratings table."""
        names = ("user_id", "anime_id", "rating", "status", *OPTIONAL_COLUMNS)
        every = {name: getattr(self, name) for name in names}
        return {name: raw for name, raw in every.items() if raw}


@dataclass(frozen=True, eq=False)
class RawFile:
    """One raw file of a dataset.

    Attributes
    ----------
    name : its file name.
    variants : other names under which the publisher ships less of the same; the first that is there
        is read.
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
    variants: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names the file may have."""
        return self.name, *self.variants

    @property
    def keys(self) -> tuple[str, ...]:
        """The raw columns that hold ids in numbers."""
        if self.entries:
            user_id = () if self.entries.named else (self.entries.user_id,)
            return user_id if self.entries.anime_named else (*user_id, self.entries.anime_id)
        (cells,) = self.tables.values()
        return tuple(
            name
            for name, one in cells.items()
            if one.targets[0] in KEY_COLUMNS and one.parse is not by_name
        )

    @property
    def used(self) -> list[str]:
        """The raw columns that are used; a file without one of them is refused."""
        of_entries = list(self.entries.columns.values()) if self.entries else []
        return list(dict.fromkeys([*of_entries, *(c for t in self.tables.values() for c in t)]))


KEY_COLUMNS = ("anime_id", "user_id")


@dataclass(frozen=True)
class Source:
    """One dataset.

    Attributes
    ----------
    dataset : its name. files : its files.
    snapshot_date : the day its snapshot was taken; ages are judged then.
    simulated : whether its people are made up.
    own_ids_from : from this id on its anime have ids of their own, whatever they are below.
    """

    dataset: str
    files: tuple[RawFile, ...]
    snapshot_date: date
    simulated: bool = False
    own_ids_from: int | None = None
