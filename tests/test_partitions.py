"""Lists in files: the same as in memory, whoever wrote them; what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from anirec.config import InputError
from anirec.interactions import Interactions, split_users
from anirec.partitions import ListsWriter, PartitionedLists, lists_of, write_lists

STATUSES = ["watching", "completed", "on_hold", "dropped", "plan_to_watch"]


@pytest.fixture(scope="module")
def ratings() -> pd.DataFrame:
    """60 users with 1 to 20 entries each, as the canonical table has them."""
    rng = np.random.default_rng(3)
    parts = [
        pd.DataFrame(
            {"user_id": 5 * user, "anime_id": np.sort(rng.permutation(40)[: rng.integers(1, 21)])}
        )
        for user in range(60)
    ]
    rows = pd.concat(parts, ignore_index=True).astype("int32")
    rows["rating"] = pd.array(rng.integers(1, 11, len(rows)), dtype="Int8")
    rows.loc[rng.random(len(rows)) < 0.3, "rating"] = pd.NA
    rows["status"] = pd.Categorical(rng.choice(STATUSES, len(rows)), categories=STATUSES)
    rows.loc[rows["user_id"] == 35, "status"] = "plan_to_watch"
    rows["finished"] = pd.NaT
    return rows


@pytest.fixture
def source(ratings: pd.DataFrame, tmp_path: Path) -> Path:
    ratings.to_parquet(tmp_path / "ratings.parquet", index=False, row_group_size=37)
    return tmp_path / "ratings.parquet"


def same(one: Interactions, other: Interactions) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "ratings")
        for name in ("user_ids", "anime_ids", "indptr", "indices", "ratings", "dropped")
    )


@pytest.mark.parametrize("part_entries", [1, 100, 10**6])
def test_files_hold_the_same_lists(
    part_entries: int, source: Path, ratings: pd.DataFrame, tmp_path: Path
) -> None:
    write_lists(source, tmp_path / "lists", part_entries)
    lists = PartitionedLists.open(tmp_path / "lists")
    whole = Interactions.from_frame(ratings)
    assert (len(lists.parts) > 1) == (part_entries < 10**6)
    assert lists.shape == whole.shape and lists.nnz == whole.nnz
    assert same(lists.in_memory(), whole)
    np.testing.assert_array_equal(lists.lengths, whole.lengths)
    some = np.array([40, 3, 50, 0])
    assert same(lists.users(some), whole.users(some))
    mask = whole.lengths > 9
    assert same(lists.users(mask), whole.users(mask))
    assert split_users(lists, 10, 5).equals(split_users(whole, 10, 5))


def test_users_left_out_stay_left_out(source: Path, ratings: pd.DataFrame, tmp_path: Path) -> None:
    write_lists(source, tmp_path / "lists", 50)
    lists, whole = PartitionedLists.open(tmp_path / "lists"), Interactions.from_frame(ratings)
    for users in (np.array([7, 0, 31]), np.array([2, 1, 50]), np.arange(20, 30)):
        lists, whole = lists.all_but(users), whole.all_but(users)
        assert same(lists.in_memory(), whole)
        assert lists.shape == whole.shape
    some = np.array([3, 30])
    assert same(lists.users(some), whole.users(some))
    assert lists.figures.usual_length == whole.figures.usual_length


def test_other_columns(source: Path, ratings: pd.DataFrame, tmp_path: Path) -> None:
    write_lists(source, tmp_path / "lists", 50)
    ids = np.array([1, 2, 5, 99], dtype=np.int32)
    lists = PartitionedLists.open(tmp_path / "lists").on(ids)
    expected = Interactions.from_frame(ratings, anime_ids=ids)
    assert same(lists.in_memory(), expected)
    assert lists.in_memory().n_unknown == expected.n_unknown > 0


@pytest.mark.parametrize("ids", ["numbers", "text"])
def test_files_of_another_program(ids: str, ratings: pd.DataFrame, tmp_path: Path) -> None:
    """In any order, without status, without lists.json, of ids that are text."""
    rows = ratings[["user_id", "anime_id", "rating"]].copy()
    if ids == "text":
        rows["user_id"] = "u" + rows["user_id"].astype("str").str.zfill(3)
    groups = np.array_split(rows["user_id"].unique(), 4)
    for number, users in enumerate(groups):
        part = rows[rows["user_id"].isin(users)].sample(frac=1, random_state=number)
        part.to_parquet(tmp_path / f"{number}.parquet", index=False)
    assert same(PartitionedLists.open(tmp_path).in_memory(), Interactions.from_frame(rows))
    rows.tail(1).to_parquet(tmp_path / "more.parquet", index=False)
    with pytest.raises(InputError, match=r"is in .*3\.parquet and in more\.parquet"):
        PartitionedLists.open(tmp_path)


def test_lists_are_written_anew_when_their_source_changed(source: Path, tmp_path: Path) -> None:
    lists_of(source, tmp_path / "lists")
    written = (tmp_path / "lists" / "part-00000.parquet").stat().st_mtime_ns
    lists_of(source, tmp_path / "lists")
    assert (tmp_path / "lists" / "part-00000.parquet").stat().st_mtime_ns == written
    lock = FileLock(tmp_path / "lists.lock")
    with lock, pytest.raises(InputError, match="lists is being written: try again later"):
        lists_of(source, tmp_path / "lists")
    pd.read_parquet(source).head(30).to_parquet(source, index=False)
    assert lists_of(source, tmp_path / "lists").in_memory().nnz < 30


def test_a_writer_that_was_stopped_leaves_no_lists(ratings: pd.DataFrame, tmp_path: Path) -> None:
    whole = Interactions.from_frame(ratings)
    with pytest.raises(RuntimeError), ListsWriter(tmp_path / "lists") as writer:
        writer.add(whole.users(np.arange(20)))
        raise RuntimeError
    assert not (tmp_path / "lists" / "lists.json").exists()
    with ListsWriter(tmp_path / "lists") as writer:
        writer.add(whole.users(np.arange(20)))
        writer.add(whole.users(np.arange(20, whole.shape[0])))
    assert same(PartitionedLists.open(tmp_path / "lists").in_memory(), whole)


def test_what_is_wrong_with_files_is_said(
    source: Path, ratings: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "lists"
    write_lists(source, folder, 100)
    lists = PartitionedLists.open(folder)
    file = folder / "part-00001.parquet"
    content = bytearray(file.read_bytes())
    content[60] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"part-00001\.parquet is damaged \(.*\): write it anew$"):
        lists.figures  # noqa: B018
    file.write_bytes(content[:200])
    with pytest.raises(InputError, match=r"part-00001\.parquet is damaged"):
        lists.in_memory()
    file.unlink()
    with pytest.raises(InputError, match=r"part-00001\.parquet is missing: write the lists anew"):
        lists.in_memory()
    pq.write_table(pq.read_table(folder / "part-00000.parquet").slice(0, 3), file)
    with pytest.raises(InputError, match=r"part-00001\.parquet is not what it was"):
        lists.in_memory()
    (folder / "lists.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"lists\.json is damaged"):
        PartitionedLists.open(folder)
    with pytest.raises(InputError, match="holds no Parquet files"):
        PartitionedLists.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"none\.parquet is missing: run 'anirec ingest' first"):
        lists_of(tmp_path / "none.parquet", folder)
    ratings.iloc[::-1].to_parquet(source, index=False)
    with pytest.raises(InputError, match="is not ordered by user: ingest it anew"):
        write_lists(source, folder)
    ratings.drop(columns="rating").to_parquet(source, index=False)
    with pytest.raises(InputError, match="lacks the columns rating"):
        write_lists(source, folder)
