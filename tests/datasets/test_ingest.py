"""Ingestion as a whole: each dataset, both ways of reading, what is promised of the files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from anirec.cli import app
from anirec.config import ROOT, InputError, Paths
from anirec.datasets import detect, entries, entry_table, ingest, located_files, reading
from anirec.datasets.file_reader import FileReader

DATASETS = (
    *("mal-2016", "mal-2018", "mal-2018-final", "mal-2020", "mal-2020-filtered", "mal-2023"),
    "user-animelist",
)
OUTPUTS = ("anime.parquet", "users.parquet", "ratings.parquet", "rejects.csv", "ingest.json")


def contents(paths: Paths) -> dict[str, bytes]:
    return {name: (paths.processed / name).read_bytes() for name in OUTPUTS}


# --- datasets -----------------------------------------------------------------------------------


def test_mal_2016(small) -> None:
    data = small("mal-2016")
    data.ingest()
    anime = data.table("anime").set_index("anime_id")
    assert anime["title"].tolist() == ["Night Rain", "Gintama'", '"Bungaku" & Soul']
    assert anime["is_adult"].tolist() == [False, False, True]
    assert list(anime["genres"][1]) == ["Drama", "Romance"]
    assert anime["episodes"].tolist() == [12, 1, pd.NA]
    assert len(data.table("users")) == 0
    assert data.table("ratings")["status"].isna().all()


def test_mal_2018_final_takes_anime_and_users_from_its_one_table(small) -> None:
    data = small("mal-2018-final")
    data.append(
        "final_animedataset.csv",
        'Later,21,8,7,Male,One Coast (new),TV,Manga,8.6,423869,90.0,35,"Action, Adventure"',
        "Later,59,7,7,Male,Chimera Hall,TV,Original,bad,150,1546.0,892,Comedy",
        "Later,60,11,8,Alien,Wrong Score,TV,Original,7,150,1546.0,892,Comedy",
    )
    report = data.report("final_animedataset.csv")
    assert (report.read, report.kept) == (6, 5)
    assert report.rejected == {"my_score: outside 1 to 10": 1}
    assert report.repaired == {"score: not a number": 1}
    anime = data.table("anime").set_index("anime_id")
    assert anime["title"].to_dict() == {21: "One Coast (new)", 59: "Chimera Hall"}
    assert anime["rank"].to_dict() == {21: 90, 59: 1546}
    users = data.table("users").set_index("user_id")["gender"]
    assert users.astype(object).where(users.notna(), None).to_dict() == {
        7: "Male",
        1897606: None,
        2255153: "Female",
    }
    assert (2255153, 59, None) in data.ratings()
    assert "Later" not in (data.paths.processed / "rejects.csv").read_text()


def test_mal_2020_keeps_statuses_and_joins_synopses(small) -> None:
    data = small("mal-2020")
    report = data.ingest()
    ratings = data.table("ratings").set_index(["user_id", "anime_id"])
    assert ratings["status"].astype(object).where(ratings["status"].notna(), None).to_dict() == {
        (0, 1): "watching",
        (1, 1): "completed",
        (1, 5): "plan_to_watch",
        (2, 1): "on_hold",
        (2, 5): "dropped",
        (2, 7): None,
    }
    assert ratings["episodes_watched"][2, 1] == 33 and pd.isna(ratings["episodes_watched"][2, 7])
    assert pd.isna(ratings["rating"][1, 5])
    anime = data.table("anime").set_index("anime_id")
    assert anime["synopsis"][1] == "In the year 2071, it rains."
    assert anime["duration_min"].tolist()[:2] == [24, 115]
    assert anime["title"][7] == "Only Here"
    assert report.unused == {"rating_complete.csv": "animelist.csv holds its entries"}
    assert report.missing == [] and report.stubs == 0


def test_mal_2020_without_lists_reads_the_completed_ratings(small) -> None:
    data = small("mal-2020")
    (data.paths.raw / "animelist.csv").unlink()
    report = data.ingest()
    assert report.missing == ["animelist.csv"]
    assert data.ratings() == [(1, 1, 9), (1, 5, 3)]
    assert set(data.table("ratings")["status"]) == {"completed"}


def test_mal_2020_filtered(small) -> None:
    data = small("mal-2020-filtered")
    data.ingest()
    assert data.ratings() == [(1, 1, 9), (1, 5, None), (4, 5, 10)]
    anime = data.table("anime").set_index("anime_id")
    assert anime["synopsis"].isna().tolist() == [False, True]
    assert anime["season"].astype(object)[1] == "spring"


def test_mal_2023(small) -> None:
    data = small("mal-2023")
    report = data.ingest()
    anime = data.table("anime").set_index("anime_id")
    assert anime["synopsis"][1] == 'Crime is timeless, they say.\n\nThe "end".'
    assert pd.isna(anime["synopsis"][5]) and pd.isna(anime["title_english"][5])
    assert anime["is_adult"].tolist() == [False, True, False]
    assert anime["year"].tolist() == [1998, 2001, 2030]
    assert pd.isna(anime["aired_to"][6])
    users = data.table("users").set_index("user_id")
    assert str(users["birth_date"][1]) == "1985-03-04"
    assert users["completed"].tolist() == [233, 137, 636]
    assert (report.snapshot_date, report.simulated) == ("2023-07-20", False)


def test_sample_is_said_to_be_simulated(tiny_raw: Path, tmp_path: Path) -> None:
    assert detect(tiny_raw) == "sample"
    report = ingest.ingest(Paths.of("sample", tiny_raw, tmp_path))
    assert report.simulated and report.dataset == "sample"
    assert json.loads((tmp_path / "ingest.json").read_text())["simulated"]


def test_record_of_an_ingestion(small) -> None:
    data = small("mal-2023")
    data.append("users-score-2023.csv", "4,Crystal,6,Trigun Again,11")
    data.ingest()
    content = json.loads((data.paths.processed / "ingest.json").read_text())
    assert content["tables"] == {
        "anime": {"rows": 3, "stubs": 0},
        "users": {"rows": 3},
        "ratings": {"rows": 6},
    }
    file = content["files"]["users-score-2023.csv"]
    assert (file["read"], file["kept"]) == (7, 6)
    assert file["rejected"] == {"rating: outside 1 to 10": 1}
    assert set(content["files"]) == {
        "anime-dataset-2023.csv",
        "users-details-2023.csv",
        "users-score-2023.csv",
    }


# --- the two ways of reading --------------------------------------------------------------------

LISTS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12), st.integers(1, 10)), min_size=1, max_size=80
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=LISTS, ordered=st.booleans())
def test_fast_and_careful_reading_agree_with_pandas(small, rows: list, ordered: bool) -> None:
    data = small("mal-2016")
    rows = sorted(rows, key=lambda row: row[0]) if ordered else rows
    frame = pd.DataFrame(rows, columns=["user_id", "anime_id", "rating"])
    frame.to_csv(data.paths.raw / "rating.csv", index=False)
    fast = data.report("rating.csv")
    ratings = (data.paths.processed / "ratings.parquet").read_bytes()
    rejects = (data.paths.processed / "rejects.csv").read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        splitter = FileReader._split
        seen: list[bool] = []
        patch.setattr(FileReader, "_split", lambda self: (seen.append(True), splitter(self))[1])
        patch.setattr(reading._Facts, "line_end", lambda self: None)
        careful = data.report("rating.csv")
        assert len(seen) == 2  # catalogue and ratings
    assert (data.paths.processed / "ratings.parquet").read_bytes() == ratings
    assert (data.paths.processed / "rejects.csv").read_bytes() == rejects
    assert (careful.read, careful.kept, careful.rejected) == (
        *(fast.read, fast.kept, fast.rejected),
    )
    last = frame.drop_duplicates(["user_id", "anime_id"], keep="last")
    expected = last.sort_values(["user_id", "anime_id"]).itertuples(index=False, name=None)
    assert data.ratings() == list(expected)


@pytest.mark.parametrize("order", ["by user", "no order"])
def test_many_batches_and_row_groups(small, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    monkeypatch.setattr(entries, "BATCH_SIZE", 2_048)
    monkeypatch.setattr(entry_table, "BATCH_SIZE", 2_048)
    monkeypatch.setattr(entry_table, "ROW_GROUP_SIZE", 5_000)
    data = small("mal-2016")
    rng = np.random.default_rng(0)
    n = 60_000
    frame = pd.DataFrame(
        {
            "user_id": np.sort(rng.integers(1, 90_000, n))
            if order == "by user"
            else rng.integers(1, 90_000, n),
            "anime_id": rng.integers(1, 4, n),
            "rating": rng.choice([-1, *range(1, 11)], n),
        }
    )
    frame.to_csv(data.paths.raw / "rating.csv", index=False)
    report = data.report("rating.csv")
    last = frame.drop_duplicates(["user_id", "anime_id"], keep="last")
    expected = last.sort_values(["user_id", "anime_id"]).reset_index(drop=True)
    assert (report.read, report.kept) == (n, len(expected))
    found = data.table("ratings")
    assert found["user_id"].tolist() == expected["user_id"].tolist()
    assert found["anime_id"].tolist() == expected["anime_id"].tolist()
    assert found["rating"].fillna(-1).tolist() == expected["rating"].tolist()
    metadata = pq.read_metadata(data.paths.processed / "ratings.parquet")
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert set(groups[:-1]) == {5_000}
    lines = [int(row["line"]) for row in data.rejects()]
    assert lines == sorted(set(range(2, n + 2)) - {int(i) + 2 for i in last.index})


@pytest.mark.parametrize("dataset", ["mal-2016", "mal-2018"])
def test_rejected_lines_are_the_right_ones_in_a_long_damaged_file(small, dataset: str) -> None:
    data = small(dataset)
    n, every = 400_000, 49_999
    user, bad = np.arange(n) // 40 + 1, np.arange(every, n, every)
    anime = np.arange(n) % 40 + 1
    frame = pd.DataFrame({"user_id": user, "anime_id": anime, "rating": 1 + user % 10})
    name = "rating.csv"
    if dataset == "mal-2018":
        name = "UserAnimeList.csv"
        frame = frame.rename(columns={"user_id": "username", "rating": "my_score"})
        frame["username"] = "u" + frame["username"].astype(str)
        for column in ("my_status", "my_watched_episodes", "my_rewatching"):
            frame[column] = 2
        frame["my_start_date"] = frame["my_finish_date"] = "0000-00-00"
        frame["my_last_updated"] = 1400000000
    frame = frame.astype({"anime_id": str})
    frame.loc[bad, "anime_id"] = "x"
    frame.to_csv(data.paths.raw / name, index=False)
    report = data.report(name)
    assert (report.kept, report.rejected) == (n - len(bad), {"anime_id: not a number": len(bad)})
    assert [int(row["line"]) for row in data.rejects()] == (bad + 2).tolist()
    ratings = data.table("ratings")
    assert ratings["user_id"].tolist() == np.delete(user, bad).tolist()
    assert ratings["anime_id"].tolist() == np.delete(anime, bad).tolist()


# --- what is promised of the files --------------------------------------------------------------


@pytest.mark.parametrize("dataset", DATASETS)
def test_same_input_gives_the_same_bytes(small, dataset: str) -> None:
    data = small(dataset)
    data.ingest()
    before = contents(data.paths)
    data.ingest()
    assert contents(data.paths) == before


def test_raw_files_are_not_touched(small) -> None:
    data = small("mal-2023")
    before = {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in data.paths.raw.iterdir()}
    data.ingest()
    assert {f: (f.read_bytes(), f.stat().st_mtime_ns) for f in data.paths.raw.iterdir()} == before


@pytest.mark.parametrize(
    "where", ["anirec.datasets.file_reader.parse", "anirec.datasets.ingest.write_rejects"]
)
@pytest.mark.parametrize("what", [KeyboardInterrupt, MemoryError])
def test_interrupted_ingestion_leaves_the_tables_as_they_were(
    small, monkeypatch: pytest.MonkeyPatch, where: str, what: type
) -> None:
    data = small("mal-2023")
    data.ingest()
    before = contents(data.paths)
    data.append("users-score-2023.csv", "9,New,1,Night Rain,5")

    def stop(*_: object, **__: object) -> None:
        raise what

    with monkeypatch.context() as patch:
        patch.setattr(where, stop)
        with pytest.raises(what):
            data.ingest()
    assert contents(data.paths) == before
    assert not list(data.paths.processed.glob(".ingest-*"))
    assert data.ingest().rows["ratings"] == 7


def test_killed_ingestion_leaves_the_tables_and_the_next_one_tidies_up(small) -> None:
    data = small("mal-2016")
    data.ingest()
    before = contents(data.paths)
    left_over = data.paths.processed / ".ingest-dead"
    left_over.mkdir()
    (left_over / "ratings.parquet").write_bytes(b"half")
    assert contents(data.paths) == before
    data.ingest()
    assert not left_over.exists()


def test_second_ingestion_at_once_says_so(small) -> None:
    data = small("mal-2016")
    data.paths.processed.mkdir(parents=True)
    with (
        FileLock(data.paths.processed / ".ingest.lock"),
        pytest.raises(InputError, match="another ingestion"),
    ):
        data.ingest()


@pytest.mark.parametrize("dataset", ["mal-2018-final", "mal-2023"])
def test_user_names_reach_no_output(small, dataset: str) -> None:
    data = small(dataset)
    secrets = ["Xinil", "Aokaado", "Crystal", "karthiga", "RedvelvetDaisuki"]
    scores = "users-score-2023.csv" if dataset == "mal-2023" else "final_animedataset.csv"
    lines = data[scores].decode().splitlines()
    data.append(
        scores, lines[1] + ",extra", lines[2].replace(lines[2].split(",")[0], '"'), lines[1]
    )
    if dataset == "mal-2023":
        data.append("users-details-2023.csv", "1,Xinil,Male,,,,,,,,,,,,,", "x,Crystal" + "," * 14)
        data.append(scores, "x,Xinil,1,Night Rain,9", "1,Xinil,x,Night Rain,9", "1,Xinil,1,N,99")
    summary = data.ingest().summary()
    for name, content in contents(data.paths).items():
        assert not any(secret.encode() in content for secret in secrets), name
    assert not any(secret in summary for secret in secrets)
    tables = "".join(data.table(name).to_json() for name in ("anime", "users", "ratings"))
    assert not any(secret in tables for secret in secrets)
    assert len(data.rejects()) >= 3


def test_name_in_a_column_of_another_name_is_masked_too(small) -> None:
    data = small("mal-2023")
    data.edit("users-score-2023.csv", ("user_id,Username,", "user_id,user_name,"))
    data.append("users-score-2023.csv", "1,Xinil,1,Night Rain,99")
    data.ingest()
    assert data.rejects()[0]["text"] == "1,***,1,Night Rain,99"


# --- finding files ------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", DATASETS)
def test_dataset_is_told_from_its_files(dataset: str) -> None:
    assert detect(ROOT / "tests" / "data" / dataset) == dataset


def test_folder_of_none_or_two_datasets(tmp_path: Path, small) -> None:
    with pytest.raises(InputError, match=r"no dataset that anirec knows; it looked for anime\.csv"):
        detect(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        detect(tmp_path / "nowhere")
    data = small("mal-2016")
    data["anime-filtered.csv"] = (
        ROOT / "tests/data/mal-2020-filtered/anime-filtered.csv"
    ).read_bytes()
    with pytest.raises(InputError, match="holds files of mal-2016, mal-2020-filtered"):
        detect(data.paths.raw)


def test_missing_files(small) -> None:
    data = small("mal-2023")
    (data.paths.raw / "users-score-2023.csv").unlink()
    (data.paths.raw / "users-details-2023.csv").unlink()
    report = data.ingest()
    assert report.rows == {"anime": 3, "users": 0, "ratings": 0}
    assert report.missing == ["users-details-2023.csv", "users-score-2023.csv"]
    assert "users-score-2023.csv: missing, left out" in report.summary()
    assert located_files(data.paths) == [data.paths.raw / "anime-dataset-2023.csv"]
    (data.paths.raw / "anime-dataset-2023.csv").unlink()
    with pytest.raises(InputError, match=r"anime-dataset-2023\.csv is missing: run 'anirec fetch"):
        data.ingest()


# --- the command --------------------------------------------------------------------------------


def test_command_tells_the_dataset_and_what_it_did(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path))
    raw = str(ROOT / "tests" / "data" / "mal-2016")
    result = CliRunner().invoke(app, ["ingest", "--raw-dir", raw])
    assert result.exit_code == 0
    assert "mal-2016: 3 anime, 0 users, 6 list entries" in result.output
    assert "rating.csv: 6 rows read, 6 kept" in result.output
    assert (tmp_path / "processed" / "mal-2016" / "ratings.parquet").is_file()


def test_command_answers_wrong_input_in_one_line(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "anime.csv").write_text(
        "anime_id,name,genre,type,episodes,rating,members\n1,A,,TV,1,7,1\n"
    )
    (raw / "rating.csv").write_text("user_id,anime_id,rating\n" + "a,b,c\n" * 300)
    command = [sys.executable, "-m", "anirec.cli", "ingest", "--raw-dir", str(raw)]
    environment = {
        "ANIREC_DATA_DIR": str(tmp_path / "data"),
        "PATH": "",
        "PYTHONPATH": str(ROOT / "lib"),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "300 of 300 rows cannot be used (300 user_id: not a number)" in line
    assert not list((tmp_path / "data").rglob("*.parquet"))


def loaded(statement: str, *modules: str) -> list[str]:
    """Return which of the modules a statement loads in a new interpreter."""
    code = f"import sys; {statement}; print(*(m for m in {modules} if m in sys.modules))"
    environment = {"PYTHONPATH": str(ROOT / "lib")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


def test_asking_for_raw_files_loads_no_library() -> None:
    statement = "import anirec.datasets as d; d.raw_files('mal-2023')"
    assert loaded(statement, "pandas", "pyarrow", "duckdb", "pandera", "kagglehub") == []
    assert loaded("import anirec.datasets.ingest", "papermill", "kagglehub", "tensorflow") == []
