"""What ``anirec doctor`` finds: the machine, the installation, what is there and what is next."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from anirec.config import (
    IN_CHECKOUT,
    ROOT,
    Dataset,
    InputError,
    Paths,
    data_dir,
    output_root,
)
from anirec.files import read_json

PACKAGES = (
    "numpy", "scipy", "pandas", "pyarrow", "duckdb", "scikit-learn", "tensorflow", "keras",
    "xgboost" if sys.platform == "darwin" else "xgboost-cpu",
    "jupyterlab", "papermill", "voila", "ipywidgets",
)  # fmt: skip
"""Whose versions are told: those that compute, and those that people see."""

LEAST_DISK, LEAST_MEMORY = 2e9, 2e9
"""Free bytes below which it is said that they may not do."""

ASK_TENSORFLOW = (
    "import tensorflow as tf; print(*(d.name for d in tf.config.list_physical_devices('GPU')))"
)
PATIENCE_S = 120
"""Seconds that TensorFlow is given to say which GPUs it sees."""


@dataclass(frozen=True)
class DatasetState:
    """What there is of one dataset.

    Attributes
    ----------
    raw : whether its raw files are all there; of the sample, which is simulated, always.
    rows : rows of each canonical table; empty if it was not ingested.
    run_at : when it was last run, as ``run.json`` says; None if it was not.
    stale : stages that the next run would execute again.
    models : the fitted models.
    serves : which version of the models a page would serve; None if none.
    trouble : what keeps any of this from being told, such as a damaged file; None if nothing does.
    """

    dataset: str
    raw: bool
    rows: dict[str, int] = field(default_factory=dict)
    run_at: str | None = None
    stale: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    serves: str | None = None
    trouble: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All that the doctor found; bytes and counts are whole numbers.

    Attributes
    ----------
    system, python, anirec, packages : versions; a package that is missing has none.
    folders : where the checkout or package, the data and the outputs lie.
    writable : the folders, of data and outputs, that can be written to, or made.
    free_disk : bytes free per folder.
    cores, memory, free_memory : processors this process may use, bytes of memory, and those free.
    blas : linear algebra libraries, each with its threads.
    gpus : those that TensorFlow sees; None if it was not asked or cannot be loaded.
    datasets : what there is of each dataset of which there is anything.
    warnings : what may go wrong.
    next_steps : what to do next, as commands with a reason.
    """

    system: str
    python: str
    anirec: str
    packages: dict[str, str | None]
    folders: dict[str, str]
    writable: dict[str, bool]
    free_disk: dict[str, int]
    cores: int
    memory: int
    free_memory: int
    blas: list[str]
    gpus: list[str] | None
    datasets: list[DatasetState]
    warnings: list[str]
    next_steps: list[str]


def diagnose(ask_gpu: bool = True) -> Diagnosis:
    """Look at everything; nothing is written, nothing is run but TensorFlow's look for a GPU.

    Parameters
    ----------
    ask_gpu : whether TensorFlow is loaded, in a process of its own, which takes seconds.
    """
    import psutil

    packages = {name: _version(name) for name in PACKAGES}
    places = {"data": data_dir().resolve(), "outputs": output_root().resolve()}
    writable = {name: _can_write(folder) for name, folder in places.items()}
    free = {name: shutil.disk_usage(_existing(folder)).free for name, folder in places.items()}
    memory = psutil.virtual_memory()
    gpus, complaint = _gpus() if ask_gpu and packages["tensorflow"] else (None, None)
    datasets = [state for name in _known_datasets() if (state := state_of(name)) is not None]
    warnings = [complaint] if complaint else []
    warnings += [f"{name} is not installed: set up again" for name, v in packages.items() if not v]
    warnings += [
        f"{places[name]} cannot be written to: set ANIREC_{variable}_DIR to a folder that can"
        for name, variable in (("data", "DATA"), ("outputs", "OUTPUT"))
        if not writable[name]
    ]
    warnings += [
        f"only {_size(free[name])} are free in {places[name]}"
        for name in places
        if free[name] < LEAST_DISK
    ]
    if memory.available < LEAST_MEMORY:
        warnings.append(f"only {_size(memory.available)} of memory are free")
    warnings += [f"{state.dataset}: {state.trouble}" for state in datasets if state.trouble]
    return Diagnosis(
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        python=platform.python_version(),
        anirec=_version("anirec") or "not installed",
        packages=packages,
        folders={"checkout" if IN_CHECKOUT else "package": str(ROOT)}
        | {name: str(folder) for name, folder in places.items()},
        writable=writable,
        free_disk=free,
        cores=_cores(),
        memory=memory.total,
        free_memory=memory.available,
        blas=_blas(),
        gpus=gpus,
        datasets=datasets,
        warnings=warnings,
        next_steps=_next_steps(datasets),
    )


def state_of(dataset: str) -> DatasetState | None:
    """Return what there is of a dataset, None if there is nothing of it; nothing is written.

    What cannot be read is told in ``trouble``.
    """
    from anirec.events.versions import Versions

    try:
        paths = _paths(dataset)
        raw = dataset == Dataset.SAMPLE or _raw_is_there(paths)
        report = read_json(paths.processed / "ingest.json")
        record = read_json(paths.outputs / "run.json")
        models = sorted(file.parent.name for file in paths.models.glob("*/model.json"))
        if not (raw or report or record or models):
            return None
        return DatasetState(
            dataset,
            raw,
            {name: table["rows"] for name, table in report.get("tables", {}).items()},
            _written_at(paths.outputs / "run.json") if record else None,
            _stale(record) if record else [],
            models,
            str(Versions(paths).current()) if models else None,
        )
    except (InputError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) or type(error).__name__
        return DatasetState(dataset, raw=False, trouble=" ".join(reason.split()))


def diagnosis_text(found: Diagnosis, width: int = 80) -> str:
    """Return a diagnosis for people, in lines of at most ``width`` columns but for long paths."""
    import textwrap

    def filled(start: str, text: str) -> str:
        return textwrap.fill(
            text,
            width,
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )

    missing = "none" if found.gpus == [] else "not asked"
    versions = (f"{name} {version or 'missing'}" for name, version in found.packages.items())
    lines = [
        f"anirec {found.anirec}, Python {found.python}",
        "",
        filled("  system    ", found.system),
        filled("  cores     ", f"{found.cores}; " + ("; ".join(found.blas) or "no BLAS found")),
        filled("  memory    ", f"{_size(found.memory)}, {_size(found.free_memory)} of it free"),
        filled("  GPU       ", ", ".join(found.gpus or []) or f"{missing}; nothing needs one"),
        filled("  versions  ", ", ".join(versions)),
        "",
        *(_folder_line(found, name) for name in found.folders),
        "",
        *(line for state in found.datasets for line in _lines_of(state, filled)),
    ]
    if found.warnings:
        lines += ["", "Look at", *(filled("  - ", warning) for warning in found.warnings)]
    lines += ["", "Next", *(filled("  ", step) for step in found.next_steps)]
    return "\n".join(lines)


def _folder_line(found: Diagnosis, name: str) -> str:
    free = found.free_disk.get(name)
    return f"  {name:<9} {found.folders[name]}" + (
        "" if free is None else f"  ({_size(free)} free)"
    )


def _lines_of(state: DatasetState, filled) -> list[str]:
    """Return what there is of a dataset: what was ingested, when it was run, what is served."""
    start = f"  {state.dataset:<18}"
    if state.trouble:
        return [filled(start, "cannot be told, see below")]
    rows = ", ".join(f"{n:,} {name}" for name, n in state.rows.items())
    said = [rows or "not ingested"]
    if state.run_at:
        said.append(
            f"run {state.run_at}: "
            + (f"stale: {', '.join(state.stale)}" if state.stale else "fresh")
        )
    if state.models:
        said += [f"models: {', '.join(state.models)}", f"a page serves {state.serves}"]
    starts = [start, *[" " * len(start)] * len(said)]
    return [filled(before, line) for before, line in zip(starts, said, strict=False)]


def _next_steps(datasets: Sequence[DatasetState]) -> list[str]:
    """Return commands, each with what it does, most needed first."""
    steps = []
    for state in datasets:
        name = "" if state.dataset == Dataset.SAMPLE else f" {state.dataset}"
        if state.trouble:
            continue
        if not state.run_at and (state.raw or state.rows):
            steps.append(f"anirec run{name}: ingest and run the notebooks, write the report")
        elif state.stale:
            steps.append(f"anirec run{name}: bring up to date what is stale")
        elif state.models:
            steps.append(f"anirec app{name}: recommendations as a page on this machine")
    if not any(state.rows for state in datasets if state.dataset != Dataset.SAMPLE):
        steps.append("anirec fetch mal-2023: real people's lists, from Kaggle")
    return steps


def _known_datasets() -> list[str]:
    from anirec.datasets.spec import own_datasets

    return [*(dataset.value for dataset in Dataset), *own_datasets()]


def _paths(dataset: str) -> Paths:
    from anirec.datasets.registry import own_folder

    return Paths.of(dataset, raw_dir=own_folder(dataset))


def _raw_is_there(paths: Paths) -> bool:
    """Return whether all raw files that a dataset needs lie there, packed or not."""
    from anirec.datasets.reading import raw_path
    from anirec.datasets.registry import raw_files

    needed = [raw_file for raw_file in raw_files(paths.dataset) if raw_file.required]
    return all(raw_path(paths.raw, *raw_file.names) for raw_file in needed)


def _stale(record: dict) -> list[str]:
    """Return the titles of the steps that would be executed if it were run again as it was."""
    from anirec.config import RunParameters
    from anirec.pipeline.run import stale

    return stale(RunParameters(**record["parameters"]))


def _written_at(file: Path) -> str:
    moment = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _can_write(folder: Path) -> bool:
    place = _existing(folder)
    return place.is_dir() and os.access(place, os.W_OK)


def _cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas() -> list[str]:
    """Return the linear algebra and OpenMP libraries that NumPy and SciPy loaded."""
    import scipy.linalg  # noqa: F401  (it brings its own)
    from threadpoolctl import threadpool_info

    return sorted(
        {
            f"{about['internal_api']} {about['version'] or ''}".strip()
            + f" with {about['num_threads']} threads"
            for about in threadpool_info()
        }
    )


def _gpus() -> tuple[list[str] | None, str | None]:
    """Return the GPUs that TensorFlow sees, or None and why it cannot say."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ASK_TENSORFLOW],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"TensorFlow cannot be asked for GPUs: {type(error).__name__}"
    if asked.returncode:
        last = (asked.stderr.strip().splitlines() or [f"it ended with {asked.returncode}"])[-1]
        return None, f"TensorFlow cannot be loaded ({last}): set up again"
    return asked.stdout.split(), None


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
