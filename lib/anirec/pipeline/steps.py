"""Steps of a run, of which doit executes those that are stale."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from anirec.config import InputError

DONE = "done"


class StageFailed(Exception):
    """A stage stopped with an error; the message names the notebook, the cell and the cause."""


@dataclass(frozen=True)
class Step:
    """Something that makes files of files.

    It is stale when a file that it reads has changed, its parameters have, or one of its targets
    or of the other files that it wrote last time is missing.

    Attributes
    ----------
    name, title : for doit, and for people.
    action : does it; returns the files it wrote that could not be told before.
    reads, targets : files it is made of, and files it makes.
    parameters : what else its result depends on.
    silent : whether people need not hear of it when there is nothing to do.
    """

    name: str
    title: str
    action: Callable[[], Sequence[Path] | None]
    reads: Sequence[Path]
    targets: Sequence[Path]
    parameters: Mapping[str, object] = field(default_factory=dict)
    silent: bool = False


class _Reporter:
    """Prints one line per step and keeps the exception that stopped the run."""

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
        self.echo(f"{task.doc}: {DONE} in {time.perf_counter() - self.started:.1f} s")

    def add_failure(self, task, fail) -> None:
        if not self.errors:  # doit's own complaint, such as an input that vanished
            self.errors.append(StageFailed(f"{task.doc}: {fail.get_msg().strip()}"))

    def skip_uptodate(self, task) -> None:
        if not task.meta["silent"]:
            self.echo(f"{task.doc}: up to date")

    def skip_ignore(self, task) -> None:
        self.echo(f"{task.doc}: ignored")

    def cleanup_error(self, exception) -> None:
        self.errors.append(StageFailed(exception.get_msg()))

    def runtime_error(self, msg: str) -> None:
        self.errors.append(StageFailed(msg))

    def teardown_task(self, task) -> None:
        """No step has a teardown."""

    def complete_run(self) -> None:
        """Errors are raised by the caller."""


class _Written:
    """The files that a step wrote without their being told before: doit keeps their names."""

    def __init__(self, step: Step, errors: list[Exception]) -> None:
        self.step, self.errors = step, errors
        self.before: list[str] = []

    def are_there(self, task: object, values: Mapping[str, list[str]]) -> bool:
        """Return whether all that was written last time is there still; doit calls it."""
        self.before = values.get("written", [])
        return all(Path(file).is_file() for file in self.before)

    def make(self) -> dict[str, list[str]] | bool:
        """Do the step; delete what it wrote last time and does not write any longer."""
        try:
            written = [str(file) for file in self.step.action() or ()]
        except Exception as error:  # raised again by the caller, past doit's own reporting
            self.errors.append(error)
            return False
        for file in set(self.before) - set(written):
            Path(file).unlink(missing_ok=True)
        return {"written": written}


def bring_up_to_date(
    steps: Sequence[Step],
    state: Path,
    force: bool,
    executed: list[str],
    echo: Callable[[str], None],
) -> None:
    """Execute those steps that are stale, in order, and add their names to ``executed``.

    Parameters
    ----------
    state : the file in which doit remembers what each step was made from.
    force : whether all are taken as stale.

    Raises
    ------
    InputError
        If ``state`` is damaged.
    Exception
        What stopped a step; steps before it are remembered.
    """
    from doit.api import run_tasks
    from doit.cmd_base import TaskLoader2
    from doit.dependency import DatabaseException

    errors: list[Exception] = []

    class Loader(TaskLoader2):
        def load_doit_config(self) -> dict:
            return {
                "reporter": _Reporter(echo, executed, errors),
                "backend": "sqlite3",
                "dep_file": str(state),
                "verbosity": 2,
                "always": force,
            }

        def load_tasks(self, cmd: object, pos_args: object) -> list:
            return [_task_of(step, errors) for step in steps]

    if steps:
        try:
            run_tasks(Loader(), {step.name: {} for step in steps})
        except DatabaseException:
            raise _damaged(state) from None
    if errors:
        raise errors[0]


def stale_steps(steps: Sequence[Step], state: Path) -> list[Step]:
    """Return those steps that `bring_up_to_date` would execute as things are now, in order.

    Steps that are stale only once an earlier one has been executed are not among them. Nothing is
    written: a copy of ``state`` is looked at.

    Raises
    ------
    InputError
        If ``state`` is damaged.
    """
    from doit.dependency import DatabaseException, Dependency, SqliteDB

    if not state.is_file():
        return list(steps)
    with TemporaryDirectory() as folder:
        copy = shutil.copyfile(state, Path(folder, state.name))
        try:
            known = Dependency(SqliteDB, str(copy))
            try:
                tasks = {step.name: _task_of(step, []) for step in steps}
                statuses = [known.get_status(task, tasks).status for task in tasks.values()]
            finally:
                known.close()
        except (DatabaseException, sqlite3.DatabaseError):
            raise _damaged(state) from None
    return [step for step, said in zip(steps, statuses, strict=True) if said != "up-to-date"]


def _task_of(step: Step, errors: list[Exception]):
    """Return a step as a task of doit, which adds what stops it to ``errors``."""
    from doit.task import Task
    from doit.tools import config_changed

    written = _Written(step, errors)
    return Task(
        step.name,
        [written.make],
        file_dep=[str(file) for file in step.reads],
        targets=[str(file) for file in step.targets],
        uptodate=[config_changed(json.dumps(dict(step.parameters))), written.are_there],
        doc=step.title,
        meta={"silent": step.silent},
    )


def _damaged(state: Path) -> InputError:
    return InputError(f"{state} is damaged: delete it (every stage will run again)")
