"""`PartitionedLists`: lists that need not fit into memory, in a folder of Parquet files by user.

The files hold the canonical columns ``user_id``, ``anime_id``, ``rating`` and, where known,
``status``; all entries of a user are in one of them. ``lists.json`` says what they hold; a folder
without one, written by another program, is looked through when it is opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anirec.config import InputError
from anirec.engine import Arrays, Engine, InProcess, Result, Sums
from anirec.files import locked, write_text, written_whole
from anirec.interactions import Figures, FigureSums, Interactions, positions, stacked

ABOUT = "lists.json"
FORMAT = 1
COLUMNS = ("user_id", "anime_id", "rating", "status")
PART_ENTRIES = 2_000_000
"""Entries of a file, about: what is in memory at once."""

BATCH = 1 << 18
LOOKED_UP = 1 << 24
"""Ids below that are looked up in a table, which is quicker than bisection."""


@dataclass(frozen=True)
class ListPart:
    """One file of lists, read when its turn comes.

    Attributes
    ----------
    file : where it lies.
    n_users, size : users and entries in it, without those only planned.
    anime_ids : the columns it is read on, ascending.
    left_out : positions of users that are skipped.
    """

    file: Path
    n_users: int
    size: int
    anime_ids: np.ndarray
    left_out: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def read(self) -> Interactions:
        """Return its lists. Raises InputError if the file is missing or damaged."""
        lists = _decoded(_read(self.file), self.anime_ids, self.file)
        if len(lists.user_ids) != self.n_users + len(self.left_out):
            raise InputError(f"{self.file} is not what it was: write the lists anew")
        return lists.all_but(self.left_out) if len(self.left_out) else lists

    def chunks(self) -> Iterator[Interactions]:
        """See `engine.Part.chunks`."""
        return self.read().chunks()


class PartitionedLists:
    """Lists in files, with what the models need of `Interactions`, read a part at a time.

    Attributes
    ----------
    anime_ids : what the columns stand for, ascending.
    parts : the files, in the order of their names.
    engine : what does the work over them; this process by default.
    """

    def __init__(
        self, anime_ids: np.ndarray, parts: Iterable[ListPart], engine: Engine | None = None
    ) -> None:
        self.anime_ids = anime_ids
        self.parts = tuple(parts)
        self.engine = engine or InProcess()

    @classmethod
    def open(cls, folder: Path, engine: Engine | None = None) -> PartitionedLists:
        """Return the lists in a folder.

        Raises
        ------
        InputError
            If there are none, a file is damaged, or a user is in two files.
        """
        folder = Path(folder)
        about = _about(folder) if (folder / ABOUT).is_file() else _looked_through(folder)
        anime_ids = np.array(about["anime_ids"])
        if anime_ids.dtype.kind == "i" and (not len(anime_ids) or anime_ids.max() < 2**31):
            anime_ids = anime_ids.astype(np.int32)
        parts = [
            ListPart(folder / part["file"], part["users"], part["entries"], anime_ids)
            for part in about["parts"]
        ]
        return cls(anime_ids, parts, engine)

    def on(self, anime_ids: np.ndarray) -> PartitionedLists:
        """Return the lists on other columns; entries of other anime are left out."""
        parts = [replace(part, anime_ids=anime_ids) for part in self.parts]
        return type(self)(anime_ids, parts, self.engine)

    def by(self, engine: Engine) -> PartitionedLists:
        """Return the lists with the work over them done by another engine."""
        return type(self)(self.anime_ids, self.parts, engine)

    @property
    def shape(self) -> tuple[int, int]:
        return sum(part.n_users for part in self.parts), len(self.anime_ids)

    @property
    def nnz(self) -> int:
        return int(self.figures.counts.sum())

    @cached_property
    def figures(self) -> Figures:
        """What is known of all lists together."""
        return Figures.of(self.total(FigureSums(self.shape[1])))

    @cached_property
    def lengths(self) -> np.ndarray:
        """int64 (n_users,): entries per user."""
        return self._told(_lengths, np.int64)

    @cached_property
    def user_ids(self) -> np.ndarray:
        """What the rows stand for, (n_users,)."""
        return self._told(_user_ids, np.int32)

    def _told(self, of: Callable[[ListPart], np.ndarray], empty: type) -> np.ndarray:
        told = dict(self.engine.each(of, self.parts, "reading lists"))
        return np.concatenate([np.empty(0, empty), *(told[place] for place in sorted(told))])

    def total(self, sums: Sums) -> Arrays:
        """Return what is summed over the lists, by the engine."""
        return self.engine.total(sums, self.parts)

    def each(self, work: Callable[[ListPart], Result], what: str) -> Iterator[tuple[int, Result]]:
        """Yield what is made of each part, by the engine: see `Engine.each`."""
        return self.engine.each(work, self.parts, what)

    def users(self, which: np.ndarray) -> Interactions:
        """Return the lists of some users, in memory: ``which`` is a mask or positions."""
        which = np.asarray(which)
        chosen = np.flatnonzero(which) if which.dtype == bool else which
        stops = np.cumsum([part.n_users for part in self.parts])
        owner = np.searchsorted(stops, chosen, side="right")
        found = []
        for number in np.unique(owner):
            part = self.parts[number]
            found.append(
                part.read().users(chosen[owner == number] - (stops[number] - part.n_users))
            )
        if not found:
            return Interactions.nobody(self.anime_ids)
        order = np.argsort(np.argsort(owner, kind="stable"), kind="stable")
        return stacked(found).users(order)

    def all_but(self, users: np.ndarray) -> PartitionedLists:
        """Return the lists of all but some users, given by their positions; still in files."""
        parts, start = [], 0
        for part in self.parts:
            stop = start + part.n_users
            here = np.unique(users[(users >= start) & (users < stop)]) - start
            if len(here):
                whole = part.n_users + len(part.left_out)
                kept = np.delete(np.arange(whole), part.left_out)
                left_out = np.union1d(part.left_out, kept[here])
                left = replace(part, left_out=left_out, n_users=whole - len(left_out))
                parts.append(left)
            else:
                parts.append(part)
            start = stop
        return type(self)(self.anime_ids, parts, self.engine)

    def in_memory(self) -> Interactions:
        """Return all lists as `Interactions`."""
        read = [part.read() for part in self.parts]
        return stacked(read) if read else Interactions.nobody(self.anime_ids)


Lists = Interactions | PartitionedLists
"""Lists that models learn from, in memory or in files."""


def _lengths(part: ListPart) -> np.ndarray:
    return part.read().lengths


def _user_ids(part: ListPart) -> np.ndarray:
    return part.read().user_ids


# --- writing


class ListsWriter:
    """Writes lists to a folder, a file at a time; ``with`` it, the folder is whole at the end.

    What was in the folder before is replaced: until the end there is no ``lists.json``.

    Parameters
    ----------
    source : what the lists are made of, to be told from what changed (JSON).
    """

    def __init__(self, folder: Path, source: dict[str, object] | None = None) -> None:
        self.folder = Path(folder)
        self.source = source
        self._parts: list[dict[str, object]] = []
        self._anime_ids: np.ndarray | None = None

    def __enter__(self) -> ListsWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / ABOUT).unlink(missing_ok=True)
        for file in self.folder.glob("part-*.parquet"):
            file.unlink()
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is None:
            ids = self._anime_ids if self._anime_ids is not None else np.empty(0, np.int32)
            write_text(
                self.folder / ABOUT,
                json.dumps(
                    {
                        "format": FORMAT,
                        "source": self.source,
                        "parts": self._parts,
                        "anime_ids": ids.tolist(),
                    }
                )
                + "\n",
            )

    def add(self, part: pa.Table | Interactions) -> None:
        """Write a file of whole lists, of users that were in none before.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        table = _table(part) if isinstance(part, Interactions) else part
        file = self.folder / f"part-{len(self._parts):05d}.parquet"
        lists = part if isinstance(part, Interactions) else _decoded(table, None, file)
        write_parquet(table, file)
        occurring = lists.anime_ids[np.unique(lists.indices)]
        known = self._anime_ids
        self._anime_ids = occurring if known is None else np.union1d(known, occurring)
        self._parts.append({"file": file.name, "users": lists.shape[0], "entries": lists.nnz})


def write_parquet(table: pa.Table, file: Path) -> None:
    """Write a table whole or not at all, with checksums. Raises InputError if that fails."""
    try:
        with written_whole(file) as beside:
            pq.write_table(table, beside, write_page_checksum=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{file} cannot be written ({reason}): make room there, and run it again"
        ) from None


def write_lists(source: Path, folder: Path, part_entries: int = PART_ENTRIES) -> None:
    """Write a canonical ``ratings.parquet`` as partitioned lists, without taking it into memory.

    Raises
    ------
    InputError
        If it is missing or damaged, its users do not ascend, or a file cannot be written.
    """
    with ListsWriter(folder, _state(source)) as writer:
        for table in _whole_lists(source, part_entries):
            writer.add(table)


def lists_of(source: Path, folder: Path, engine: Engine | None = None) -> PartitionedLists:
    """Return the lists of a canonical ``ratings.parquet``, partitioned in a folder.

    They are written there if they are not yet, or ``source`` has changed since. Raises InputError
    as `write_lists` does, and if another process is writing them.
    """
    state = _state(source)
    with locked(folder.with_suffix(".lock"), f"{folder} is being written: try again later"):
        if not (folder / ABOUT).is_file() or _about(folder)["source"] != state:
            write_lists(source, folder)
    return PartitionedLists.open(folder, engine)


def _state(source: Path) -> dict[str, object]:
    """Return by what it is known whether a file has changed. Raises InputError if it is missing."""
    if not source.is_file():
        raise InputError(f"{source} is missing: run 'anirec ingest' first")
    stat = source.stat()
    return {"bytes": stat.st_size, "written": stat.st_mtime_ns}


def _whole_lists(source: Path, part_entries: int) -> Iterator[pa.Table]:
    """Yield tables of whole lists with about so many entries, in the order of a file."""
    waiting: list[pa.Table] = []
    last = None
    for batch in _batches(source):
        users = batch["user_id"].to_numpy()
        if not len(users):
            continue
        if (np.diff(users) < 0).any() or (last is not None and users[0] < last):
            raise InputError(f"{source} is not ordered by user: ingest it anew")
        last = users[-1]
        waiting.append(batch)
        if sum(map(len, waiting)) >= part_entries:
            table = pa.concat_tables(waiting)
            # The last user's list may go on.
            stop = int(np.searchsorted(table["user_id"].to_numpy(), last, side="left"))
            if stop:
                yield table.slice(0, stop)
                waiting = [table.slice(stop)]
    if waiting:
        yield pa.concat_tables(waiting)


def _batches(source: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(source) as file:
            names = _needed(file.schema_arrow.names, source)
            for batch in file.iter_batches(BATCH, columns=names):
                yield pa.Table.from_batches([batch]).unify_dictionaries()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(source, error) from None


def _table(lists: Interactions) -> pa.Table:
    """Return lists as a table of the canonical columns."""
    status = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(lists.nnz, dtype=np.int8), mask=~lists.dropped), ["dropped"]
    )
    return pa.table(
        {
            "user_id": lists.user_ids[lists.rows],
            "anime_id": lists.anime_ids[lists.indices],
            "rating": pa.array(lists.ratings, from_pandas=True),
            "status": status,
        }
    )


# --- reading


def _about(folder: Path) -> dict:
    """Return what ``lists.json`` says. Raises InputError if it is damaged or of another format."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] == FORMAT and {"source", "parts", "anime_ids"} <= set(about):
            return about
    except (ValueError, KeyError, TypeError):
        pass
    raise InputError(f"{folder / ABOUT} is damaged or of another format: delete it")


def _looked_through(folder: Path) -> dict:
    """Return what ``lists.json`` would say of a folder that has none."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise InputError(f"{folder} holds no Parquet files: name the folder of the lists")
    parts, seen = [], None
    anime_ids = np.empty(0, np.int32)
    owners: list[tuple[np.ndarray, Path]] = []
    for file in files:
        lists = _decoded(_read(file), None, file)
        anime_ids = np.union1d(anime_ids, lists.anime_ids) if len(owners) else lists.anime_ids
        for seen, other in owners:
            both = np.intersect1d(seen, lists.user_ids)
            if len(both):
                raise InputError(
                    f"user {both[0]} is in {other} and in {file.name}: "
                    "all entries of a user belong in one file"
                )
        owners.append((lists.user_ids, file))
        parts.append({"file": file.name, "users": lists.shape[0], "entries": lists.nnz})
    return {"parts": parts, "anime_ids": anime_ids.tolist()}


def _read(file: Path) -> pa.Table:
    """Return the columns needed of a file. Raises InputError if it is missing or damaged."""
    try:
        wanted = _needed(pq.read_schema(file).names, file)
        return pq.read_table(
            file, columns=wanted, page_checksum_verification=True, partitioning=None
        )
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from None


def _needed(names: list[str], file: Path) -> list[str]:
    """Return which columns of a file are needed. Raises InputError if it lacks one."""
    absent = [name for name in COLUMNS[:3] if name not in names]
    if absent:
        raise InputError(f"{file} lacks the columns {', '.join(absent)}: name them so")
    return [name for name in COLUMNS if name in names]


def _damaged(file: Path, error: Exception) -> InputError:
    if isinstance(error, FileNotFoundError):
        return InputError(f"{file} is missing: write the lists anew")
    reason = " ".join(str(error).split())
    return InputError(f"{file} is damaged ({reason}): write it anew")


def _decoded(table: pa.Table, anime_ids: np.ndarray | None, file: Path) -> Interactions:
    """Return the lists in a table; on the anime that occur if no ids are given."""
    if "status" in table.column_names:
        planned = pc.equal(table["status"], "plan_to_watch").combine_chunks()
        planned = planned.fill_null(False).to_numpy(zero_copy_only=False)
        table = table.filter(pa.array(~planned)) if planned.any() else table
    quick = all(
        pa.types.is_integer(table[name].type) and not table[name].null_count
        for name in ("user_id", "anime_id")
    )
    if quick:
        users, anime = (table[name].to_numpy() for name in ("user_id", "anime_id"))
        same = np.diff(users) == 0
        quick = bool((np.diff(users) >= 0).all() and (np.diff(anime)[same] > 0).all())
    if not quick:
        try:
            return Interactions.from_frame(table.to_pandas(), anime_ids=anime_ids)
        except InputError as error:
            raise InputError(f"{file}: {error}") from None
    ids = np.unique(anime) if anime_ids is None else anime_ids
    columns = _columns(ids, anime)
    known = columns >= 0
    ratings = table["rating"].cast(pa.float32()).to_numpy()
    gave_up = np.zeros(len(users), dtype=bool)
    if "status" in table.column_names:
        gave_up = pc.equal(table["status"], "dropped").combine_chunks()
        gave_up = gave_up.fill_null(False).to_numpy(zero_copy_only=False)
    starts = np.flatnonzero(np.concatenate([[True], ~same])) if len(users) else np.empty(0, int)
    kept = np.concatenate([[0], np.cumsum(known)])
    return Interactions(
        user_ids=users[starts],
        anime_ids=ids,
        indptr=kept[np.append(starts, len(users))],
        indices=columns[known].astype(np.int32),
        ratings=ratings[known],
        dropped=(gave_up & np.isnan(ratings))[known],
        n_unknown=int((~known).sum()),
    )


def _columns(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where ``wanted`` are among ascending ``ids``; -1 where they are not."""
    if not len(ids) or not len(wanted):
        return np.full(len(wanted), -1)
    if ids[0] >= 0 and max(ids[-1], wanted.max()) < LOOKED_UP and wanted.min() >= 0:
        place = np.full(max(int(ids[-1]), int(wanted.max())) + 1, -1, dtype=np.int32)
        place[ids] = np.arange(len(ids))
        return place[wanted]
    found, known = positions(ids, wanted)
    return np.where(known, found, -1)
