"""The 2018 dataset: names become numbers, dates and relations are read, any of three states."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from anirec.config import InputError
from anirec.datasets import detect, located_files

NAMES = ("Silverfoam", "NeverListed", "Paperkoi", "Unlisted9")
LISTS = "UserAnimeList.csv"


def plain(frame: pd.DataFrame) -> list[dict]:
    """Return rows without their missing cells."""
    return [{k: v for k, v in row.items() if pd.notna(v)} for row in frame.to_dict("records")]


def test_entries_carry_status_progress_and_dates(small) -> None:
    data = small("mal-2018")
    report = data.report(LISTS)
    assert (report.read, report.kept, report.rejected) == (5, 5, {})
    assert report.repaired == {
        "my_start_date: not a day before the snapshot": 1,
        "my_finish_date: not a day before the snapshot": 1,
        "my_status: not a known value": 1,
    }
    assert plain(data.table("ratings")) == [
        {
            "user_id": 1,
            "anime_id": 21,
            "status": "watching",
            "episodes_watched": 586,
            "updated": pd.Timestamp("2013-03-03 10:52:53"),
        },
        {
            "user_id": 1,
            "anime_id": 59,
            "rating": 9,
            "status": "completed",
            "episodes_watched": 24,
            "times_watched": 1,
            "started": date(2008, 6, 1),
            "finished": date(2008, 6, 21),
            "updated": pd.Timestamp("2013-03-10 13:54:51"),
        },
        {
            "user_id": 2,
            "anime_id": 21,
            "rating": 4,
            "status": "dropped",
            "episodes_watched": 12,
        },
        {
            "user_id": 2,
            "anime_id": 459,
            "status": "plan_to_watch",
            "episodes_watched": 0,
            "times_watched": 0,
            "updated": pd.Timestamp("2014-05-13 16:53:20"),
        },
        {
            "user_id": 3,
            "anime_id": 59,
            "rating": 6,
            "episodes_watched": 3,
            "started": date(2011, 1, 1),
            "updated": pd.Timestamp("2013-03-03 10:52:53"),
        },
    ]


def test_users_have_the_numbers_of_their_entries(small) -> None:
    data = small("mal-2018")
    data.ingest()
    users = data.table("users").set_index("user_id")
    assert users["completed"].to_dict() == {1: 0, 2: 49, 4: 396}
    assert str(users["birth_date"][2]) == "1990-04-29" and pd.isna(users["birth_date"][4])
    assert users["country"].astype(object)[[2, 4]].tolist() == ["IN", "DE"]


@pytest.mark.parametrize("order", ["users apart", "users in turns"])
def test_names_are_told_apart_wherever_they_stand(small, order: str) -> None:
    data = small("mal-2018")
    header, *rows = data[LISTS].decode().splitlines()
    turns = rows if order == "users apart" else [*rows[::2], *rows[1::2]]
    data[LISTS] = "\n".join([header, *turns]) + "\n"
    data.ingest()
    lists = data.table("ratings").groupby("user_id")["anime_id"].agg(list).tolist()
    assert sorted(lists) == [[21, 59], [21, 459], [59]]
    users = data.table("users")
    paperkoi = users.loc[users["joined"].map(str) == "2007-01-22", "user_id"].item()
    ratings = data.table("ratings")
    assert ratings.loc[ratings["user_id"] == paperkoi, "anime_id"].tolist() == [21, 59]


def test_damaged_lists_are_read_the_careful_way(small) -> None:
    data = small("mal-2018")
    data.ingest()
    before = plain(data.table("ratings"))
    data.append(
        LISTS,
        ",21,1,0000-00-00,0000-00-00,5,2,,,0,",
        "   ,21,1,0000-00-00,0000-00-00,5,2,,,0,",
        "Paperkoi,x,1,0000-00-00,0000-00-00,5,2,,,0,secret tag",
        "Paperkoi,59,24",
        r"Unlisted9,21,\N,\N,soon,\N,\N,\N,\N,never,",
    )
    report = data.report(LISTS)
    assert (report.read, report.kept) == (10, 6)
    assert report.rejected == {
        "username: missing": 2,
        "anime_id: not a number": 1,
        "wrong number of fields": 1,
    }
    assert report.repaired["my_start_date: not a day before the snapshot"] == 1
    assert report.repaired["my_finish_date: not a day before the snapshot"] == 2
    assert report.repaired["my_last_updated: not a time before the snapshot"] == 1
    after = plain(data.table("ratings"))
    assert after.pop(-2) == {"user_id": 3, "anime_id": 21}
    assert after == before
    assert "secret" not in (data.paths.processed / "rejects.csv").read_text()


def test_catalogue_with_other_names_and_relations(small) -> None:
    data = small("mal-2018")
    report = data.report("AnimeList.csv")
    assert (report.kept, report.rejected, report.repaired) == (3, {}, {})
    anime = data.table("anime").set_index("anime_id")
    assert list(anime["title_synonyms"][21]) == ["OC", "Coast of All"]
    assert [dict(one) for one in anime["related"][21]] == [
        {"relation": "side_story", "anime_id": 459},
        {"relation": "sequel", "anime_id": 900},
    ]
    assert [one["relation"] for one in anime["related"][459]] == ["parent_story"]
    assert anime["related"][59] is None
    assert anime["producers"][459] is None and list(anime["genres"][459]) == ["Action"]
    assert pd.isna(anime["title_japanese"][459]) and pd.isna(anime["episodes"][21])
    assert (anime["year"].tolist(), anime["duration_min"].tolist()) == (
        [1999, 2002, 2000],
        [24, 24, 50],
    )


@pytest.mark.parametrize("cell", ["{'Sequel': 5}", "[1]", "(" * 500, "{'a': [{'type': 'anime'}]}"])
def test_relations_that_cannot_be_read_are_a_repair(small, cell: str) -> None:
    data = small("mal-2018")
    data.edit("AnimeList.csv", ("Not available,[],", f'Not available,"{cell}",'))
    assert data.report("AnimeList.csv").repaired == {"related: not a list of relations": 1}


@pytest.mark.parametrize("state", ["filtered", "cleaned"])
def test_any_state_of_the_files_is_recognised_and_read(small, state: str) -> None:
    data = small("mal-2018")
    raw = data.paths.raw
    for full, stem in (("AnimeList", "anime"), ("UserList", "users"), (LISTS[:-4], "animelists")):
        (raw / f"{full}.csv").rename(raw / f"{stem}_{state}.csv")
    assert detect(raw) == "mal-2018"
    report = data.ingest()
    assert set(report.files) == {f"{s}_{state}.csv" for s in ("anime", "users", "animelists")}
    assert report.missing == [] and report.rows == {"anime": 3, "users": 3, "ratings": 5}
    assert len(located_files(data.paths)) == 3


def test_fullest_state_is_read_where_there_are_two(small) -> None:
    data = small("mal-2018")
    data["animelists_cleaned.csv"] = data[LISTS].splitlines(keepends=True)[0]
    assert data.ingest().files[LISTS].kept == 5


def test_missing_catalogue_is_named(small) -> None:
    data = small("mal-2018")
    (data.paths.raw / "AnimeList.csv").unlink()
    with pytest.raises(InputError, match=r"AnimeList\.csv is missing: run 'anirec fetch mal-2018'"):
        data.ingest()


def test_no_name_reaches_an_output(small) -> None:
    data = small("mal-2018")
    rows = data[LISTS].decode().splitlines()
    data.append(LISTS, rows[1], rows[2] + ",more", rows[3].replace("459", "x"), rows[4] + '"')
    data.append("UserList.csv", "Paperkoi,1", "Silverfoam" + "," * 16)
    summary = data.ingest().summary()
    outputs = [summary.encode(), *(file.read_bytes() for file in data.paths.processed.iterdir())]
    tables = "".join(data.table(name).to_csv() for name in ("anime", "users", "ratings"))
    for name in NAMES:
        assert not any(name.encode() in output for output in outputs)
        assert name not in tables
    assert len(data.rejects()) >= 4
