"""What the command line answers to wrong input: one line, status 2, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from anirec.datasets import sample

ANIME = "anime_id,name,genre,type,episodes,rating,members\n1,Naruto,Action,TV,220,7.9,100\n"
RATINGS = "user_id,anime_id,rating\n1,1,8\n"


def anirec(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with its data and outputs under ``folder``."""
    places = {"ANIREC_DATA_DIR": folder / "data", "ANIREC_OUTPUT_DIR": folder / "outputs"}
    return subprocess.run(
        [sys.executable, "-m", "anirec.cli", *arguments],
        env=os.environ | {name: str(place) for name, place in places.items()},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("anime", "ratings", "says"),
    [
        (None, RATINGS, ["anime.csv", "missing"]),
        ("", RATINGS, ["anime.csv", "empty"]),
        (ANIME, "", ["rating.csv", "empty"]),
        (ANIME, RATINGS.replace(",rating", ",points"), ["rating.csv", "rating"]),
        (ANIME.replace("name,", "label,"), RATINGS, ["anime.csv", "name"]),
        (ANIME, "user_id,anime_id,rating\n" + "a,b,good\n" * 9, ["rating.csv", "9"]),
    ],
    ids=["file missing", "empty", "ratings empty", "column missing", "anime column", "all text"],
)
def test_raw_files_that_cannot_be_used(
    tmp_path: Path, anime: str | None, ratings: str, says: list[str]
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name, text in (("anime.csv", anime), ("rating.csv", ratings)):
        if text is not None:
            (raw / name).write_text(text, encoding="utf-8")
    said = anirec(tmp_path, "run", "--dataset", "mal-2016", "--raw-dir", str(raw))
    assert said.returncode == 2
    lines = said.stderr.splitlines()
    assert len(lines) == 1, said.stderr
    assert lines[0].startswith("anirec: ")
    assert all(word in lines[0] for word in says), lines[0]
    assert not list((tmp_path / "data").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--dataset", "mal-1999"], "unknown dataset 'mal-1999': choose one of sample"),
        (["run", "-p", "speed=9"], "unknown parameter 'speed': choose one of"),
        (["run", "-p", "epochs=many"], "parameter epochs='many' must be a whole number"),
        (["run", "--only", "09"], "unknown stage '09': choose one of 00, 01"),
        (["ingest", "mal-1999"], "unknown dataset 'mal-1999'"),
        (["run", "--frce"], "no such option: --frce"),
        (["recommend", "Naruto", "--dataset", "mal-2016"], "run 'anirec run --dataset mal-2016'"),
        (["recommend", "Naruto", "--dataset", "mal-1999"], "unknown dataset 'mal-1999'"),
        (["similar", "Naruto", "--dataset", "mal-2016"], "run 'anirec run --dataset mal-2016'"),
        (["app", "--dataset", "mal-2016"], "run 'anirec run --dataset mal-2016'"),
    ],
)
def test_arguments_that_cannot_be_used(tmp_path: Path, arguments: list[str], says: str) -> None:
    said = anirec(tmp_path, *arguments)
    assert said.returncode == 2
    assert len(said.stderr.splitlines()) == 1, said.stderr
    assert says in said.stderr
    assert not list((tmp_path / "data").rglob("*.parquet"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_says_so_and_goes_on_where_it_was(
    tmp_path: Path, how: signal.Signals
) -> None:
    """While the first notebook runs: its kernel ends too, and what was ingested stands."""
    raw = tmp_path / "raw"
    sample.generate(raw, size="tiny")
    arguments = [sys.executable, "-m", "anirec.cli", "run", "--raw-dir", str(raw)]
    places = {"ANIREC_DATA_DIR": tmp_path / "data", "ANIREC_OUTPUT_DIR": tmp_path / "outputs"}
    environment = os.environ | {name: str(place) for name, place in places.items()}
    said = tmp_path / "said"
    with said.open("w") as out:
        running = subprocess.Popen(
            arguments,
            env=environment,
            stdout=out,
            stderr=out,
            # A test run in the background of a shell ignores SIGINT, and its children would.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        partial = tmp_path / "outputs" / "sample" / "01_exploration.partial.ipynb"
        while running.poll() is None and not partial.is_file():
            time.sleep(0.1)
        running.send_signal(how)
        assert running.wait(timeout=60) == 130
    text = said.read_text(encoding="utf-8")
    assert text.endswith("anirec: interrupted; the next run resumes here\n")
    assert "Traceback" not in text
    again = anirec(tmp_path, "run", "--raw-dir", str(raw), "--only", "00")
    assert again.returncode == 0
    assert "00 ingest: up to date" in again.stdout
