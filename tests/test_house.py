"""How the package is built: the order of its parts, their size, their names."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from functools import cache
from importlib import import_module
from pathlib import Path

import vulture
from importlinter.cli import lint_imports

from anirec.config import ROOT

CONTRACTS = ROOT / "pyproject.toml"
PACKAGE = ROOT / "lib" / "anirec"
MOST_LINES = 600


@cache
def modules() -> dict[Path, ast.Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def test_packages_import_only_what_comes_before_them() -> None:
    """Every part is named in the contract, no import is excused, none go in a circle."""
    assert lint_imports(str(CONTRACTS), no_cache=True, no_logo=True) == 0
    assert "ignore_imports" not in CONTRACTS.read_text(encoding="utf-8")


def test_modules_are_short_enough_to_read() -> None:
    lengths = {file: file.read_text(encoding="utf-8").count("\n") for file in modules()}
    assert {file.name: n for file, n in lengths.items() if n > MOST_LINES} == {}


def test_packages_say_what_they_are_for() -> None:
    for folder in PACKAGE.iterdir():
        file = folder / "__init__.py"
        if file.is_file():
            said = ast.get_docstring(modules()[file]) or ""
            assert len(said.splitlines()) >= 3, f"{file}: {said}"


def constants(module: ast.Module) -> set[str]:
    targets = [
        target
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }


SHARED = {"SOURCE", "main", "from_json", "from_xml", "from_table"}


def test_no_two_public_things_share_a_name() -> None:
    """Classes, functions, and constants that another module imports.

    Modules of one kind have one interface: each dataset has a `SOURCE`, each format of lists reads
    ``from_json``, ``from_xml`` or ``from_table``.
    """
    imported: dict[str, set[str]] = defaultdict(set)
    for module in modules().values():
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported[node.module] |= {alias.name for alias in node.names}
    owners: dict[str, list[str]] = defaultdict(list)
    for file, module in modules().items():
        dotted = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        defined = {
            node.name
            for node in module.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        for name in defined | (constants(module) & imported[dotted]):
            if not name.startswith("_") and name not in SHARED:
                owners[name].append(dotted)
    assert {name: where for name, where in owners.items() if len(where) > 1} == {}


def test_benchmarks_import_what_there_is() -> None:
    """No test runs them, so that a thing moved would be missed there only when somebody does."""
    missing = []
    for file in sorted((PACKAGE.parents[1] / "benchmarks").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("anirec"):
                module = import_module(node.module)
                for alias in node.names:
                    inside = Path(module.__file__).with_name(alias.name)
                    there = inside.is_dir() or inside.with_suffix(".py").is_file()
                    if not there and not hasattr(module, alias.name):
                        missing.append(f"{file.name}: {node.module}.{alias.name}")
    assert missing == []


CALLED_BY_OTHERS = {
    # doit's reporter and loader (pipeline/steps.py)
    "add_failure", "add_success", "cleanup_error", "complete_run", "execute_task",
    "load_doit_config", "load_tasks", "runtime_error", "skip_ignore", "skip_uptodate",
    "teardown_task",
    # Keras' layers and callbacks, XGBoost's callbacks
    "after_iteration", "call", "on_epoch_begin", "on_train_batch_end",
    # Tornado's handlers, Jupyter's servers, kernels and their provisioners, logging
    "ForkedProvisioner", "_handle_signal_stop", "check_xsrf_cookie", "create_stream",
    "formatException", "handle_incoming_message", "kernel_info", "launch_kernel", "log_exception",
    "on_close", "on_message", "post_handler_hook", "pre_handler_hook", "set_default_headers",
    "terminate", "write_error",
    # what the page's notebook calls (app/page.py writes it)
    "show_box",
}  # fmt: skip
"""Names that libraries call, not this package."""


def notebook_code() -> str:
    lines = []
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        lines += [line for text in code for line in text.splitlines() if line[:1] not in "%!"]
    return "\n".join(lines)


def test_nothing_is_left_that_nobody_uses() -> None:
    """Functions, classes and imports. Used is what the package, a notebook, a
    benchmark, a page of docs or a test uses; commands and acts by being registered."""
    looked = vulture.Vulture(ignore_decorators=["@app.*", "@_act"])
    folders = ("lib", "tests", "benchmarks", "docs")
    for file in (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))):
        looked.scan(file.read_text(encoding="utf-8"), str(file))
    looked.scan(notebook_code(), "notebooks")
    kinds = {"function", "method", "class", "import", "property"}
    unused = {
        f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno} {item.name}"
        for item in looked.get_unused_code(min_confidence=60)
        if item.typ in kinds
        and Path(item.filename).is_relative_to(PACKAGE)
        and item.name not in CALLED_BY_OTHERS
    }
    assert unused == set()
