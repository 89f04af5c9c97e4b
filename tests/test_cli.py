"""The commands that recommend."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from small_run import community, small_run

from anirec import cli, terminal
from anirec.analysis.clustering import segment_users
from anirec.analysis.mixture import MIXTURE_FILE, SegmentMixture
from anirec.interactions import Interactions
from anirec.profiles import Entry, Profile, ProfileStore

HEADINGS = [
    "New to you", "Continue", "Because you liked Iron Sky", "Surprise me",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli")
    small_run(root)
    return root


@pytest.fixture
def anirec(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Run the command as a shell would; returns (exit status, stdout, stderr)."""
    monkeypatch.setenv("ANIREC_DATA_DIR", str(root))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(root / "outputs"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["anirec", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


def test_recommend_prints_a_readable_table(anirec) -> None:
    status, out, err = anirec("recommend", "iron sky", "Tea Time:3", "-k", "4")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["title", "type", "year", "ep"]
    assert len(lines) == 5
    assert all(len(line) < 160 for line in lines)
    assert "Iron Sky II " in out
    assert "because you watched Iron Sky" in out
    assert "Tea Time (" not in out  # a dislike is no reason


def test_recommend_says_the_mixture_of_segments_where_there_are_some(anirec, root: Path) -> None:
    lists = Interactions.from_frame(community())
    segments = segment_users(lists, n_components=3, n_clusters=2)
    file = root / "outputs/sample/tables" / MIXTURE_FILE
    SegmentMixture.fit(segments, lists, ["One", "Other"]).save(file)
    _, out, err = anirec("recommend", "iron sky", "-k", "2", "--format", "json")
    file.unlink()
    assert err.startswith("anirec: Your taste, guessed from 1 title: ") and "%" in err
    assert len(json.loads(out)) == 2


def test_recommend_as_json(anirec) -> None:
    status, out, _ = anirec("recommend", "iron sky", "-k", "2", "--format", "json")
    records = json.loads(out)
    assert status == 0
    assert [record["rank"] for record in records] == [1, 2]
    assert {"anime_id", "title", "match", "because"} <= records[0].keys()


def test_a_list_is_understood_entry_by_entry(anirec, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "title,my rating,status\nIron Sky,9,Completed\nTea Tyme,2,Dropped\nZz Top,,PTW\n"
    )
    status, out, err = anirec("list", str(file), "--format", "json")
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert (told["format"], told["scale"]) == ("a table (CSV)", "10")
    assert told["used_columns"] == ["title", "my rating", "status"]
    assert [e["matched_by"] for e in told["entries"]] == ["title", "similar", None]
    assert [e["status"] for e in told["entries"]] == ["completed", "dropped", "plan_to_watch"]
    status, out, err = anirec("list", str(file))
    assert "Tea Time" in out and "★ 9 · completed" in out
    assert "'Tea Tyme' is taken for 'Tea Time'" in out
    assert "3 entries read: 2 found" in err


def test_recommend_from_a_list_with_filters(anirec, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("Iron Sky: 9\nTea Time: 2\n")
    status, out, err = anirec("recommend", "--list", str(file), "--format", "json", "-k", "9")
    titles = [record["title"] for record in json.loads(out)]
    assert status == 0 and "2 entries read: 2 found" in err
    assert "Iron Sky" not in titles and "Tea Time" not in titles
    only = anirec("recommend", "--list", str(file), "--filter", "genres=Mecha", "--format", "json")
    assert {"Mecha"} == {g for r in json.loads(only[1]) for g in r["genres"].split(", ")} & {
        "Mecha"
    }
    assert len(json.loads(only[1])) < len(titles)


def test_shelves_come_under_their_headings(anirec) -> None:
    titles = ("iron sky:9", "tea time:8")
    status, out, err = anirec("recommend", *titles, "--shelf", "all", "-k", "3")
    assert status == 0
    headings = [line for line in out.splitlines() if line in HEADINGS]
    assert headings == HEADINGS
    assert "From your plan to watch: nothing that you plan to watch passes the filters" in err
    status, out, _ = anirec("recommend", *titles, "--shelf", "new", "--shelf", "next",
                            "--filter", "types=TV", "--format", "json")  # fmt: skip
    told = {name: [one["title"] for one in rows] for name, rows in json.loads(out).items()}
    assert told.keys() == {"new", "next"}
    assert told["next"] == ["Iron Sky II"]
    assert set(told["new"]) == {"Steel Hearts", "Club Room Diary"}


def test_because_of_a_title_that_was_named(anirec) -> None:
    status, out, err = anirec("recommend", "iron sky", "tea time", "--because", "tea tyme")
    assert (status, err) == (0, "anirec: 'tea tyme' is taken for 'Tea Time'\n")
    assert out.startswith("Because you watched Tea Time\n")
    assert "is not on the list" in anirec("recommend", "iron sky", "--because", "tea time")[2]


def test_what_somebody_and_others_like(anirec, root: Path, tmp_path: Path) -> None:
    """The others by a file, by the name of a list that is kept, and by its private address."""
    file = tmp_path / "bob.txt"
    file.write_text("Tea Time: 9\n")
    store = ProfileStore(root / "profiles" / "sample.sqlite")
    _, token = store.create(Profile({8: Entry(9)}))
    store.create_named("Ann's list", Profile({4: Entry(9)}))
    address = f"http://127.0.0.1:8866/?images=1&profile={token}"
    others = ("--with", str(file), "--with", "Ann's list", "--with", address)
    status, out, _ = anirec("recommend", "iron sky", *others, "--format", "json", "-k", "9")
    told = json.loads(out)
    assert status == 0
    assert not {1, 4, 6, 8} & {one["anime_id"] for one in told}
    names = ["you", "bob.txt", "Ann's list", "the list at that address"]
    assert all([person["name"] for person in one["people"]] == names for one in told)
    assert [one["least"] for one in told] == sorted([one["least"] for one in told], reverse=True)
    assert all(one["least"] == min(p["share"] for p in one["people"]) for one in told)
    status, out, err = anirec("recommend", "iron sky", "--with", address, "--again", "-k", "2")
    assert (status, err) == (0, "")
    assert token not in out
    assert "     you: above 100 % of the rest, because you watched Iron Sky" in out
    assert anirec("recommend", "--list", "Ann's list", "-k", "1")[0] == 0
    lost = anirec("recommend", "iron sky", "--with", "/?profile=nothing")
    assert "this link opens no profile" in lost[2]


def test_where_a_title_stands(anirec) -> None:
    status, out, _ = anirec("recommend", "iron sky", "--where", "iron sky iii")
    assert status == 0
    assert out.startswith("Iron Sky III is not among the ")
    assert "  it follows Iron Sky II, which you have not finished" in out
    best = json.loads(anirec("recommend", "iron sky", "-k", "2", "--format", "json")[1])[1]["title"]
    told = json.loads(anirec("recommend", "iron sky", "--where", best, "--format", "json")[1])
    assert (told["title"], told["rank"], told["reasons"]) == (best, 2, [])
    assert [term["title"] for term in told["terms"]] == ["Iron Sky"]


def test_what_was_understood_is_said_where_it_is_not_what_was_written(anirec) -> None:
    status, _, err = anirec("recommend", "tea tyme", "-k", "1")
    assert (status, err) == (0, "anirec: 'tea tyme' is taken for 'Tea Time'\n")


def test_adult_titles_only_when_asked_for(anirec) -> None:
    assert "Night Nurses" not in anirec("recommend", "tea time", "-k", "20")[1]
    assert "Night Nurses" in anirec("recommend", "tea time", "-k", "20", "--adult")[1]


def test_fewer_than_asked_for_is_said(anirec) -> None:
    status, out, err = anirec("recommend", "tea time", "-k", "20")
    assert status == 0
    assert "only 6 anime pass the filters" in err
    assert len(out.splitlines()) == 7


def test_similar(anirec) -> None:
    status, out, _ = anirec("similar", "iron sky", "-k", "2", "--model", "content")
    assert status == 0
    assert [line.split("  ")[1] for line in out.splitlines()[1:]] == ["Iron Sky II", "Iron Sky III"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("recommend", "Irony of the heart"),
            "anirec: no anime is called 'Irony of the heart': did you mean ",
        ),
        (("recommend", "iron sky:12"), "is not on the scale of 10"),
        (("recommend", "iron sky:2"), "the profile holds dislikes only"),
        (("recommend", "iron sky", "--model", "oracle"), "unknown model 'oracle': choose one of"),
        (("recommend", "iron sky", "--format", "xml"), "unknown format 'xml'"),
        (("recommend", "iron sky", "--dataset", "mal"), "unknown dataset 'mal'"),
        (("recommend", "iron sky", "--dataset", "mal-2016"), "no fitted models for mal-2016"),
        (("similar", "iron sky", "--model", "popularity"), "knows no similar anime"),
        (("similar", "Nobody Saw This"), "anime 11 is unknown to ease"),
        (("recommend",), "name a title that you like, or pass your list with --list FILE"),
        (("recommend", "--list", "nowhere.xml"), "nowhere.xml cannot be read (No such file"),
        (("recommend", "iron sky", "--shelf", "best"), "unknown shelf 'best': choose one of new,"),
        (("recommend", "iron sky", "--with", "nowhere.xml"), "nowhere.xml cannot be read (No such"),
        (("recommend", "x", "--with", "a", "--shelf", "new"), "are three questions: ask one"),
        (("recommend", "x", "--again"), "--again goes with --with LIST"),
        (("recommend", "x", "--filter", "genre=Comedy"), "filter 'genre=Comedy' is none"),
        (("recommend", "x", "--filter", "years=soon"), "filter years='soon' cannot be read"),
        (("list",), "missing argument 'FILE' (see 'anirec list --help')"),
        (("list", "nowhere.xml"), "nowhere.xml cannot be read"),
        (("recommend", "x", "--adlt"), "no such option: --adlt"),
        (("recommend", "x", "-k", "0"), "invalid value for '-k'"),
        (("recommend", "x", "-k", "ten"), "invalid value for '-k'"),
        (("recomend", "x"), "no such command 'recomend'"),
        (("app", "--port", "99999"), "invalid value for '--port'"),
        (("app", "--port"), "option '--port' requires an argument"),
        (("run", "sample", "extra"), "unexpected extra argument"),
        (("run", "sample", "--dataset", "mal-2016"), "two datasets are named"),
        (("fetch",), "name the dataset to fetch: mal-20"),
        (("ingest",), "name a dataset, or pass --raw-dir"),
    ],
)
def test_mistakes_get_one_line_and_status_2(anirec, arguments: tuple, says: str) -> None:
    status, out, err = anirec(*arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "ingest", "fetch", "app"])
@pytest.mark.parametrize("named", [("mal-1999",), ("--dataset", "mal-1999")])
def test_dataset_is_a_word_or_an_option(anirec, command: str, named: tuple[str, ...]) -> None:
    status, _, err = anirec(command, *named)
    assert status == 2
    assert err.startswith("anirec: unknown dataset 'mal-1999': choose one of sample, ")
    same = anirec(command, "mal-1999", "--dataset", "mal-1999")
    assert same == (2, "", err)


def test_help_fits_80_columns_and_shows_an_example(anirec, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, overview, _ = anirec()
    assert status == 0
    for registered in cli.app.registered_commands:
        command = registered.name or registered.callback.__name__
        status, text, _ = anirec(command, "--help")
        assert status == 0
        assert f"Example: anirec {command}" in text or "&& anirec gallery" in text
        assert max(map(len, text.splitlines())) <= 80
        assert f"\n  {command} " in overview
    assert "..." not in overview.partition("Commands:")[2]


def test_version(anirec) -> None:
    assert anirec("--version")[1].startswith("anirec 0.")


def test_completion_is_offered_and_knows_the_datasets(anirec, monkeypatch) -> None:
    with monkeypatch.context() as told:  # rather than asking what process started this one
        told.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
        assert "_ANIREC_COMPLETE" in anirec("--show-completion", "bash")[1]
    monkeypatch.setenv("_ANIREC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "anirec run mal-2016")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert anirec()[1].split() == ["mal-2016"]


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_narrow_code_page_loses_letters_but_no_answer(root: Path, encoding: str) -> None:
    places = {"ANIREC_DATA_DIR": str(root), "ANIREC_OUTPUT_DIR": str(root / "outputs")}
    said = subprocess.run(
        [sys.executable, "-m", "anirec.cli", "similar", "茶の時間"],
        env=os.environ | places | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        encoding=encoding,
    )
    assert said.returncode == 2
    assert said.stderr.startswith("anirec: no anime is called '????'")


def test_json_on_a_narrow_code_page_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    terminal.print_frame(pd.DataFrame({"title": ["進撃の巨人"]}), "json")
    out.flush()
    assert json.loads(out.buffer.getvalue()) == [{"title": "進撃の巨人"}]


def test_unknown_title_suggests_three(anirec) -> None:
    _, _, err = anirec("recommend", "Irony of the heart")
    assert err.count(";") == 2


def test_wide_characters_and_long_values_are_cut(anirec) -> None:
    assert terminal._cell("title", "進撃の巨人", 6) == "進撃…"
    assert terminal._cell("title", "x" * 50, 10) == "x" * 9 + "…"
    genres = "Action, Adventure, Comedy, Fantasy"
    assert terminal._cell("genres", genres, 28) == "Action · Adventure …"
    assert terminal._cell("genres", "Action, Comedy", 28) == "Action · Comedy"
    assert terminal._cell("expected", float("nan"), 7) == ""
