"""What is told from the anime table once and kept beside it: its franchises, its title index.

A file is made anew when the table has changed, or the rules by which it is told from the table.
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

import numpy as np
import pandas as pd

from anirec.catalogue import (
    franchise_finding,
    franchises,
    other_names,
    relations,
    title_forms,
    titles,
)
from anirec.catalogue.franchise_finding import find_franchises
from anirec.catalogue.franchises import Franchises
from anirec.catalogue.titles import TitleIndex
from anirec.config import Paths
from anirec.datasets.tables import read_canonical, read_table
from anirec.files import write_arrays

_log = logging.getLogger(__name__)
Told = TypeVar("Told")


@dataclass(frozen=True)
class Index(Generic[Told]):
    """Something told from the anime table that is kept in a file of arrays.

    Attributes
    ----------
    file_name : of the file, beside the table.
    rules : the modules that say how it is told; other rules make another file.
    columns : of the table that it is told from.
    tell : makes it of the table.
    arrays, restored : its arrays by name, and it again from these and the table.
    """

    file_name: str
    rules: tuple[ModuleType, ...]
    columns: tuple[str, ...]
    tell: Callable[[pd.DataFrame], Told]
    arrays: Callable[[Told], Mapping[str, np.ndarray]]
    restored: Callable[[Mapping[str, np.ndarray], pd.DataFrame], Told]

    def make(self, table: Path, anime: pd.DataFrame) -> Told:
        """Tell it from the table, whose content is ``anime``, and write its file."""
        told = self.tell(anime)
        write_arrays(
            table.with_name(self.file_name), made_from=self._made_from(table), **self.arrays(told)
        )
        return told

    def load(self, table: Path, anime: pd.DataFrame | None = None) -> Told:
        """Return it from its file, made anew if that is missing, damaged or out of date.

        Where nothing can be written, it is told each time.
        """
        file = table.with_name(self.file_name)
        anime = read_canonical(table, self.columns) if anime is None else anime
        kept = _read_arrays(file)
        if kept is not None and str(kept.get("made_from")) == str(self._made_from(table)):
            return self.restored(kept, anime)
        try:
            return self.make(table, anime)
        except OSError as error:
            _log.info("%s: not kept (%s); loading stays slow", file, error.strerror)
            return self.tell(anime)

    def _made_from(self, table: Path) -> np.ndarray:
        digest = hashlib.sha256(table.read_bytes())
        for module in self.rules:
            digest.update(_source(module))
        return np.array(digest.hexdigest())


FRANCHISES = Index(
    "franchises.npz",
    rules=(franchise_finding, franchises, relations, title_forms),
    columns=(
        "anime_id", "title", "title_english", "genres", "type", "episodes", "members", "year",
        "aired_from", "related",
    ),
    tell=find_franchises,
    arrays=vars,
    restored=lambda arrays, anime: Franchises(
        **{name: arrays[name] for name in Franchises.__dataclass_fields__}
    ),
)  # fmt: skip
TITLES = Index(
    "titles.npz",
    rules=(titles, title_forms, other_names),
    columns=(
        "anime_id",
        "mal_id",
        "title",
        "title_english",
        "title_japanese",
        "title_synonyms",
        "members",
        "year",
        "type",
    ),
    tell=TitleIndex,
    arrays=TitleIndex.arrays,
    restored=TitleIndex.from_arrays,
)
INDICES: tuple[Index, ...] = (FRANCHISES, TITLES)


def build(paths: Paths) -> list[Path]:
    """Make a dataset's indices, after its ingestion; return their files.

    Raises
    ------
    InputError
        If the dataset was not ingested yet.
    """
    table = paths.processed / "anime.parquet"
    for index in INDICES:
        index.make(table, read_table(paths, "anime", index.columns))
    return [table.with_name(index.file_name) for index in INDICES]


def read_franchises(paths: Paths) -> Franchises:
    """Return a dataset's franchises. Raises InputError if the dataset was not ingested yet."""
    anime = read_table(paths, "anime", FRANCHISES.columns)
    return FRANCHISES.load(paths.processed / "anime.parquet", anime)


@cache
def _source(module: ModuleType) -> bytes:
    """Return what a module's rules are: its text, and that of the table of its name beside it."""
    file = Path(str(module.__file__))
    return b"".join(f.read_bytes() for f in (file, file.with_suffix(".csv")) if f.is_file())


def _read_arrays(file: Path) -> dict[str, np.ndarray] | None:
    """Return a file's arrays; None if it is missing or damaged."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        _log.debug("%s: missing or damaged; made anew", file)
        return None
