"""Datasets of one's own: a few lines of TOML make tables of any files."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from anirec.cli import app
from anirec.config import ROOT, InputError, Paths
from anirec.datasets.ingest import ingest
from anirec.datasets.registry import checked, located_files, own_folder, source_of
from anirec.datasets.spec import ANIME_PARSERS, USER_PARSERS, read_spec
from anirec.pipeline.stages import parse_parameters

PAGE = ROOT / "data" / "README.md"


def example() -> str:
    """Return the worked example of the page on data."""
    (found,) = re.findall(r"```toml\n(name = .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return found


@pytest.fixture
def club(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the worked example; data goes below it."""
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "club"
    folder.mkdir()
    (folder / "club.toml").write_text(example(), encoding="utf-8")
    (folder / "ratings.csv").write_text(
        "member,show,stars,state,seen,changed\n"
        "ann,7,4.5,Done,12,2024-05-01 12:00:00\n"
        "ann,8,,Watching,3,1714564800\n"
        "bob,7,0.5,done,12,\n"
        "bob,9,3,lost,1,never\n"
    )
    (folder / "shows.csv").write_text(
        'id,name,kind,tags,aka\n7,Night Rain,series,"Drama, Romance",NR\n8,Door of Rain,movie,,\n'
    )
    return folder


def tables(dataset: str) -> dict[str, pd.DataFrame]:
    folder = Paths.of(dataset).processed
    return {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("anime", "ratings")}


def test_worked_example_by_the_command(club: Path) -> None:
    said = CliRunner().invoke(app, ["ingest", "--spec", str(club / "club.toml")])
    assert said.exit_code == 0, said.output
    assert "film-club: 3 anime, 0 users, 4 list entries" in said.output
    made = tables("film-club")
    ratings = made["ratings"].astype(object).where(made["ratings"].notna(), None)
    columns = ["user_id", "anime_id", "rating", "status", "episodes_watched"]
    assert ratings[columns].to_numpy().tolist() == [
        [1, 7, 9, "completed", 12],
        [1, 8, None, "watching", 3],
        [2, 7, 1, "completed", 12],
        [2, 9, 6, None, 1],
    ]
    assert str(made["ratings"]["updated"][0]) == "2024-05-01 12:00:00"
    assert made["ratings"]["updated"].isna().tolist() == [False, False, True, True]
    assert made["anime"]["title"].tolist() == ["Night Rain", "Door of Rain", "Anime #9"]
    assert list(made["anime"]["title_synonyms"][0]) == ["NR"]
    assert (Paths.of("film-club").processed / "franchises.npz").is_file()


def test_dataset_is_known_once_it_was_ingested(club: Path) -> None:
    with pytest.raises(InputError, match="unknown dataset 'film-club'"):
        checked("film-club")
    CliRunner().invoke(app, ["ingest", "--spec", str(club / "club.toml")])
    assert own_folder("film-club") == str(club)
    paths = Paths.of("film-club", raw_dir=club)
    assert {file.name for file in located_files(paths)} == {
        *("dataset.toml", "ratings.csv", "shows.csv"),
    }
    assert source_of("film-club").snapshot_date == date(2024, 6, 1)
    assert parse_parameters("film-club", None, []).raw_dir == str(club)
    again = CliRunner().invoke(app, ["ingest", "film-club", "--raw-dir", str(club)])
    assert again.exit_code == 0, again.output
    with pytest.raises(InputError, match=r"choose one of sample, .*, film-club"):
        checked("film-clu")


def write(folder: Path, spec: str, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    (folder / "own.toml").write_text(spec)
    return folder / "own.toml"


def test_ratings_alone_are_enough(tmp_path: Path) -> None:
    spec = write(
        tmp_path,
        'name = "bare"\n[files."scores.csv".entries]\n',
        scores="user_id,anime_id,rating\n1,5,8\n2,6,-1\n",
    )
    source, folder = read_spec(spec)
    report = ingest(Paths.of("bare", folder, tmp_path / "made"), source=source)
    assert report.rows == {"anime": 2, "users": 0, "ratings": 2}
    anime = pd.read_parquet(tmp_path / "made" / "anime.parquet")
    assert anime["title"].tolist() == ["Anime #5", "Anime #6"]


def test_names_in_place_of_ids(tmp_path: Path) -> None:
    spec = write(
        tmp_path,
        'name = "by-name"\n[files."scores.csv".entries]\n'
        'user_id = "who"\nanime_id = "what"\nrating = "score"\nnamed = true\nanime_named = true\n'
        '[files."shows.csv".anime]\nanime_id = "what"\ntitle = "title"\nyear = "year"\n'
        '[files."people.csv".users]\nuser_id = "who"\ngender = "sex"\n',
        scores="who,what,score\nann,heat,8\nbob,alien,7\nann,alien,0\n",
        shows="what,title,year\nalien,Alien!,1979\nothers,Others,2001\n",
        people="who,sex\nbob,male\ncarl,Male\n",
    )
    source, folder = read_spec(spec)
    paths = Paths.of("by-name", folder, tmp_path / "made")
    ingest(paths, source=source)
    anime = pd.read_parquet(paths.processed / "anime.parquet").set_index("anime_id")
    assert anime["title"].to_dict() == {1: "heat", 2: "Alien!", 3: "Others"}
    ratings = pd.read_parquet(paths.processed / "ratings.parquet")
    assert ratings[["user_id", "anime_id"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 2]]
    users = pd.read_parquet(paths.processed / "users.parquet")
    assert users["user_id"].tolist() == [2, 3]
    outputs = b"".join(file.read_bytes() for file in paths.processed.iterdir())
    assert b"carl" not in outputs and b"bob" not in outputs


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ('name = "x\ny"', "is no TOML: .*line 1"),
        ('[files."a.csv".entries]', 'name = "..." is needed'),
        ('name = "mal-2016"\n[files."a.csv".entries]', "is the name of a public dataset"),
        ('name = "a b"\n[files."a.csv".entries]', 'name = "..." is needed'),
        ('name = "x"', "names no file"),
        ('name = "x"\ncolour = 1', "'colour' is not known: choose of files, folder"),
        ('name = "x"\nsnapshot = "today"\n[files."a.csv".entries]', "snapshot is a day"),
        ('name = "x"\n[files."a.csv".lists]', r"'lists' in \[files.\"a.csv\"\] is not known"),
        ('name = "x"\n[files."a.csv".entries]\nscore = "s"', "'score' in .* choose of all_status"),
        ('name = "x"\n[files."a.csv".entries]\nrating = 5', "rating is the name of a column"),
        ('name = "x"\n[files."a.csv".entries]\nscale = -5', "scale is the greatest rating"),
        ('name = "x"\n[files."a.csv".entries]\nstatus = "s"', "statuses is needed"),
        (
            'name = "x"\n[files."a.csv".entries]\nstatus = "s"\nstatuses = { done = "finished" }',
            "'finished' is no status: choose of watching, completed",
        ),
        ('name = "x"\n[files."a.csv".anime]\ntitle = "t"', "lacks its key: add anime_id"),
        (
            'name = "x"\n[files."a.csv".anime]\nanime_id = "i"\ntitle = "t"\nsynopsis = "t"',
            "reads the column 't' twice",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_spec(write(tmp_path, spec))


def test_missing_files_and_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml is missing"):
        read_spec(tmp_path / "nowhere.toml")
    spec = write(tmp_path, 'name = "x"\n[files."scores.csv".entries]\nrating = "stars"\n')
    source, folder = read_spec(spec)
    paths = Paths.of("x", folder, tmp_path / "made")
    with pytest.raises(InputError, match=r"scores\.csv is missing: pass --raw-dir"):
        ingest(paths, source=source)
    write(tmp_path, spec.read_text(), scores="user_id,anime_id,rating\n1,2,3\n")
    with pytest.raises(InputError, match=r"scores\.csv lacks the column 'stars'"):
        ingest(paths, source=source)


def test_every_column_that_can_be_read_is_one_of_the_tables() -> None:
    from anirec.datasets.schema import SCHEMAS

    assert set(ANIME_PARSERS) == set(SCHEMAS["anime"].columns) - {"is_adult"}
    assert set(USER_PARSERS) == set(SCHEMAS["users"].columns) - {"country"}
