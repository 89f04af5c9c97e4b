"""The notebooks as stages: papermill runs them, doit decides which are stale.

Stage 00 makes the canonical tables (for the sample it first simulates the community); stages
01 to 06 are the notebooks. A stage is stale when one of the files it reads, a module of ``anirec``
it imports, the lock file, its parameters, or one of the files it writes has changed.
"""

from __future__ import annotations

import ast
import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

from anirec.config import NOTEBOOK_DIR, ROOT, Dataset, InputError, Paths, RunParameters
from anirec.files import locked, read_json

PACKAGE_DIR = Path(__file__).resolve().parent
LOCK_FILE = ROOT / "requirements.lock"


class StageFailed(Exception):
    """A stage stopped with an error; the message names the notebook, the cell and the cause."""


@dataclass(frozen=True)
class Stage:
    """One notebook: what it reads and writes, as ``<folder of Paths>/<file>``.

    Attributes
    ----------
    name : the notebook's file name without ``.ipynb``; its first two characters are its number.
    needs_ratings : whether it has anything to say without ratings.
    reads, writes : data files besides the notebook itself, its executed copy and its page.
    """

    name: str
    needs_ratings: bool
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def notebook(self) -> Path:
        return NOTEBOOK_DIR / f"{self.name}.ipynb"

    def executed(self, paths: Paths) -> Path:
        return paths.outputs / f"{self.name}.ipynb"

    def page(self, paths: Paths) -> Path:
        return paths.report / f"{self.name}.html"


TABLES = (
    "processed/anime.parquet",
    "processed/users.parquet",
    "processed/ratings.parquet",
    "processed/ingest.json",
)
CATALOGUE = ("processed/anime.parquet", "processed/ingest.json")
PREPARED = ("processed/interactions.npz", "processed/split.parquet")
FITTED = tuple(
    f"models/{name}/model.json"
    for name in (
        "popularity", "content", "item-knn", "pure-svd", "ease", "hybrid-ease",
        "two-stage", "rating-net",
    )
)  # fmt: skip
STAGES = (
    Stage("01_exploration", needs_ratings=False, reads=TABLES),
    Stage("02_preprocessing", needs_ratings=False, reads=TABLES, writes=PREPARED),
    Stage(
        "03_model_training",
        needs_ratings=True,
        reads=(*PREPARED, *CATALOGUE),
        writes=(
            *FITTED,
            "tables/03_model_comparison.csv",
            "tables/03_metrics.json",
        ),
    ),
    Stage(
        "04_clustering",
        needs_ratings=True,
        reads=(*PREPARED, *CATALOGUE),
        writes=("tables/04_titles.csv",),
    ),
    Stage("05_insights", needs_ratings=True, reads=TABLES),
    Stage(
        "06_recommender",
        needs_ratings=True,
        reads=(
            *CATALOGUE,
            *FITTED,
            "tables/04_titles.csv",
        ),
    ),
)


def located(paths: Paths, names: Sequence[str]) -> list[Path]:
    """Return ``<folder>/<file>`` names as paths, the folder being an attribute of `Paths`."""
    return [getattr(paths, folder) / rest for folder, _, rest in (n.partition("/") for n in names)]


# --- parameters -----------------------------------------------------------------------------


def parse_parameters(dataset: str, raw_dir: str | None, pairs: Sequence[str]) -> RunParameters:
    """Return the run's parameters from ``name=value`` pairs.

    Raises
    ------
    InputError
        If the dataset, a name or a value is not one that exists; the message lists those that do.
    """
    if dataset not in set(Dataset):
        raise InputError(f"unknown dataset {dataset!r}: choose one of {', '.join(Dataset)}")
    known = {f.name: f for f in fields(RunParameters) if f.name not in ("dataset", "raw_dir")}
    values: dict[str, object] = {"dataset": dataset, "raw_dir": raw_dir}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"parameter {pair!r} is not of the form name=value")
        if name not in known:
            raise InputError(f"unknown parameter {name!r}: choose one of {', '.join(known)}")
        values[name] = _parsed(name, text, type(known[name].default))
    return replace(RunParameters(), **values)


def _parsed(name: str, text: str, kind: type) -> object:
    if kind is type(None):
        return text
    try:
        value = kind(text)
    except ValueError:
        noun = {int: "a whole number", float: "a number"}[kind]
        raise InputError(f"parameter {name}={text!r} must be {noun}") from None
    if not (0 < value < math.inf or (value == 0 and name == "seed")):
        raise InputError(f"parameter {name}={text!r} must be greater than zero")
    if name == "given_fraction" and value >= 1:
        raise InputError(f"parameter {name}={text!r} must lie between 0 and 1")
    return value


def notebook_parameters(notebook: Path) -> dict[str, object]:
    """Return the names and values assigned in the notebook's cell tagged ``parameters``.

    Raises
    ------
    InputError
        If no cell has the tag, or it holds more than assignments of literals.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            try:
                body = ast.parse("".join(cell["source"])).body
                return {node.targets[0].id: ast.literal_eval(node.value) for node in body}
            except (SyntaxError, AttributeError, ValueError):
                raise InputError(
                    f"the parameters cell of {notebook.name} must hold 'name = value' lines only"
                ) from None
    raise InputError(f"{notebook.name} has no cell tagged 'parameters': tag its settings cell")


def stage_parameters(stage: Stage, parameters: RunParameters, paths: Paths) -> dict[str, object]:
    """Return what papermill injects: the run's parameters that the notebook declares."""
    values = asdict(parameters) | {
        "raw_dir": str(paths.raw),
        "processed_dir": str(paths.processed),
        "output_dir": str(paths.outputs),
    }
    return {name: values[name] for name in sorted(notebook_parameters(stage.notebook))}


# --- what a notebook depends on -------------------------------------------------------------


def imported_modules(notebook: Path) -> list[Path]:
    """Return the files of ``anirec`` that a notebook imports, directly or through each other."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = "\n".join(
        line
        for cell in cells
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
        if not line.lstrip().startswith(("%", "!"))
    )
    found: set[Path] = set()
    pending = _imports(source)
    while pending:
        file = pending.pop()
        if file not in found:
            found.add(file)
            pending |= _imports(file.read_text(encoding="utf-8")) - found
    return sorted(found)


@cache
def _imports(source: str) -> set[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files: set[Path] = set()
    for name in names:
        if name.partition(".")[0] == PACKAGE_DIR.name:
            files |= _module_files(name)
    return files


def _module_files(name: str) -> set[Path]:
    """Return a module's file; for a package all of its modules, since it may load them by name."""
    location = PACKAGE_DIR.parent.joinpath(*name.split("."))
    if location == PACKAGE_DIR:
        return {PACKAGE_DIR / "__init__.py"}
    if location.is_dir():
        return set(location.glob("*.py"))
    file = location.with_suffix(".py")
    return {file} if file.is_file() else set()


# --- running --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Selection:
    """Which stages to run: all, those from a number on, or only one."""

    first: str | None = None
    only: str | None = None

    def stages(self) -> tuple[Stage, ...]:
        """Return the notebooks selected. Raises InputError for a number that does not exist."""
        numbers = [stage.number for stage in STAGES]
        for number in (self.first, self.only):
            if number is not None and number.zfill(2) not in ("00", *numbers):
                known = ", ".join(("00", *numbers))
                raise InputError(f"unknown stage {number!r}: choose one of {known}")
        if self.only is not None:
            return tuple(s for s in STAGES if s.number == self.only.zfill(2))
        return tuple(s for s in STAGES if s.number >= (self.first or "00").zfill(2))

    @property
    def ingests(self) -> bool:
        return (self.only or self.first or "00").zfill(2) == "00"


def run(
    parameters: RunParameters,
    selection: Selection = Selection(),
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
    from anirec.report import write_index, write_record

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
            file = located(paths, [name])[0]
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


# --- tasks ----------------------------------------------------------------------------------


def _ingest_tasks(paths: Paths, echo: Callable[[str], None]) -> list[dict]:
    from anirec.datasets import located_files, raw_files

    def make_tables() -> None:
        from anirec.datasets.ingest import ingest

        echo(ingest(paths).summary())

    tasks = []
    source_files = _module_files("anirec.datasets") | {PACKAGE_DIR / "config.py"}
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
                "file_dep": [*_module_files("anirec.datasets.sample"), *sample.CATALOGUE_FILES],
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
            "targets": located(paths, TABLES),
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
            *located(paths, stage.reads),
        ],
        "targets": [stage.executed(paths), stage.page(paths), *located(paths, stage.writes)],
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

    from anirec.report import export_page

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


# --- doit -----------------------------------------------------------------------------------


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
