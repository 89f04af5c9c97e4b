"""A run: the stages that are stale are executed, their pages exported, the report written.

Stage 00 makes the canonical tables (for the sample it first simulates the community) and what is
told from them once; stages 01 to 06 are the notebooks. A notebook is stale when one of the files it
reads, a module of ``anirec`` it imports, the lock file or its parameters have changed, or one of
the files it writes is missing; its page when the executed notebook or the exporter has changed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from anirec.app import try_it
from anirec.config import ROOT, InputError, Paths, RunParameters, shown_path
from anirec.files import locked, read_json
from anirec.pipeline.execution import execute
from anirec.pipeline.ingestion import ingestion_steps
from anirec.pipeline.report import TEMPLATE_DIR, export_page, write_index, write_record
from anirec.pipeline.stages import (
    STAGES,
    Selection,
    Stage,
    followed_imports,
    imported_modules,
    stage_files,
    stage_parameters,
)
from anirec.pipeline.steps import Step, bring_up_to_date, stale_steps

LOCK_FILE = ROOT / "requirements.lock"
EVERYTHING = Selection()
TRIED = "06_recommender"
"""The notebook whose page leads to the page to try."""

STATE = ".doit.sqlite"
"""Where doit remembers what each step was made from."""


def run(
    parameters: RunParameters,
    selection: Selection = EVERYTHING,
    force: bool = False,
    echo: Callable[[str], None] = print,
    stages: Sequence[Stage] = STAGES,
) -> None:
    """Bring the selected stages of a dataset's run up to date and write the report and run.json.

    Parameters
    ----------
    echo : takes the lines that say how far it is.
    stages : the notebooks that there are to select from.

    Raises
    ------
    InputError
        If an input is missing or wrong, a name is unknown, or another run of the dataset is going
        on. Stages that do not need the missing input have been run by then.
    StageFailed
        If a notebook failed; stages before it are kept, and the next run resumes there.
    """
    selected = selection.chosen(stages)
    paths = _paths_of(parameters)
    busy = (
        f"another run of {paths.dataset} is going on: wait for it to end, "
        "or choose another output_dir"
    )
    state = paths.outputs / STATE
    names = [stage.name for stage in stages]
    with locked(paths.outputs / ".run.lock", busy), _terminated_like_interrupted():
        executed: list[str] = []
        try:
            if selection.ingests:
                bring_up_to_date(ingestion_steps(paths, echo), state, force, executed, echo)
            able, complaint = _split_by_need(selected, paths)
            _check_inputs(able, paths)
            steps = _notebook_steps(able, names, parameters, paths)
            bring_up_to_date(steps, state, force, executed, echo)
        finally:
            if executed:
                _write_report(parameters, paths, stages)
        if complaint:
            raise InputError(complaint)
        if not executed:
            echo(f"Nothing to do: {parameters.dataset} is up to date (--force reruns it).")
        echo(f"Report: {shown_path(paths.report / 'index.html')}")


def stale(parameters: RunParameters, stages: Sequence[Stage] = STAGES) -> list[str]:
    """Return the titles of what `run` would execute as things are now; nothing is written.

    Pages are named only where no notebook is stale.

    Raises
    ------
    InputError
        If what the last run remembers is damaged.
    """
    paths = _paths_of(parameters)
    able, _ = _split_by_need(stages, paths)
    names = [stage.name for stage in stages]
    steps = [*ingestion_steps(paths), *_notebook_steps(able, names, parameters, paths)]
    found = stale_steps(steps, paths.outputs / STATE)
    return [step.title for step in found if not step.silent] or [step.title for step in found]


def _paths_of(parameters: RunParameters) -> Paths:
    return Paths.of(
        parameters.dataset, parameters.raw_dir, parameters.processed_dir, parameters.output_dir
    )


def _notebook_steps(
    stages: Sequence[Stage], names: Sequence[str], parameters: RunParameters, paths: Paths
) -> list[Step]:
    made = {name for stage in stages for name in stage.writes}
    steps = [
        step
        for stage in stages
        for step in (_execution(stage, parameters, paths, made), _page(stage, names, paths))
    ]
    if any(stage.name == TRIED for stage in stages):
        steps.append(_try_page(paths))
    return steps


def _write_report(parameters: RunParameters, paths: Paths, stages: Sequence[Stage]) -> None:
    done = [stage for stage in stages if stage.page(paths).is_file()]
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
    missing = ", ".join(shown_path(paths.raw / name) for name in report["missing"]) or "the ratings"
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
                    f"{shown_path(file)} is missing, and notebook {stage.number} reads it: "
                    f"run 'anirec run --dataset {paths.dataset}' without --from and --only"
                )
        made |= set(stage.writes)


def _execution(stage: Stage, parameters: RunParameters, paths: Paths, made: set[str]) -> Step:
    """Return a notebook's execution; ``made`` are the files that notebooks of this run write."""
    values = stage_parameters(stage, parameters, paths)
    also = [n for n in stage.if_there if n in made or stage_files(paths, [n])[0].is_file()]
    return Step(
        stage.name,
        stage.name,
        lambda: execute(stage, values, paths),
        reads=[
            stage.notebook,
            LOCK_FILE,
            *imported_modules(stage.notebook),
            *stage_files(paths, [*stage.reads, *also]),
        ],
        targets=[stage.executed(paths), *stage_files(paths, stage.writes)],
        parameters=values,
    )


def _page(stage: Stage, names: Sequence[str], paths: Paths) -> Step:
    executed, page = stage.executed(paths), stage.page(paths)
    return Step(
        page.name,
        f"{stage.name}, its page",
        lambda: export_page(executed, page, names),
        reads=[
            executed,
            LOCK_FILE,
            *(file for file in TEMPLATE_DIR.rglob("*") if file.is_file()),
            *followed_imports("from anirec.pipeline import report"),
        ],
        targets=[page],
        parameters={"links": list(names)},
        silent=True,
    )


def _try_page(paths: Paths) -> Step:
    return Step(
        try_it.FILE_NAME,
        "the page to try",
        lambda: try_it.write_page(paths),
        reads=[
            LOCK_FILE,
            *stage_files(
                paths,
                (
                    "processed/anime.parquet",
                    "models/hybrid-ease/model.json",
                    "models/hybrid-ease/precision_.npy",
                ),
            ),
            *(file for file in try_it.TEMPLATE_DIR.iterdir() if file.is_file()),
            *followed_imports("from anirec.app import try_it"),
        ],
        targets=[paths.report / try_it.FILE_NAME],
        silent=True,
    )
