"""The stages: what is stale, what happens on failure, what the record says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from anirec.config import InputError, Paths, RunParameters
from anirec.pipeline import report
from anirec.pipeline import run as runs
from anirec.pipeline.run import run as run_stages
from anirec.pipeline.stages import (
    STAGES,
    Selection,
    Stage,
    imported_modules,
    notebook_parameters,
    parse_parameters,
)
from anirec.pipeline.steps import StageFailed


def write_notebook(folder: Path, name: str, *sources: str) -> None:
    """Write a notebook with the usual parameters cell and the code cells given."""
    parameters = new_code_cell('dataset = "sample"\noutput_dir = None\nseed = 0')
    parameters.metadata["tags"] = ["parameters"]
    cells = [new_markdown_cell(f"# {name}"), parameters, *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")


class Small:
    """Three small notebooks as stages, of which 02 writes what 03 reads."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self.paths = Paths.of("sample", folder / "raw", folder / "processed", folder / "outputs")
        table = "from pathlib import Path\nfile = Path(output_dir) / 'tables' / 'a.txt'"
        self.write("01_look", "print('looked', seed)")
        self.write("02_make", f"{table}\nfile.write_text('made')")
        self.write("03_use", f"{table}\nprint(file.read_text())")
        made = ("tables/a.txt",)
        self.stages = (
            Stage("01_look", needs_ratings=False, reads=(), folder=self.notebooks),
            Stage("02_make", needs_ratings=False, reads=(), writes=made, folder=self.notebooks),
            Stage("03_use", needs_ratings=True, reads=made, folder=self.notebooks),
        )

    def write(self, name: str, *sources: str) -> None:
        write_notebook(self.notebooks, name, *sources)

    def run(self, *pairs: str, force: bool = False, **selected: str) -> list[str]:
        """Run the notebooks without stage 00; return the lines printed."""
        said: list[str] = []
        folders = [f"processed_dir={self.paths.processed}", f"output_dir={self.paths.outputs}"]
        parameters = parse_parameters("sample", str(self.paths.raw), [*folders, *pairs])
        selection = Selection(**(selected or {"first": "01"}))
        run_stages(parameters, selection, force, said.append, self.stages)
        return said


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def done(said: list[str]) -> list[str]:
    """Return the numbers of the notebooks that were executed."""
    return [line[:2] for line in said if ": done in" in line and "page" not in line]


def exported(said: list[str]) -> list[str]:
    """Return the numbers of the pages that were exported."""
    return [line[:2] for line in said if ", its page: done in" in line]


def test_second_run_does_nothing_and_says_so(small: Small) -> None:
    assert done(small.run()) == ["01", "02", "03"]
    again = small.run()
    assert done(again) == []
    assert any("Nothing to do" in line for line in again)


def test_changed_notebook_reruns_itself_and_the_readers_of_its_outputs(small: Small) -> None:
    small.run()
    small.write(
        "02_make",
        "from pathlib import Path\n(Path(output_dir) / 'tables' / 'a.txt').write_text('other')",
    )
    assert done(small.run()) == ["02", "03"]
    small.write("01_look", "print('looked again')")
    assert done(small.run()) == ["01"]


def test_changed_parameter_reruns_the_notebooks_that_declare_it(small: Small) -> None:
    small.run()
    assert done(small.run("seed=1")) == ["01", "02", "03"]
    assert done(small.run("seed=1", "epochs=7")) == []


def test_force_reruns_what_is_up_to_date(small: Small) -> None:
    small.run()
    assert done(small.run(force=True)) == ["01", "02", "03"]


def test_selection_runs_only_those_stages(small: Small) -> None:
    small.run()
    assert done(small.run(force=True, first="02")) == ["02", "03"]
    assert done(small.run(force=True, only="3")) == ["03"]


def test_selection_without_what_it_reads_says_how_to_make_it(small: Small) -> None:
    with pytest.raises(InputError, match=r"a\.txt is missing, and notebook 03 reads it: run"):
        small.run(only="03")


def test_failure_names_notebook_cell_and_error_and_the_next_run_resumes_there(
    small: Small,
) -> None:
    small.write("02_make", "first = 1", "1 / 0")
    with pytest.raises(StageFailed) as failure:
        small.run()
    message = str(failure.value)
    assert "02_make.ipynb failed in cell 4 (1 / 0): ZeroDivisionError: division by zero" in message
    partial = small.paths.outputs / "02_make.partial.ipynb"
    assert partial.name in message
    outputs = nbformat.read(partial, as_version=4).cells[-1].outputs
    assert outputs[0].ename == "ZeroDivisionError"
    assert not (small.paths.outputs / "02_make.ipynb").exists()

    small.write(
        "02_make",
        "from pathlib import Path\n(Path(output_dir) / 'tables' / 'a.txt').write_text('mended')",
    )
    said = small.run()
    assert done(said) == ["02", "03"]
    assert "01_look: up to date" in said
    assert not partial.exists()


def test_failed_rerun_keeps_the_copy_of_the_last_good_run(small: Small) -> None:
    small.run()
    before = (small.paths.outputs / "01_look.ipynb").read_bytes()
    small.write("01_look", "raise ValueError('no')")
    with pytest.raises(StageFailed, match="ValueError: no"):
        small.run()
    assert (small.paths.outputs / "01_look.ipynb").read_bytes() == before


def test_dead_kernel_is_named(small: Small) -> None:
    small.write("01_look", "import os\nos._exit(9)")
    with pytest.raises(StageFailed, match=r"01_look\.ipynb: the kernel died in cell 3"):
        small.run()


FIGURES = """
from pathlib import Path
folder = Path(output_dir) / "figures"
for name in NAMES:
    (folder / f"01_{name}.png").write_bytes(b"drawn")
"""


def test_missing_output_is_made_again(small: Small) -> None:
    """Also a figure that no stage names: it is known once the notebook has drawn it."""
    small.write("01_look", FIGURES.replace("NAMES", "('a', 'b')"))
    small.run()
    for missing in (small.paths.figures / "01_b.png", small.paths.outputs / "01_look.ipynb"):
        missing.unlink()
        assert done(small.run()) == ["01"]
        assert missing.is_file()
    (small.paths.tables / "a.txt").unlink()
    assert done(small.run()) == ["02"]
    assert done(small.run()) == []


def test_figure_that_is_drawn_no_longer_goes(small: Small) -> None:
    small.write("01_look", FIGURES.replace("NAMES", "('a', 'b')"))
    small.run()
    (small.paths.figures / "mine.png").write_bytes(b"kept")
    small.write("01_look", FIGURES.replace("NAMES", "('b',)"))
    small.run()
    assert sorted(f.name for f in small.paths.figures.iterdir()) == ["01_b.png", "mine.png"]


def test_missing_page_is_exported_without_running_the_notebook(small: Small) -> None:
    said = small.run()
    assert exported(said) == ["01", "02", "03"]
    (small.paths.report / "01_look.html").unlink()
    again = small.run()
    assert (done(again), exported(again)) == ([], ["01"])
    assert (small.paths.report / "01_look.html").is_file()


def test_changed_template_makes_pages_anew_without_running_notebooks(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(report.TEMPLATE_DIR, templates)
    for module in (report, runs):
        monkeypatch.setattr(module, "TEMPLATE_DIR", templates)
    small.run()
    page = templates / "page.html.j2"
    page.write_text(page.read_text().replace("</body>", "<p>a new foot</p></body>"))
    said = small.run()
    assert (done(said), exported(said)) == ([], ["01", "02", "03"])
    for file in small.paths.report.glob("*.html"):
        assert "a new foot" in file.read_text(encoding="utf-8"), file.name


def test_second_run_at_once_is_refused(small: Small) -> None:
    small.paths.outputs.mkdir(parents=True)
    with (
        FileLock(small.paths.outputs / ".run.lock"),
        pytest.raises(InputError, match="another run of sample is going on"),
    ):
        small.run()


def test_damaged_state_file_is_named(small: Small) -> None:
    small.run()
    state = small.paths.outputs / ".doit.sqlite"
    state.write_bytes(b"not a database")
    with pytest.raises(InputError, match=r"\.doit\.sqlite is damaged: delete it"):
        small.run()
    state.unlink()
    assert done(small.run()) == ["01", "02", "03"]


def test_record_of_a_run(small: Small) -> None:
    small.run("seed=3")
    record = json.loads((small.paths.outputs / "run.json").read_text())
    assert record["parameters"]["seed"] == 3
    assert list(record["notebook_seconds"]) == ["01_look", "02_make", "03_use"]
    assert record["packages"]["papermill"].count(".") >= 1
    assert any(name.startswith("xgboost") for name in record["packages"])
    assert len(record["git_revision"].rstrip("+")) == 40


def test_ratings_missing_runs_what_needs_none_and_names_the_file(small: Small) -> None:
    small.paths.processed.mkdir(parents=True)
    report = {"tables": {"ratings": {"rows": 0}}, "missing": ["users-score-2023.csv"]}
    (small.paths.processed / "ingest.json").write_text(json.dumps(report))
    with pytest.raises(InputError, match=r"notebooks 03 need ratings.*users-score-2023\.csv"):
        small.run()
    assert (small.paths.outputs / "02_make.ipynb").exists()
    assert not (small.paths.outputs / "03_use.ipynb").exists()
    assert (small.paths.report / "index.html").exists()


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
        Selection(only="07").chosen()


def test_imports_are_followed_through_modules(tmp_path: Path) -> None:
    write_notebook(tmp_path, "n", "%matplotlib inline\nfrom anirec import evaluation")
    names = {file.name for file in imported_modules(tmp_path / "n.ipynb")}
    assert "ranking.py" in names and "files.py" in names and "stages.py" not in names
    write_notebook(tmp_path, "m", "import json\nfrom anirec.models import load_model")
    files = imported_modules(tmp_path / "m.ipynb")
    names = {str(file.relative_to(file.parents[1])) for file in files}
    assert "models/ease.py" in names and "anirec/interactions.py" in names
    assert imported_modules(tmp_path / "m.ipynb") == files


def test_every_notebook_declares_known_parameters_with_the_run_defaults() -> None:
    defaults = vars(RunParameters())
    for stage in STAGES:
        declared = notebook_parameters(stage.notebook)
        assert declared["dataset"] == "sample"
        assert declared == {name: defaults[name] for name in declared}, stage.name


def test_a_file_that_may_be_lacking_is_followed_where_it_is(small: Small) -> None:
    small.write("03_use", "from pathlib import Path\nprint(Path(output_dir).exists())")
    look, make, use = small.stages
    small.stages = (look, make, replace(use, reads=(), if_there=make.writes))
    assert done(small.run(only="03")) == ["03"]  # it runs without
    assert done(small.run()) == ["01", "02", "03"]  # and again once the file is there
    assert done(small.run()) == []
    (small.paths.tables / "a.txt").write_text("another")
    assert "03" in done(small.run())
