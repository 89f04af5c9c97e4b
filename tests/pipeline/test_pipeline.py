"""The stages: what is stale, what happens on failure, what the record says."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from anirec import pipeline
from anirec.config import InputError, Paths, RunParameters
from anirec.pipeline.run import StageFailed
from anirec.pipeline.run import run as run_stages
from anirec.pipeline.stages import (
    STAGES,
    Selection,
    Stage,
    imported_modules,
    notebook_parameters,
    parse_parameters,
)


def write_notebook(folder: Path, name: str, *sources: str) -> None:
    """Write a notebook with the usual parameters cell and the code cells given."""
    parameters = new_code_cell('dataset = "sample"\noutput_dir = None\nseed = 0')
    parameters.metadata["tags"] = ["parameters"]
    cells = [new_markdown_cell(f"# {name}"), parameters, *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Three small notebooks as stages; 02 writes what 03 reads. Ingestion has nothing to do."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    table = "from pathlib import Path\nfile = Path(output_dir) / 'tables' / 'a.txt'"
    write_notebook(notebooks, "01_look", "print('looked', seed)")
    write_notebook(notebooks, "02_make", f"{table}\nfile.write_text('made')")
    write_notebook(notebooks, "03_use", f"{table}\nprint(file.read_text())")
    stages = (
        Stage("01_look", needs_ratings=False, reads=()),
        Stage("02_make", needs_ratings=False, reads=(), writes=("tables/a.txt",)),
        Stage("03_use", needs_ratings=True, reads=("tables/a.txt",)),
    )
    monkeypatch.setattr(pipeline.run, "STAGES", stages)
    monkeypatch.setattr(pipeline.run, "NOTEBOOK_DIR", notebooks)
    monkeypatch.setattr(pipeline.run, "_ingest_tasks", lambda paths, echo: [])
    monkeypatch.setattr(pipeline.stages, "STAGES", stages)
    monkeypatch.setattr(pipeline.stages, "NOTEBOOK_DIR", notebooks)
    return Paths.of("sample", tmp_path / "raw", tmp_path / "processed", tmp_path / "outputs")


def run(paths: Paths, *pairs: str, **options) -> list[str]:
    """Run the stages; return the lines printed."""
    said: list[str] = []
    given = [f"processed_dir={paths.processed}", f"output_dir={paths.outputs}", *pairs]
    parameters = parse_parameters("sample", str(paths.raw), given)
    force = options.pop("force", False)
    run_stages(parameters, Selection(**options), force, echo=said.append)
    return said


def done(said: list[str]) -> list[str]:
    """Return the numbers of the stages that were executed."""
    return [line[:2] for line in said if ": done in" in line]


def test_second_run_does_nothing_and_says_so(small: Paths) -> None:
    assert done(run(small)) == ["01", "02", "03"]
    again = run(small)
    assert done(again) == []
    assert any("Nothing to do" in line for line in again)


def test_changed_notebook_reruns_itself_and_the_readers_of_its_outputs(small: Paths) -> None:
    run(small)
    write_notebook(
        pipeline.stages.NOTEBOOK_DIR,
        "02_make",
        "from pathlib import Path\n(Path(output_dir) / 'tables' / 'a.txt').write_text('other')",
    )
    assert done(run(small)) == ["02", "03"]
    write_notebook(pipeline.stages.NOTEBOOK_DIR, "01_look", "print('looked again')")
    assert done(run(small)) == ["01"]


def test_changed_parameter_reruns_the_notebooks_that_declare_it(small: Paths) -> None:
    run(small)
    assert done(run(small, "seed=1")) == ["01", "02", "03"]
    assert done(run(small, "seed=1", "epochs=7")) == []


def test_force_reruns_what_is_up_to_date(small: Paths) -> None:
    run(small)
    assert done(run(small, force=True)) == ["01", "02", "03"]


def test_selection_runs_only_those_stages(small: Paths) -> None:
    run(small)
    assert done(run(small, force=True, first="02")) == ["02", "03"]
    assert done(run(small, force=True, only="3")) == ["03"]


def test_selection_without_what_it_reads_says_how_to_make_it(small: Paths) -> None:
    with pytest.raises(InputError, match=r"a\.txt is missing, and notebook 03 reads it: run"):
        run(small, only="03")


def test_failure_names_notebook_cell_and_error_and_the_next_run_resumes_there(
    small: Paths,
) -> None:
    write_notebook(pipeline.stages.NOTEBOOK_DIR, "02_make", "first = 1", "1 / 0")
    with pytest.raises(StageFailed) as failure:
        run(small)
    message = str(failure.value)
    assert "02_make.ipynb failed in cell 4 (1 / 0): ZeroDivisionError: division by zero" in message
    partial = small.outputs / "02_make.partial.ipynb"
    assert partial.name in message
    outputs = nbformat.read(partial, as_version=4).cells[-1].outputs
    assert outputs[0].ename == "ZeroDivisionError"
    assert not (small.outputs / "02_make.ipynb").exists()

    write_notebook(
        pipeline.stages.NOTEBOOK_DIR,
        "02_make",
        "from pathlib import Path\n(Path(output_dir) / 'tables' / 'a.txt').write_text('mended')",
    )
    said = run(small)
    assert done(said) == ["02", "03"]
    assert "01_look: up to date" in said
    assert not partial.exists()


def test_failed_rerun_keeps_the_copy_of_the_last_good_run(small: Paths) -> None:
    run(small)
    before = (small.outputs / "01_look.ipynb").read_bytes()
    write_notebook(pipeline.stages.NOTEBOOK_DIR, "01_look", "raise ValueError('no')")
    with pytest.raises(StageFailed, match="ValueError: no"):
        run(small)
    assert (small.outputs / "01_look.ipynb").read_bytes() == before


def test_dead_kernel_is_named(small: Paths) -> None:
    write_notebook(pipeline.stages.NOTEBOOK_DIR, "01_look", "import os\nos._exit(9)")
    with pytest.raises(StageFailed, match=r"01_look\.ipynb: the kernel died in cell 3"):
        run(small)


def test_missing_output_is_made_again(small: Paths) -> None:
    run(small)
    (small.report / "01_look.html").unlink()
    assert done(run(small)) == ["01"]


def test_second_run_at_once_is_refused(small: Paths) -> None:
    small.outputs.mkdir(parents=True)
    with (
        FileLock(small.outputs / ".run.lock"),
        pytest.raises(InputError, match="another run of sample is going on"),
    ):
        run(small)


def test_damaged_state_file_is_named(small: Paths) -> None:
    run(small)
    state = small.outputs / ".doit.sqlite"
    state.write_bytes(b"not a database")
    with pytest.raises(InputError, match=r"\.doit\.sqlite is damaged: delete it"):
        run(small)
    state.unlink()
    assert done(run(small)) == ["01", "02", "03"]


def test_record_of_a_run(small: Paths) -> None:
    run(small, "seed=3")
    record = json.loads((small.outputs / "run.json").read_text())
    assert record["parameters"]["seed"] == 3
    assert list(record["notebook_seconds"]) == ["01_look", "02_make", "03_use"]
    assert record["packages"]["papermill"].count(".") >= 1
    assert len(record["git_revision"].rstrip("+")) == 40


def test_ratings_missing_runs_what_needs_none_and_names_the_file(small: Paths) -> None:
    small.processed.mkdir(parents=True)
    report = {"tables": {"ratings": {"rows": 0}}, "missing": ["users-score-2023.csv"]}
    (small.processed / "ingest.json").write_text(json.dumps(report))
    with pytest.raises(InputError, match=r"notebooks 03 need ratings.*users-score-2023\.csv"):
        run(small)
    assert (small.outputs / "02_make.ipynb").exists()
    assert not (small.outputs / "03_use.ipynb").exists()
    assert (small.report / "index.html").exists()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["speed=1"], "unknown parameter 'speed': choose one of .*seed"),
        (["seed"], "'seed' is not of the form name=value"),
        (["epochs=many"], "epochs='many' must be a whole number"),
        (["epochs=0"], "epochs='0' must be greater than zero"),
        (["given_fraction=1"], "must lie between 0 and 1"),
        (["ease_l2=x"], "ease_l2='x' must be a number"),
        (["ease_l2=nan"], "ease_l2='nan' must be greater than zero"),
        (["two-stage.retriever.l3=1"], "hybrid-ease has no setting 'l3': choose one of .*l2"),
        (["oracle.l2=1"], "unknown model 'oracle'"),
    ],
)
def test_wrong_parameters_are_refused(pairs: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_parameters("sample", None, pairs)


def test_settings_of_models_and_their_parts_are_parameters() -> None:
    pairs = ["two-stage.retriever.l2=7", 'two-stage.without=["tags"]', "epochs=2"]
    parameters = parse_parameters("sample", None, pairs)
    assert parameters.settings == {"two-stage.retriever.l2": 7, "two-stage.without": ["tags"]}
    assert parameters.epochs == 2


def test_unknown_dataset_and_stage_list_those_that_exist() -> None:
    with pytest.raises(InputError, match="unknown dataset 'mal': choose one of sample, mal-2016"):
        parse_parameters("mal", None, [])
    with pytest.raises(InputError, match="unknown stage '07': choose one of 00, 01"):
        Selection(only="07").stages()


def test_imports_are_followed_through_modules(tmp_path: Path) -> None:
    write_notebook(tmp_path, "n", "%matplotlib inline\nfrom anirec import evaluation")
    names = {file.name for file in imported_modules(tmp_path / "n.ipynb")}
    assert "ranking.py" in names and "files.py" in names and "stages.py" not in names
    write_notebook(tmp_path, "m", "import json\nfrom anirec.models import load_model")
    files = imported_modules(tmp_path / "m.ipynb")
    names = {str(file.relative_to(file.parents[1])) for file in files}
    assert "models/ease.py" in names and "anirec/interactions.py" in names


def test_every_notebook_declares_known_parameters_with_the_run_defaults() -> None:
    defaults = vars(RunParameters())
    for stage in STAGES:
        declared = notebook_parameters(stage.notebook)
        assert declared["dataset"] == "sample"
        assert declared == {name: defaults[name] for name in declared}, stage.name
