"""Recommendations for everybody: what one person is told, by parts, nothing half written."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_run import community, small_run

from anirec.catalogue import Filters
from anirec.catalogue.filters import FRANCHISE_RULES
from anirec.cli import main
from anirec.config import InputError, Paths
from anirec.interactions import Interactions
from anirec.partitions import ListsWriter, PartitionedLists
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender
from anirec.recommender.batch import recommend_to_all


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    paths = small_run(tmp_path_factory.mktemp("run"))
    community().to_parquet(paths.processed / "ratings.parquet", index=False)
    return paths


@pytest.fixture(scope="module")
def recommender(paths: Paths) -> AnimeRecommender:
    return AnimeRecommender.load(paths)


@pytest.fixture
def lists(tmp_path: Path) -> PartitionedLists:
    """Everybody's lists in four files."""
    everybody = Interactions.from_frame(community())
    with ListsWriter(tmp_path / "lists") as writer:
        for users in np.array_split(np.arange(everybody.shape[0]), 4):
            writer.add(everybody.users(users))
    return PartitionedLists.open(tmp_path / "lists")


@pytest.mark.parametrize("rule", FRANCHISE_RULES)
def test_everybody_is_told_what_each_would_be(
    rule: str, recommender: AnimeRecommender, lists: PartitionedLists, tmp_path: Path
) -> None:
    """But for dislikes, which this community's ratings, 5 and better, seldom are."""
    filters = Filters(franchises=rule, min_members=120)
    recommend_to_all(recommender, lists, tmp_path / "out", 4, "ease", filters)
    told = pd.read_parquet(tmp_path / "out").set_index("user_id")
    ratings = community()
    compared = 0
    for user, entries in list(ratings.groupby("user_id"))[::7]:
        profile = Profile(
            {
                int(a): Entry(rating=float(r))
                for a, r in zip(entries["anime_id"], entries["rating"], strict=True)
            }
        )
        if profile.dislikes:
            continue
        expected = recommender.recommend(profile, k=4, model="ease", filters=filters)
        one = told.loc[[user]] if user in told.index else told.iloc[:0]
        assert one["anime_id"].tolist() == expected["anime_id"].tolist()
        assert one["rank"].tolist() == expected["rank"].tolist()
        np.testing.assert_allclose(one["score"], expected["match"], rtol=1e-4)
        compared += 1
    assert compared > 10


def test_what_is_there_is_not_made_again(
    recommender: AnimeRecommender, lists: PartitionedLists, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    n, third = lists.shape[0], lists.parts[2].n_users
    assert recommend_to_all(recommender, lists, out, 3, "ease") == (n, 0)
    whole = pd.read_parquet(out)
    files = sorted(out.glob("*.parquet"))
    stamps = [file.stat().st_mtime_ns for file in files]
    files[2].unlink()
    assert recommend_to_all(recommender, lists, out, 3, "ease") == (third, n - third)
    assert [file.stat().st_mtime_ns for file in files[:2]] == stamps[:2]
    pd.testing.assert_frame_equal(pd.read_parquet(out), whole)
    with pytest.raises(InputError, match=r"out holds other recommendations \(k differs\): delete"):
        recommend_to_all(recommender, lists, out, 4, "ease")
    with pytest.raises(InputError, match=r"\(model, of differs\)"):
        recommend_to_all(recommender, lists, out, 3, "popularity")


def test_a_damaged_part_is_named_and_the_rest_is_kept(
    recommender: AnimeRecommender, lists: PartitionedLists, tmp_path: Path
) -> None:
    file = lists.parts[2].file
    content = file.read_bytes()
    file.write_bytes(content[:300])
    with pytest.raises(InputError, match=r"^\S*part-00002\.parquet is damaged \([^\n]*anew$"):
        recommend_to_all(recommender, lists, tmp_path / "out", 3, "ease")
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["_about.json", "part-00000.parquet", "part-00001.parquet"]
    file.write_bytes(content)
    left = sum(part.n_users for part in lists.parts[2:])
    made = recommend_to_all(recommender, lists, tmp_path / "out", 3, "ease")
    assert made == (left, lists.shape[0] - left)


def test_folders_that_hold_something_else_are_left_alone(
    recommender: AnimeRecommender, lists: PartitionedLists, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file: name a folder"):
        recommend_to_all(recommender, lists, tmp_path / "file", 3)
    with pytest.raises(InputError, match="lists holds something else: name another folder"):
        recommend_to_all(recommender, lists, tmp_path / "lists", 3)
    with pytest.raises(InputError, match="for one person at a time"):
        recommend_to_all(recommender, lists, tmp_path / "o", 3, filters=Filters(variety=1.0))


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX can")
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    import resource

    root = paths.processed.parents[1]
    monkeypatch.setenv("ANIREC_DATA_DIR", str(root))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(root / "outputs"))
    command = ["anirec", "recommend", "--all-users", "--out", str(tmp_path / "out"), "-k", "3"]

    def run() -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    assert run()[0] == 0  # partitions the lists, which the limit below would stop too
    (tmp_path / "out" / "part-00000.parquet").unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        status, _, err = run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 2
    assert err.count("\n") == 1 and "part-00000.parquet cannot be written (" in err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["_about.json"]
    status, out, _ = run()
    n = community()["user_id"].nunique()
    assert status == 0 and f"recommendations to {n} users are in" in out
    assert pd.read_parquet(tmp_path / "out")["user_id"].nunique() > n / 2


def test_words_that_do_not_go_together(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for words in (["--all-users"], ["--all-users", "--out", "x", "iron sky"]):
        monkeypatch.setattr(sys, "argv", ["anirec", "recommend", *words])
        with pytest.raises(SystemExit):
            main()
        assert "--all-users needs --out FOLDER" in capsys.readouterr().err
