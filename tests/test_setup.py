"""The set-up: lock, conda environment and package say the same; make explains itself."""

from __future__ import annotations

import ast
import json
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from anirec.config import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>\S+)", re.MULTILINE)


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> dict[str, list[str]]:
    """Return the versions pinned per package: more than one where Python versions differ."""
    found: dict[str, list[str]] = {}
    for match in PINNED.finditer(LOCK):
        found.setdefault(canonicalize_name(match["name"]), []).append(match["version"])
    return found


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    declared = project()["dependencies"] + project()["optional-dependencies"]["dev"]
    for requirement in map(Requirement, declared):
        versions = pins().get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in requirements.lock: run 'make lock'"
        assert all(requirement.specifier.contains(v, prereleases=True) for v in versions)


def imported(folder: str) -> dict[str, Path]:
    """Return the packages that a folder's modules and notebooks import, and where."""
    found: dict[str, Path] = {}
    for file in (*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.ipynb")):
        source = file.read_text(encoding="utf-8")
        if file.suffix == ".ipynb":
            cells = json.loads(source)["cells"]
            code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
            source = "\n".join(code)
        for node in ast.walk(ast.parse(source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "find_spec":
                names = [ast.literal_eval(node.args[0])]  # of which only files are read
            found |= {name.partition(".")[0]: file for name in names}
    return found


@pytest.mark.parametrize("folder", ["lib", "notebooks", "tests"])
def test_every_package_imported_is_declared(folder: str) -> None:
    declared = project()["dependencies"]
    if folder == "tests":
        declared = declared + project()["optional-dependencies"]["dev"]
    names = {canonicalize_name(Requirement(line).name) for line in declared} | {"anirec"}
    of_import = packages_distributions()
    for package, file in imported(folder).items():
        distributions = {canonicalize_name(name) for name in of_import.get(package, [])}
        if package not in sys.stdlib_module_names and distributions:
            assert distributions & names, f"{file}: {package} is not in pyproject.toml"


RUN_NOT_IMPORTED = {"ipykernel", "jupyterlab"}
"""What the notebooks' kernel and ``make lab`` start."""


def test_every_dependency_is_imported_or_run() -> None:
    of_import = packages_distributions()
    used = {
        canonicalize_name(name)
        for folder in ("lib", "notebooks")
        for package in imported(folder)
        for name in of_import.get(package, [])
    }
    declared = {canonicalize_name(Requirement(line).name) for line in project()["dependencies"]}
    other_platform = {"xgboost"} if "xgboost-cpu" in used else {"xgboost-cpu"}
    assert declared - used - RUN_NOT_IMPORTED - other_platform == set()


def test_lock_has_hashes_and_names_no_index() -> None:
    entries = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    hashed = re.findall(r"^[\w.-]+.*==.*\\\n    --hash=sha256:[0-9a-f]{64}", LOCK, re.MULTILINE)
    assert len(entries) == len(hashed) > 100
    assert "--index-url" not in LOCK and "://" not in LOCK


def test_conda_environment_installs_the_same_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, from_pip = environment["dependencies"]
    assert (pip, from_pip) == ("pip", {"pip": ["-r requirements.lock"]})
    version = python.removeprefix("python=")
    supported = Requirement(f"python{project()['requires-python']}").specifier
    assert supported.contains(f"{version}.0")


def test_ci_tests_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    versions = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    supported = Requirement(f"python{project()['requires-python']}").specifier
    assert versions == [f"3.{minor}" for minor in range(30) if supported.contains(f"3.{minor}")]


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_actions_are_pinned_and_may_only_what_they_need(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    used = re.findall(r"uses: *(\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_citation_and_binder_say_what_the_package_says() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project()["version"]
    assert citation["license"] == project()["license"]
    binder, conda = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["dependencies"]
        for name in ("binder/environment.yml", "environment.yml")
    )
    assert binder[:2] == conda[:2]
    assert binder[2] == {"pip": ["-r ../requirements.lock"]}
    assert (ROOT / "binder" / "postBuild").stat().st_mode & stat.S_IXUSR


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what make needs, and no ``.venv``."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True)


def false_python(folder: Path, script: str) -> Path:
    """Write a program that answers in Python's place."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_make_alone_prints_help(checkout: Path) -> None:
    said = make(checkout)
    assert said.returncode == 0
    for target in ("run", "test", "lab", "app", "fetch", "lint", "lock", "clean"):
        assert f"  make {target}" in said.stdout
    assert not (checkout / ".venv").exists()


OLD = 'case "$*" in -V) echo "Python 3.8.1";; *version_info*) exit 1;; esac'
BARE = 'case "$*" in *ensurepip*) exit 1;; esac'


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "anirec: '{python}' was not found: install Python 3.11, 3.12 or 3.13"),
        (OLD, "anirec: Python 3.8.1 cannot be used: anirec needs Python 3.11, 3.12 or 3.13"),
        (BARE, "anirec: '{python}' lacks the venv module: install it (Debian: apt install"),
    ],
    ids=["missing", "too old", "without venv"],
)
def test_unfit_python_gets_one_clear_line(checkout: Path, script: str | None, says: str) -> None:
    python = checkout / "nowhere" if script is None else false_python(checkout, script)
    said = make(checkout, "run", f"PYTHON={python}")
    assert said.returncode == 2
    first, *rest = said.stderr.splitlines()
    assert first.startswith(says.format(python=python))
    assert all(line.startswith("make") for line in rest)
    assert not (checkout / ".venv").exists()


def test_changelog_has_the_version_and_its_form() -> None:
    """That of Keep a Changelog: what is unreleased first, each release with its day and kinds."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert headings[1].startswith(f"[{project()['version']}] - ")
    for release in headings[1:]:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_a_clone_is_small() -> None:
    """No tracked file over 1 MiB, all of them together under 15 MB."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    sizes = {file: file.stat().st_size for file in files if file.is_file()}
    assert {file.name: size for file, size in sizes.items() if size > 2**20} == {}
    assert sum(sizes.values()) < 15e6
