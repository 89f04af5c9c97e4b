"""How the package is built: the order of its parts, as a tool checks it."""

from __future__ import annotations

from importlinter.cli import lint_imports

from anirec.config import ROOT

CONTRACTS = ROOT / "pyproject.toml"


def test_packages_import_only_what_comes_before_them() -> None:
    """Every package and top-level module is named in the contract, and no import is excused."""
    assert lint_imports(str(CONTRACTS), no_cache=True, no_logo=True) == 0
    assert "ignore_imports" not in CONTRACTS.read_text(encoding="utf-8")
