"""What is told from the anime table once: kept, read by all, made anew when out of date."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from small_run import small_run

from anirec.catalogue import Catalogue, build, indices, read_franchises
from anirec.catalogue.features import item_features
from anirec.catalogue.indices import FRANCHISES, INDICES, TITLES, Index
from anirec.config import InputError, Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return small_run(tmp_path)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the indices that were told from a table, in turn."""
    names: list[str] = []
    for index in INDICES:
        tell = index.tell

        def counted(anime: pd.DataFrame, index: Index = index, tell=tell) -> object:
            names.append(index.file_name)
            return tell(anime)

        monkeypatch.setitem(vars(index), "tell", counted)
    return names


def test_what_was_built_is_read_by_all(paths: Paths, told: list[str]) -> None:
    files = build(paths)
    assert [file.name for file in files] == told == ["franchises.npz", "titles.npz"]
    table = paths.processed / "anime.parquet"
    read, made = Catalogue.load(table), Catalogue(pd.read_parquet(table))
    franchises = read_franchises(paths)
    assert len(told) == 2
    for typed in ("iron", "irn sky", "tt", "lunch brek"):
        assert read.titles.search(typed) == made.titles.search(typed)
    for name, values in vars(made.franchises).items():
        np.testing.assert_array_equal(getattr(read.franchises, name), values)
        np.testing.assert_array_equal(getattr(franchises, name), values)


def test_features_of_franchises_found_before_are_the_same(paths: Paths) -> None:
    anime = pd.read_parquet(paths.processed / "anime.parquet")
    ids = np.array([8, 2, 99, 1, 3])
    given = item_features(anime, ids, franchises=read_franchises(paths))
    found = item_features(anime, ids)
    assert given.tags == found.tags
    np.testing.assert_array_equal(given.numbers["part"], found.numbers["part"])
    for kind, matrix in found.matrices.items():
        np.testing.assert_array_equal(given.matrices[kind].toarray(), matrix.toarray())


def test_made_anew_where_missing_damaged_or_of_another_table(paths: Paths, told: list[str]) -> None:
    table = paths.processed / "anime.parquet"
    for index in INDICES:
        file = table.with_name(index.file_name)
        index.load(table)
        assert told.pop() == index.file_name
        index.load(table)
        assert not told
        file.write_bytes(b"damaged")
        index.load(table)
        assert told.pop() == index.file_name
    anime = pd.read_parquet(table)
    anime.loc[0, "title"] = "Copper Sky"
    anime.to_parquet(table)
    assert Catalogue.load(table).titles.search("copper") == [1]
    assert sorted(told) == ["franchises.npz", "titles.npz"]


def test_made_anew_where_the_rules_have_changed(
    paths: Paths, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(paths)
    told.clear()
    as_it_was = indices._source

    def changed(module: ModuleType) -> bytes:
        return as_it_was(module) + b"# another rule" * module.__name__.endswith("finding")

    monkeypatch.setattr(indices, "_source", changed)
    Catalogue.load(paths.processed / "anime.parquet")
    Catalogue.load(paths.processed / "anime.parquet")
    assert told == ["franchises.npz"]


@pytest.mark.parametrize("index", INDICES, ids=lambda index: index.file_name)
def test_rules_are_all_that_an_index_is_told_by(index: Index) -> None:
    """Every module of the catalogue that the rules import is one of the rules."""
    names = {module.__name__ for module in index.rules}
    for module in index.rules:
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("anirec.catalogue"):
                assert node.module in names


def test_columns_are_all_that_an_index_is_told_from(paths: Paths) -> None:
    anime = pd.read_parquet(paths.processed / "anime.parquet")
    for index, names in ((FRANCHISES, ("number", "place", "previous")), (TITLES, ("_ids",))):
        whole, narrow = index.tell(anime), index.tell(anime[list(index.columns)])
        for name in names:
            np.testing.assert_array_equal(getattr(whole, name), getattr(narrow, name))


def test_where_nothing_can_be_written_it_is_told_each_time(
    paths: Paths, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(indices, "write_arrays", refuse)
    assert Catalogue.load(paths.processed / "anime.parquet").titles.search("iron")
    assert not (paths.processed / "titles.npz").exists()
    with pytest.raises(OSError, match="Read-only"):
        build(paths)


def test_dataset_that_was_not_ingested_says_what_to_do(tmp_path: Path) -> None:
    absent = Paths.of("mal-2016", processed_dir=tmp_path)
    with pytest.raises(InputError, match=r"anime\.parquet is missing: run 'anirec run --dataset"):
        build(absent)
