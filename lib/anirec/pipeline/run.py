"""The notebooks as stages: papermill runs them, doit decides which are stale.

Stage 00 makes the canonical tables (for the sample it first simulates the community); stages
01 to 06 are the notebooks. A stage is stale when one of the files it reads, a module of ``anirec``
it imports, the lock file, its parameters, or one of the files it writes has changed.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from anirec.config import NOTEBOOK_DIR, ROOT, Dataset, InputError, Paths, RunParameters
from anirec.files import locked, read_json
from anirec.pipeline.stages import (
    PACKAGE_DIR,
    STAGES,
    TABLES,
    Selection,
    Stage,
    imported_modules,
    module_files,
    stage_files,
    stage_parameters,
)

LOCK_FILE = ROOT / "requirements.lock"
EVERYTHING = Selection()


class StageFailed(Exception):
    """A stage stopped with an error; the message names the notebook, the cell and the cause."""


def run(
    parameters: RunParameters,
    selection: Selection = EVERYTHING,
    force: bool = False,
    echo: Callable[[str], None] = print,
) -> None:
    """Bring the selected stages of a dataset's run up to date and write the report and run.json.

    Raises
    ------
    InputError
        If an input is missing or wrong, a name is unknown, or another run of the dataset is going
        on. Stages that do not need the missing input have been run by then.
    StageFailed
        If a notebook failed; stages before it are kept, and the next run resumes there.
    """
    stages = selection.stages()
    paths = Paths.of(
        parameters.dataset, parameters.raw_dir, parameters.processed_dir, parameters.output_dir
    )
    busy = (
        f"another run of {paths.dataset} is going on: wait for it to end, "
        "or choose another output_dir"
    )
    with locked(paths.outputs / ".run.lock", busy), _terminated_like_interrupted():
        executed: list[str] = []
        try:
            if selection.ingests:
                _bring_up_to_date(_ingest_tasks(paths, echo), paths, force, executed, echo)
            stages, complaint = _split_by_need(stages, paths)
            _check_inputs(stages, paths)
            tasks = [_notebook_task(stage, parameters, paths) for stage in stages]
            _bring_up_to_date(tasks, paths, force, executed, echo)
        finally:
            if executed:
                _write_report(parameters, paths)
        if complaint:
            raise InputError(complaint)
        if not executed:
            echo(f"Nothing to do: {parameters.dataset} is up to date (--force reruns it).")
        echo(f"Report: {_shown(paths.report / 'index.html')}")


def _write_report(parameters: RunParameters, paths: Paths) -> None:
    from anirec.pipeline.report import write_index, write_record

    done = [stage for stage in STAGES if stage.page(paths).is_file()]
    record = write_record(parameters, paths, [stage.executed(paths) for stage in done])
    write_index(record, paths, [stage.name for stage in done])


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: kernels stopped, finished stages remembered."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: leave signals to whoever owns them
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _split_by_need(stages: Sequence[Stage], paths: Paths) -> tuple[list[Stage], str | None]:
    """Return the stages that can run, and what to say of those that lack the ratings."""
    report = read_json(paths.processed / "ingest.json")
    if not report or report["tables"]["ratings"]["rows"]:
        return list(stages), None
    able = [stage for stage in stages if not stage.needs_ratings]
    unable = [stage.number for stage in stages if stage.needs_ratings]
    if not unable:
        return able, None
    missing = ", ".join(_shown(paths.raw / name) for name in report["missing"]) or "the ratings"
    return able, (
        f"notebooks {', '.join(unable)} need ratings, and {missing} is missing: "
        f"put it there or pass --raw-dir"
    )


def _check_inputs(stages: Sequence[Stage], paths: Paths) -> None:
    """Raise InputError if a file that the stages read is neither there nor made by one of them."""
    made: set[str] = set()
    for stage in stages:
        for name in stage.reads:
            file = stage_files(paths, [name])[0]
            if name not in made and not file.is_file():
                raise InputError(
                    f"{_shown(file)} is missing, and notebook {stage.number} reads it: "
                    f"run 'anirec run --dataset {paths.dataset}' without --from and --only"
                )
        made |= set(stage.writes)


def _shown(path: Path) -> str:
    """Return a path as a person in the current folder would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _ingest_tasks(paths: Paths, echo: Callable[[str], None]) -> list[dict]:
    from anirec.datasets import located_files, raw_files

    def make_tables() -> None:
        from anirec.datasets.ingest import ingest

        echo(ingest(paths).summary())

    tasks = []
    source_files = module_files("anirec.datasets") | {PACKAGE_DIR / "config.py"}
    raw = [paths.raw / raw_file.name for raw_file in raw_files(paths.dataset)]
    if paths.dataset == Dataset.SAMPLE and paths.raw == Paths.of(Dataset.SAMPLE).raw:
        from anirec.datasets import sample

        def simulate() -> None:
            echo("The sample's anime are real; its community is simulated.")
            sample.generate(paths.raw)

        tasks.append(
            {
                "name": "sample",
                "title": "00 simulate the sample's community",
                "actions": [simulate],
                "file_dep": [*module_files("anirec.datasets.sample"), *sample.CATALOGUE_FILES],
                "targets": raw,
            }
        )
        present = raw
    else:
        present = located_files(paths)

    tasks.append(
        {
            "name": "ingest",
            "title": "00 ingest",
            "actions": [make_tables],
            "file_dep": sorted(source_files) + present,
            "targets": stage_files(paths, TABLES),
            "parameters": {"raw_dir": str(paths.raw)},
        }
    )
    return tasks


def _notebook_task(stage: Stage, parameters: RunParameters, paths: Paths) -> dict:
    values = stage_parameters(stage, parameters, paths)
    return {
        "name": stage.name,
        "title": stage.name,
        "actions": [lambda: execute(stage, values, paths)],
        "file_dep": [
            stage.notebook,
            LOCK_FILE,
            *imported_modules(stage.notebook),
            *stage_files(paths, stage.reads),
        ],
        "targets": [stage.executed(paths), stage.page(paths), *stage_files(paths, stage.writes)],
        "parameters": values,
    }


def execute(stage: Stage, values: Mapping[str, object], paths: Paths) -> None:
    """Execute a notebook with papermill and export it as a page.

    The copy grows under ``<name>.partial.ipynb`` and takes its final name once every cell has run.

    Raises
    ------
    StageFailed
        If a cell fails or the kernel dies.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    from anirec.pipeline.report import export_page

    partial = stage.executed(paths).with_suffix(".partial.ipynb")
    for folder in (paths.outputs, paths.figures, paths.tables, paths.models, paths.report):
        folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("papermill").setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        papermill.execute_notebook(
            stage.notebook,
            partial,
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            cwd=NOTEBOOK_DIR,
            progress_bar={"desc": stage.name, "file": sys.stderr},
            config=Config(
                KernelManager={"transport": "tcp" if os.name == "nt" else "ipc"},
                # Asked politely, a kernel that is interrupted prints a traceback of its own.
                NotebookClient={"shutdown_kernel": "immediate"},
            ),
        )
    except PapermillExecutionError as error:
        first_line = error.source.strip().splitlines()[0] if error.source.strip() else ""
        raise StageFailed(
            f"notebooks/{stage.name}.ipynb failed in cell {error.cell_index} ({first_line}): "
            f"{_last_line(error)}\nPartial output: {_shown(partial)}"
        ) from error
    except DeadKernelError as error:
        raise StageFailed(
            f"notebooks/{stage.name}.ipynb: the kernel died in cell {_last_begun_cell(partial)} "
            f"(out of memory?)\nPartial output: {_shown(partial)}"
        ) from error
    export_page(partial, stage.page(paths), [s.name for s in STAGES])
    partial.replace(stage.executed(paths))


def _last_line(error: Exception) -> str:
    return f"{error.ename}: {error.evalue}".strip().splitlines()[0]


def _last_begun_cell(executed: Path) -> int:
    """Return the number of the last code cell that was begun, counted from 1 in the notebook.

    The executed copy holds one cell more, the parameters injected, so that an index there is a
    number here; the same holds for papermill's ``cell_index``.
    """
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    return max(
        index
        for index, cell in enumerate(cells)
        if cell["cell_type"] == "code" and cell["metadata"]["papermill"]["status"] != "pending"
    )


class _Reporter:
    """Prints one line per stage and keeps the exception that stopped the run."""

    def __init__(self, echo: Callable[[str], None], executed: list[str], errors: list) -> None:
        self.echo, self.executed, self.errors = echo, executed, errors
        self.started = 0.0

    def initialize(self, tasks: Mapping, selected: Sequence[str]) -> None:
        """Nothing to prepare."""

    def get_status(self, task: object) -> None:
        """The status is told once it is known."""

    def execute_task(self, task) -> None:
        self.started = time.perf_counter()

    def add_success(self, task) -> None:
        self.executed.append(task.name)
        self.echo(f"{task.doc}: done in {time.perf_counter() - self.started:.1f} s")

    def add_failure(self, task, fail) -> None:
        if not self.errors:  # doit's own complaint, such as an input that vanished
            self.errors.append(StageFailed(f"{task.doc}: {fail.get_msg().strip()}"))

    def skip_uptodate(self, task) -> None:
        self.echo(f"{task.doc}: up to date")

    def skip_ignore(self, task) -> None:
        self.echo(f"{task.doc}: ignored")

    def cleanup_error(self, exception) -> None:
        self.errors.append(StageFailed(exception.get_msg()))

    def runtime_error(self, msg: str) -> None:
        self.errors.append(StageFailed(msg))

    def teardown_task(self, task) -> None:
        """No stage has a teardown."""

    def complete_run(self) -> None:
        """Errors are raised by the caller."""


def _state_file(paths: Paths) -> Path:
    """Return where doit remembers what each stage was made from."""
    return paths.outputs / ".doit.sqlite"


def _bring_up_to_date(
    tasks: Sequence[Mapping],
    paths: Paths,
    force: bool,
    executed: list[str],
    echo: Callable[[str], None],
) -> None:
    """Run those of ``tasks`` that doit finds stale, in order; raise what stopped one of them."""
    from doit.api import run_tasks
    from doit.cmd_base import TaskLoader2
    from doit.dependency import DatabaseException
    from doit.task import Task
    from doit.tools import config_changed

    errors: list[Exception] = []

    def kept(action: Callable[[], None]) -> Callable[[], bool]:
        def call() -> bool:
            try:
                action()
            except Exception as error:  # raised again below, past doit's own reporting
                errors.append(error)
                return False
            return True

        return call

    class Loader(TaskLoader2):
        def load_doit_config(self) -> dict:
            return {
                "reporter": _Reporter(echo, executed, errors),
                "backend": "sqlite3",
                "dep_file": str(_state_file(paths)),
                "verbosity": 2,
                "always": force,
            }

        def load_tasks(self, cmd: object, pos_args: object) -> list[Task]:
            return [
                Task(
                    task["name"],
                    [kept(action) for action in task["actions"]],
                    file_dep=[str(file) for file in task["file_dep"]],
                    targets=[str(file) for file in task["targets"]],
                    uptodate=[config_changed(json.dumps(task.get("parameters", {})))],
                    doc=task["title"],
                )
                for task in tasks
            ]

    if tasks:
        try:
            run_tasks(Loader(), {task["name"]: {} for task in tasks})
        except DatabaseException:
            state = _shown(_state_file(paths))
            raise InputError(
                f"{state} is damaged: delete it (every stage will run again)"
            ) from None
    if errors:
        raise errors[0]
