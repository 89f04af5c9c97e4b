"""Catalogues and users: tables read cell by cell, each distinct text of a column once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anirec.datasets import parsing
from anirec.datasets.account import REPEATED
from anirec.datasets.countries import country_of
from anirec.datasets.parsing import BadCell
from anirec.datasets.schema import KEYS, arrow_schema
from anirec.datasets.source import Cell

STUB_TITLE = "Anime #{}"
SAME_ID_AGAIN = "occurs again further down"
NUMBERED = (parsing.anime_id, parsing.user_id)
"""Parsers of ids that are numbers already."""


@dataclass
class Parsed:
    """What came of a table of texts.

    Attributes
    ----------
    table : the canonical columns the cells fill, one row per id, sorted by it.
    rejected : row of the texts -> why it is not in ``table``.
    repaired : what was mended -> number of rows kept that it was done to.
    """

    table: pa.Table
    rejected: dict[int, str]
    repaired: Counter


def parse(
    name: str,
    texts: pa.Table,
    cells: Mapping[str, Cell],
    weights: np.ndarray | None = None,
    repaired_rows: Mapping[str, list[int]] | None = None,
) -> Parsed:
    """Turn a table of texts, named by raw columns, into canonical columns.

    Parameters
    ----------
    name : the canonical table.
    texts : one row per record; of those with the same id the last is taken.
    weights : how many records each row stands for (default: one). With it the rows before the last
        of an id count as kept: they repeat what is known of it.
    repaired_rows : what was mended in the text before -> the rows it was done to.
    """
    schema, key = arrow_schema(name), KEYS[name][0]
    columns: dict[str, pa.Array] = {}
    bad: dict[tuple[str, str], np.ndarray] = {}
    key_column = next(raw for raw, one in cells.items() if key in one.targets)
    for raw, one in cells.items():
        filled, masks = _parsed(texts.column(raw), one, [schema.field(t).type for t in one.targets])
        columns |= dict(zip(one.targets, filled, strict=True))
        bad |= {(raw, reason): mask for reason, mask in masks.items()}

    n = texts.num_rows
    rejected: dict[int, str] = {}
    for raw, reason in [at for at in bad if at[0] == key_column]:
        rejected |= dict.fromkeys(np.flatnonzero(bad.pop((raw, reason))).tolist(), reason)
    usable = columns[key].is_valid().to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(~usable).tolist():
        rejected.setdefault(row, "missing")
    last = _last_of_each(columns[key].fill_null(0).to_numpy(), usable)
    kept = last
    if weights is None:
        weights = np.ones(n, "int64")
        ids = columns[key].fill_null(0).to_numpy()
        again = np.flatnonzero(usable & ~last)
        for row, same in zip(again.tolist(), _repeated(texts, ids, again, last), strict=True):
            rejected[row] = REPEATED if same else SAME_ID_AGAIN
    else:
        kept = usable
    counted = weights * kept

    repaired: Counter = Counter()
    for (raw, reason), mask in bad.items():
        repaired[f"{raw}: {reason}"] += int(counted[mask].sum())
    for reason, rows in (repaired_rows or {}).items():
        repaired[reason] += int(counted[rows].sum())
    table = pa.table(columns)
    if not last.all():
        table = table.filter(pa.array(last))
    rejected = {
        row: reason if reason == REPEATED else f"{key_column}: {reason}"
        for row, reason in sorted(rejected.items())
    }
    return Parsed(table, rejected, +repaired)


def _repeated(texts: pa.Table, ids: np.ndarray, rows: np.ndarray, last: np.ndarray) -> list[bool]:
    """Return which of some rows are, text by text, what the last row of their id is."""
    kept = np.flatnonzero(last)
    kept = kept[np.argsort(ids[kept])]
    partner = kept[np.searchsorted(ids[kept], ids[rows])]
    these, those = texts.take(rows), texts.take(partner)
    same = np.ones(len(rows), dtype=bool)
    for one, other in zip(these.columns, those.columns, strict=True):
        alike = pc.equal(one.fill_null(""), other.fill_null(""))
        same &= alike.combine_chunks().to_numpy(zero_copy_only=False)
    return same.tolist()


def _last_of_each(ids: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Return a mask of the usable rows whose id no usable row further down has."""
    rows = np.flatnonzero(usable)
    ids = ids[rows]
    if np.all(ids[1:] > ids[:-1]):
        return usable
    order = np.argsort(ids, kind="stable")
    ends = np.append(ids[order][1:] != ids[order][:-1], True)
    last = np.zeros(len(usable), dtype=bool)
    last[rows[order[ends]]] = True
    return last


def _parsed(
    column: pa.ChunkedArray, cell: Cell, kinds: list[pa.DataType]
) -> tuple[list[pa.Array], dict[str, np.ndarray]]:
    """Return the canonical columns of a raw column, and masks of its bad cells by reason."""
    if cell.parse in NUMBERED and (ids := _plain_ids(column)) is not None:
        return [ids], {}
    coded = column.fill_null("").dictionary_encode().combine_chunks()
    nothing = (None,) * len(kinds)
    values, bad = [], {}
    for code, text in enumerate(coded.dictionary.to_pylist()):
        try:
            value = cell.parse(text)
        except BadCell as error:
            bad.setdefault(str(error), []).append(code)
            value = nothing
        values.append(value if isinstance(value, tuple) else (value,))
    filled = [
        _of_kind([value[i] for value in values], kind).take(coded.indices)
        for i, kind in enumerate(kinds)
    ]
    codes = coded.indices.to_numpy()
    masks = {}
    for reason, which in bad.items():
        is_bad = np.zeros(len(values), dtype=bool)
        is_bad[which] = True
        masks[reason] = is_bad[codes]
    return filled, masks


def _plain_ids(column: pa.ChunkedArray) -> pa.Array | None:
    """Return a column of ids if each is written in digits alone; None if one needs parsing."""
    try:
        ids = column.cast(pa.int32())
    except pa.ArrowInvalid:
        return None
    least = pc.min(ids).as_py()
    return ids.combine_chunks() if ids.null_count == 0 and (least or 0) > 0 else None


def _of_kind(values: list, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def merged(name: str, first: pa.Table | None, second: pa.Table) -> pa.Table:
    """Return all rows of two tables of the same kind; a cell is the first's unless it is null."""
    if first is None:
        return second
    key = KEYS[name][0]
    ids = pc.unique(pa.chunked_array([*first[key].chunks, *second[key].chunks]))
    columns = {key: ids}
    sides = [(side, pc.index_in(ids, side[key].combine_chunks())) for side in (first, second)]
    for column in dict.fromkeys([*first.column_names, *second.column_names]):
        if column == key:
            continue
        found = [
            _plain(side[column].combine_chunks()).take(rows)
            for side, rows in sides
            if column in side.column_names
        ]
        columns[column] = pc.coalesce(*found) if len(found) > 1 else found[0]
    return pa.table(columns)


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def completed(name: str, table: pa.Table | None, stubs: Mapping[int, str | None]) -> pa.Table:
    """Return a table with every canonical column, in order of ids.

    Parameters
    ----------
    table : what the raw files fill; None if there are none.
    stubs : ids to add that ``table`` lacks, with their titles where known.
    """
    schema, key = arrow_schema(name), KEYS[name][0]
    if stubs:
        ids = pa.array(list(stubs), schema.field(key).type)
        titles = pa.array(list(stubs.values()), pa.string())
        table = merged(name, table, pa.table({key: ids, "title": titles}))
    columns = {} if table is None else {column: table[column] for column in table.column_names}
    n = len(columns[key]) if columns else 0
    if name == "anime":
        columns |= _derived(columns, n)
    elif "location" in columns:
        columns["country"] = _countries(columns["location"])
    arrays = []
    for field in schema:
        array = columns.get(field.name)
        if array is None:
            array = pa.nulls(n, field.type)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if pa.types.is_dictionary(field.type):
            array = _plain(array).cast(pa.string()).dictionary_encode()
        arrays.append(array.cast(field.type))
    finished = pa.table(arrays, schema=schema)
    ids = finished[key].to_numpy()
    return finished if np.all(ids[1:] > ids[:-1]) else finished.sort_by(key)


def _derived(columns: Mapping[str, pa.Array], n: int) -> dict[str, pa.Array]:
    """Return what a catalogue says in other columns: titles, years, and what is for adults."""
    ids = columns["anime_id"].to_pylist() if n else []
    stubs = pa.array([STUB_TITLE.format(i) for i in ids], pa.string())
    derived = {"title": pc.coalesce(columns["title"], stubs) if "title" in columns else stubs}
    if "aired_from" in columns:
        began = pc.year(columns["aired_from"]).cast(pa.int16())
        derived["year"] = pc.coalesce(columns["year"], began) if "year" in columns else began
    genres = columns["genres"].to_pylist() if "genres" in columns else [None] * n
    ratings = columns["age_rating"].to_pylist() if "age_rating" in columns else [None] * n
    derived["is_adult"] = pa.array(
        [
            "Hentai" in (tags or ()) or (rating or "").startswith("Rx")
            for tags, rating in zip(genres, ratings, strict=True)
        ],
        pa.bool_(),
    )
    return derived


def _countries(locations: pa.ChunkedArray) -> pa.Array:
    coded = locations.combine_chunks().dictionary_encode()
    codes = [country_of(text) for text in coded.dictionary.to_pylist()]
    return pa.array(codes, pa.string()).take(coded.indices)
