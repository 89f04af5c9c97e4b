"""Recommendations for everybody: by parts of the lists, each written as one file.

The folder that is written is one table to what reads Parquet: ``user_id``, ``rank`` from 1,
``anime_id`` and ``score``. A part that is there already is not made again, so that what was stopped
goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from anirec.catalogue import Filters
from anirec.catalogue.filters import ALL
from anirec.catalogue.franchises import Franchises
from anirec.config import InputError, Paths
from anirec.engine import Engine
from anirec.evaluation import top_ranked
from anirec.files import read_json, write_text
from anirec.interactions import Interactions
from anirec.models import ColdProfileWarning, Model, load_model
from anirec.partitions import ListPart, PartitionedLists, lists_of, write_parquet
from anirec.recommender.recommender import AnimeRecommender

ABOUT = "_about.json"
"""What the recommendations in a folder are of; readers of Parquet pass over the name."""

AT_ONCE = 256
"""Lists scored at once."""


@dataclass(frozen=True)
class Shelf:
    """What may be recommended to whom, in a model's columns.

    Attributes
    ----------
    passing : bool (n_columns,), what is allowed to anybody.
    rows : int (n_columns,), the row of the catalogue of each column, or -1.
    filters : whose rule for franchises holds.
    franchises : those of the catalogue.
    """

    passing: np.ndarray
    rows: np.ndarray
    filters: Filters
    franchises: Franchises

    def allowed(self, lists: Interactions) -> np.ndarray:
        """Return what may be recommended, bool (n_users, n_columns).

        What is on a list and was not given up counts as seen to the end.
        """
        allowed = np.tile(self.passing, (lists.shape[0], 1))
        if self.filters.franchises == ALL:
            return allowed
        known = self.rows >= 0
        for user, (start, stop) in enumerate(zip(lists.indptr, lists.indptr[1:], strict=False)):
            on_list = self.rows[lists.indices[start:stop]]
            there = on_list >= 0
            listed, seen = (np.zeros(len(self.franchises.number), dtype=bool) for _ in range(2))
            listed[on_list[there]] = True
            seen[on_list[there & ~lists.dropped[start:stop]]] = True
            follows = self.filters.follows_franchises(self.franchises, seen, listed, listed)
            allowed[user] &= known & follows[self.rows]
        return allowed


@dataclass(frozen=True)
class Task:
    """A part of the lists to recommend to, as large as it has users."""

    lists: ListPart

    @property
    def size(self) -> int:
        return self.lists.n_users

    def chunks(self) -> Iterator[Interactions]:
        """See `engine.Part.chunks`."""
        return self.lists.chunks()


def recommend_to_dataset(
    paths: Paths, out: Path, k: int, engine: Engine, model: str | None, filters: Filters
) -> str:
    """Recommend to all users of a dataset with its fitted models; return what was done.

    The dataset's lists are partitioned beside its tables. See `recommend_to_all`.
    """
    recommender = AnimeRecommender.load(paths)
    lists = lists_of(paths.processed / "ratings.parquet", paths.processed / "lists", engine)
    start = time.perf_counter()
    made, kept = recommend_to_all(recommender, lists, out, k, model, filters)
    seconds = time.perf_counter() - start
    before = f", {kept:,} users were there already" if kept else ""
    return (
        f"recommendations to {made:,} users are in {out}: "
        f"{made / seconds:,.0f} users a second{before}"
    )


def recommend_to_all(
    recommender: AnimeRecommender,
    lists: PartitionedLists,
    out: Path,
    k: int,
    model: str | None = None,
    filters: Filters | None = None,
) -> tuple[int, int]:
    """Write the ``k`` best anime for each user of some lists, by the lists' engine.

    Returns for how many users they were made, and for how many they were there already.

    Parameters
    ----------
    out : the folder written to; what it holds of the same kind is kept.
    model : which ranks; the recommender's default one if None.
    filters : what may be recommended; the usual ones if None.

    Raises
    ------
    InputError
        If ``out`` holds other recommendations or cannot be written, or a part of the lists is
        damaged. What was written by then stays.
    """
    filters = (filters or Filters()).spelled(recommender.catalogue)
    if filters.popularity or filters.variety:
        raise InputError("the filters popularity and variety are for one person at a time")
    name = model or recommender.default_model
    fitted = recommender.model(name)
    _begin(out, {"model": name, "of": _identity(fitted), "k": k, "filters": filters.saved()})
    lists = lists.on(np.asarray(fitted.anime_ids_))
    left = [part for part in lists.parts if not _file(out, part).is_file()]
    work = partial(
        _recommended, recommender.folder_of(name), shelf_of(recommender, fitted, filters), k
    )
    tasks = [Task(part) for part in left]
    for place, table in lists.engine.each(work, tasks, f"recommending by {name}", "users"):
        write_parquet(table, _file(out, left[place]))
    made = sum(part.n_users for part in left)
    return made, lists.shape[0] - made


def shelf_of(recommender: AnimeRecommender, fitted: Model, filters: Filters) -> Shelf:
    """Return what may be recommended by a model under some filters."""
    catalogue = recommender.catalogue
    rows = catalogue.anime.index.get_indexer(np.asarray(fitted.anime_ids_))
    passing = (rows >= 0) & filters.passing(catalogue)[rows]
    return Shelf(passing, rows, filters, catalogue.franchises)


def _identity(fitted: Model) -> str:
    """Return what tells a fitted model from others: its anime, and how many lists have each."""
    told = hashlib.sha256(json.dumps(fitted.settings, default=str).encode())
    told.update(np.ascontiguousarray(fitted.anime_ids_).tobytes())
    told.update(np.ascontiguousarray(fitted.popularity_).tobytes())
    return told.hexdigest()[:16]


def _begin(out: Path, about: dict[str, object]) -> None:
    """Make the folder, or see that it holds recommendations of the same kind."""
    about = json.loads(json.dumps(about))
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name a folder for the recommendations")
    known = read_json(out / ABOUT)
    if known and known != about:
        differs = ", ".join(name for name in about if known.get(name) != about[name])
        raise InputError(
            f"{out} holds other recommendations ({differs} differs): delete it or name another"
        )
    if not known and out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} holds something else: name another folder")
    try:
        write_text(out / ABOUT, json.dumps(about, indent=2) + "\n")
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): name another") from None


def _file(out: Path, part: ListPart) -> Path:
    return out / part.file.name


def _recommended(folder: Path, shelf: Shelf, k: int, task: Task) -> pa.Table:
    """Return what is recommended to the users of a part, best first."""
    fitted = _model(folder)
    tables = []
    for chunk in task.chunks():
        for start in range(0, chunk.shape[0], AT_ONCE):
            users = np.arange(start, min(start + AT_ONCE, chunk.shape[0]))
            tables.append(_best(fitted, shelf, k, chunk.users(users)))
    return pa.concat_tables(tables)


@lru_cache(maxsize=1)
def _model(folder: Path) -> Model:
    return load_model(folder)


def _best(fitted: Model, shelf: Shelf, k: int, lists: Interactions) -> pa.Table:
    allowed = shelf.allowed(lists)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ColdProfileWarning)
        scores = fitted.score(lists, allowed)
    ranked = top_ranked(scores, lists, k)
    found = np.take_along_axis(scores, ranked, axis=1)
    shown = np.isfinite(found)
    users, places = np.nonzero(shown)
    return pa.table(
        {
            "user_id": lists.user_ids[users],
            "rank": (places + 1).astype(np.int16),
            "anime_id": np.asarray(fitted.anime_ids_)[ranked[shown]],
            "score": found[shown],
        }
    )
