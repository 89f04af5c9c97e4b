"""``anirec doctor``: what it tells of the machine, of what is there, and what is next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from small_run import small_run

from anirec import doctor
from anirec.config import Paths
from anirec.datasets.ingest import ingest
from anirec.events.versions import Versions
from anirec.pipeline.run import run
from anirec.pipeline.stages import STAGES, Selection, parse_parameters


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds all data and outputs."""
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(tmp_path / "outputs"))
    return tmp_path


def by_name(found: doctor.Diagnosis) -> dict[str, doctor.DatasetState]:
    return {state.dataset: state for state in found.datasets}


def test_an_empty_place_is_told_to_run_the_sample(places: Path) -> None:
    found = doctor.diagnose(ask_gpu=False)
    assert by_name(found)["sample"] == doctor.DatasetState("sample", raw=True)
    assert found.next_steps[0].startswith("anirec run: ")
    assert any(step.startswith("anirec fetch mal-2023") for step in found.next_steps)
    assert found.folders["data"] == str(places / "data")
    assert found.memory > found.free_memory > 0 and found.cores >= 1
    assert "openblas" in " ".join(found.blas) or found.blas
    assert not (places / "data").exists() and not (places / "outputs").exists()


def test_what_was_run_is_fresh_until_something_changes(places: Path, tiny_raw: Path) -> None:
    """Notebooks that were not executed are stale; a changed raw file makes the tables so too."""
    own = places / "raw"
    own.mkdir()
    for file in tiny_raw.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    run(parse_parameters("sample", str(own), []), Selection(only="00"))
    ingested = by_name(doctor.diagnose(ask_gpu=False))["sample"].stale
    assert ingested == [stage.name for stage in STAGES]
    run(parse_parameters("sample", str(own), []), Selection(only="02"))
    before = (places / "outputs" / "sample" / ".doit.sqlite").read_bytes()
    state = by_name(doctor.diagnose(ask_gpu=False))["sample"]
    assert state.rows["anime"] > 900 and state.rows["users"] > 700
    assert state.stale == [name for name in ingested if name != "02_preprocessing"]
    with (own / "users-score-2023.csv").open("a", encoding="utf-8") as stream:
        stream.write("\n")
    found = doctor.diagnose(ask_gpu=False)
    assert "00 ingest" in by_name(found)["sample"].stale
    assert found.next_steps[0] == "anirec run: bring up to date what is stale"
    assert (places / "outputs" / "sample" / ".doit.sqlite").read_bytes() == before


def test_the_version_that_a_page_would_serve_is_named(places: Path) -> None:
    small_run(places)
    (places / "data" / "processed").mkdir(parents=True)
    (places / "processed" / "sample").rename(places / "data" / "processed" / "sample")
    paths = Paths.of("sample")
    state = doctor.state_of("sample")
    assert state.models == ["content", "ease", "popularity"]
    assert state.serves == "the run's own models"
    Versions(paths).publish(lambda folder: (folder / "anime.parquet").touch(), events=7)
    assert doctor.state_of("sample").serves.startswith("version 1 of 20")
    assert doctor.state_of("sample").serves.endswith("with 7 events")


def test_own_datasets_are_seen_and_damage_is_told(places: Path) -> None:
    raw = places / "data" / "raw" / "mal-2016"
    raw.mkdir(parents=True)
    (raw / "rating.csv").write_text("user_id,anime_id,rating\n1,1,8\n")
    assert doctor.state_of("mal-2016") is None  # the catalogue, which it needs, is not there
    (raw / "anime.csv").write_text(
        "anime_id,name,genre,type,episodes,rating,members\n1,Naruto,Action,TV,220,7.9,100\n"
    )
    assert doctor.state_of("mal-2016").raw
    ingest(Paths.of("mal-2016"))
    assert doctor.state_of("mal-2016").rows == {"anime": 1, "users": 0, "ratings": 1}
    (places / "data" / "processed" / "mal-2016" / "ingest.json").write_text("{half")
    found = doctor.diagnose(ask_gpu=False)
    assert by_name(found)["mal-2016"].trouble
    assert any(warning.startswith("mal-2016: ") for warning in found.warnings)
    assert "cannot be told, see below" in doctor.diagnosis_text(found)


def test_folders_that_cannot_be_written_to_are_warned_of(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places / "data").write_text("a file where the folder should be")
    found = doctor.diagnose(ask_gpu=False)
    assert found.writable == {"data": False, "outputs": True}
    assert any("set ANIREC_DATA_DIR to a folder that can" in text for text in found.warnings)


def test_tensorflow_that_cannot_be_loaded_is_told(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ASK_TENSORFLOW", "raise ImportError('illegal instruction')")
    found = doctor.diagnose()
    assert found.gpus is None
    assert "TensorFlow cannot be loaded (ImportError: illegal instruction): set up again" in (
        found.warnings
    )
    monkeypatch.setattr(doctor, "ASK_TENSORFLOW", "print('/physical_device:GPU:0')")
    assert "/physical_device:GPU:0" in doctor.diagnosis_text(doctor.diagnose())


def anirec_doctor(places: Path, *arguments: str, **variables: str) -> str:
    said = subprocess.run(
        [sys.executable, "-m", "anirec.cli", "doctor", "--no-gpu", *arguments],
        env=os.environ | variables,
        capture_output=True,
        encoding="ascii",
    )
    assert (said.returncode, said.stderr) == (0, "")
    return said.stdout


def test_the_command_says_it_in_80_columns_and_as_json(places: Path) -> None:
    text = anirec_doctor(places, PYTHONIOENCODING="ascii")
    long = [line for line in text.splitlines() if len(line) > 80]
    assert all(str(places)[:20] in line or "checkout" in line for line in long)
    assert "\nNext\n  anirec run: " in text
    told = json.loads(anirec_doctor(places, "--json"))
    assert told.keys() == asdict(doctor.diagnose(ask_gpu=False)).keys()
    assert told["gpus"] is None and told["packages"]["numpy"]
