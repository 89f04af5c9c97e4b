"""A dataset whose list entries lie in several files: they become one table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anirec.config import InputError
from anirec.datasets import ingest, source_of
from anirec.datasets.entries import IN_LATER_FILE
from anirec.datasets.source import Entries, RawFile

FIRST, SECOND, THIRD = "rating.csv", "more.csv", "lists.csv"


@pytest.fixture
def several(small, monkeypatch: pytest.MonkeyPatch):
    """The small 2016 dataset, with two more files of entries; the last one knows statuses."""
    source = source_of("mal-2016")
    more = RawFile(
        name=SECOND,
        columns=("user_id", "anime_id", "rating", "name"),
        entries=Entries(title="name"),
    )
    lists = RawFile(
        name=THIRD,
        columns=("user_id", "anime_id", "rating", "status", "seen"),
        entries=Entries(status="status", statuses={2: "completed"}, episodes_watched="seen"),
    )
    longer = replace(source, files=(*source.files, more, lists))
    monkeypatch.setattr(ingest, "source_of", lambda _: longer)
    data = small("mal-2016")
    data[SECOND] = "user_id,anime_id,rating,name\n9,1,4,A\n1,2,5,B\n2,50,6,Only Here\n"
    data[THIRD] = "user_id,anime_id,rating,status,seen\n1,2,-1,2,11\n2,1,8,9,\n7,50,9,2,1\n"
    return data


def test_entries_of_all_files_are_in_the_table(several) -> None:
    report = several.ingest()
    assert several.ratings() == [
        (1, 1, 8),
        (1, 2, None),
        (2, 1, 8),
        (2, 3, 10),
        (2, 50, 6),
        (3, 1, None),
        (3, 2, 1),
        (7, 50, 9),
        (9, 1, 4),
    ]
    known = several.table("ratings").dropna(subset="status").set_index(["user_id", "anime_id"])
    assert known["status"].to_dict() == {(1, 2): "completed", (7, 50): "completed"}
    assert known["episodes_watched"].to_dict() == {(1, 2): 11, (7, 50): 1}
    assert several.table("anime").set_index("anime_id")["title"][50] == "Only Here"
    assert (report.stubs, report.rows["ratings"]) == (1, 9)


def test_what_a_later_file_has_too_is_rejected_in_the_earlier(several) -> None:
    report = several.ingest()
    counts = {name: (file.read, file.kept) for name, file in report.files.items()}
    assert counts == {"anime.csv": (3, 3), FIRST: (6, 4), SECOND: (3, 2), THIRD: (3, 3)}
    assert report.files[FIRST].rejected == {IN_LATER_FILE: 2}
    assert report.files[THIRD].repaired == {"status: not a known value": 1}
    rejects = [(r["file"], int(r["line"]), r["text"]) for r in several.rejects()]
    assert rejects == [(FIRST, 3, "1,2,-1"), (FIRST, 5, "2,1,7"), (SECOND, 3, "1,2,5,B")]


def test_repairs_of_what_is_given_up_are_not_counted(several) -> None:
    several[THIRD] = "user_id,anime_id,rating,status,seen\n1,2,-1,2,11\n"
    several[SECOND] = b"user_id,anime_id,rating,name\n1,2,5,B\0\n9,1,4,A\0\n9,2,4,C\n"
    report = several.ingest()
    assert report.files[SECOND].repaired == {"NUL bytes removed": 1}
    assert (report.files[SECOND].kept, report.files[SECOND].rejected) == (2, {IN_LATER_FILE: 1})


def test_file_of_which_another_holds_too_much_is_refused(several) -> None:
    with pytest.raises(InputError, match=f"{FIRST}: 2 of 6 rows cannot be used .2 the same user"):
        several.ingest(max_reject_fraction=0.3)
    assert not (several.paths.processed / "ratings.parquet").exists()
