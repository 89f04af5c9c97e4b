"""CONTRIBUTING's table of where to change what holds what is there."""

from __future__ import annotations

import ast
import re

import pytest

from anirec.config import ROOT

ROW = re.compile(r"^\| (?P<what>[^|]+) \| `(?P<file>[^`|]+)`[^|]* \| `(?P<name>[^`|]+)` \|$", re.M)
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = [(row["what"], row["file"], row["name"]) for row in ROW.finditer(TEXT)]


def test_every_row_of_the_table_is_read() -> None:
    table = [line for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(table) - 2 >= 15


@pytest.mark.parametrize(("what", "file", "name"), ROWS, ids=[row[0] for row in ROWS])
def test_the_file_is_there_and_defines_the_thing(what: str, file: str, name: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    if file.endswith(".py"):
        defined = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                defined |= {node.name}
            elif isinstance(node, ast.arg):
                defined |= {node.arg}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined |= {node.id}
        assert name in defined
    else:
        assert name in text


def test_each_file_is_named_once_for_each_thing() -> None:
    assert len({(file, name) for _, file, name in ROWS}) == len(ROWS)
