"""The notebooks as stages: what each reads, writes and depends on, and its parameters."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

from anirec.config import NOTEBOOK_DIR, InputError, Paths, RunParameters
from anirec.datasets.registry import checked, own_folder

PACKAGE_DIR = Path(__file__).resolve().parents[1]
LOADS_BY_NAME = "anirec.datasets"


@dataclass(frozen=True)
class Stage:
    """One notebook: what it reads and writes, as ``<folder of Paths>/<file>``.

    Attributes
    ----------
    name : the notebook's file name without ``.ipynb``; its first two characters are its number.
    needs_ratings : whether it has anything to say without ratings.
    reads : data files it needs. if_there : those that it reads where they are.
    writes : data files that other stages read; its figures and tables are seen when it writes them.
    folder : where the notebook lies.
    """

    name: str
    needs_ratings: bool
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    if_there: tuple[str, ...] = ()
    folder: Path = NOTEBOOK_DIR

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.name}.ipynb"

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
INDEXED = ("processed/franchises.npz", "processed/titles.npz")
CATALOGUE = ("processed/anime.parquet", "processed/ingest.json", INDEXED[0])
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
    Stage("02_preprocessing", needs_ratings=False, reads=(*TABLES, INDEXED[0]), writes=PREPARED),
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
        reads=(*PREPARED, *CATALOGUE, "processed/users.parquet"),
        writes=("tables/04_titles.csv", "tables/segments.parquet", "tables/segment_profiles.json"),
        if_there=("models/rating-net/model.json",),
    ),
    Stage("05_insights", needs_ratings=True, reads=TABLES, if_there=("tables/segments.parquet",)),
    Stage(
        "06_recommender",
        needs_ratings=True,
        reads=(
            *CATALOGUE,
            INDEXED[1],
            PREPARED[0],
            *FITTED,
            "tables/04_titles.csv",
        ),
    ),
)


APART = ("dataset", "raw_dir", "settings")
"""The run's parameters that are not set by their name alone."""


def stage_files(paths: Paths, names: Sequence[str]) -> list[Path]:
    """Return ``<folder>/<file>`` names as paths, the folder being an attribute of `Paths`."""
    return [getattr(paths, folder) / rest for folder, _, rest in (n.partition("/") for n in names)]


def parse_parameters(dataset: str, raw_dir: str | None, pairs: Sequence[str]) -> RunParameters:
    """Return the run's parameters from ``name=value`` pairs.

    A name with dots is that of a model's setting, ``model.setting`` or ``model.part.setting``; its
    value is JSON, or else text.

    Raises
    ------
    InputError
        If the dataset, a name or a value is not one that exists; the message lists those that do.
    """
    raw_dir = raw_dir or own_folder(checked(dataset))
    known = {f.name: f for f in fields(RunParameters) if f.name not in APART}
    settings: dict[str, object] = {}
    values: dict[str, object] = {"dataset": dataset, "raw_dir": raw_dir}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"parameter {pair!r} is not of the form name=value")
        if "." in name:
            settings[name] = _json_or_text(text)
            continue
        if name not in known:
            raise InputError(f"unknown parameter {name!r}: choose one of {', '.join(known)}")
        values[name] = _parsed(name, text, type(known[name].default))
    if settings:
        from anirec.models import check_settings

        check_settings(settings)
    return replace(RunParameters(), **values, settings=settings)


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


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
    return followed_imports(source)


def followed_imports(source: str) -> list[Path]:
    """Return the files of ``anirec`` that a piece of Python imports, directly or through others."""
    found: set[Path] = set()
    pending = set(_imports(source))
    while pending:
        file = pending.pop()
        if file not in found:
            found.add(file)
            pending |= _imports(file.read_text(encoding="utf-8")) - found
    return sorted(found)


@cache
def _imports(source: str) -> frozenset[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files: set[Path] = set()
    for name in names:
        if name.partition(".")[0] == PACKAGE_DIR.name:
            files |= module_files(name)
    return frozenset(files)


def module_files(name: str) -> set[Path]:
    """Return the files of a module and of the packages it is in; empty if there is none.

    Of ``anirec.datasets`` and what is in it all modules, since it loads its sources by name.
    """
    location = PACKAGE_DIR.parent.joinpath(*name.split("."))
    if not location.is_dir():
        files = {location.with_suffix(".py")}
    elif name.startswith(LOADS_BY_NAME):
        files = set(location.rglob("*.py"))
    else:
        files = {location / "__init__.py"}
    if not all(file.is_file() for file in files):
        return set()
    outer = (folder for folder in location.parents if folder.is_relative_to(PACKAGE_DIR))
    return files | {folder / "__init__.py" for folder in outer}


@dataclass(frozen=True)
class Selection:
    """Which stages to run: all, those from a number on, or only one."""

    first: str | None = None
    only: str | None = None

    def chosen(self, stages: Sequence[Stage] = STAGES) -> tuple[Stage, ...]:
        """Return those selected of the notebooks. Raises InputError for an unknown number."""
        numbers = [stage.number for stage in stages]
        for number in (self.first, self.only):
            if number is not None and number.zfill(2) not in ("00", *numbers):
                known = ", ".join(("00", *numbers))
                raise InputError(f"unknown stage {number!r}: choose one of {known}")
        if self.only is not None:
            return tuple(s for s in stages if s.number == self.only.zfill(2))
        return tuple(s for s in stages if s.number >= (self.first or "00").zfill(2))

    @property
    def ingests(self) -> bool:
        return (self.only or self.first or "00").zfill(2) == "00"
