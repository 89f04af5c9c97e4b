"""Draws what README and ``docs/architecture.md`` show, from the code itself.

    python docs/drawings.py

renews both: how data flows, from what the notebooks' stages read and write; the packages, from
their imports. A test compares what is there with what would be drawn.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import grimp

from anirec.config import ROOT
from anirec.files import write_text
from anirec.pipeline.stages import INDEXED, STAGES, TABLES

README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
FIRST = "00 ingest"


def flow() -> str:
    """Return how data flows as a Mermaid graph: each file stands between who writes and reads it.

    Files of one writer and one folder stand together; those that nobody reads are left out.
    """
    writers = {FIRST: (*TABLES, *INDEXED)} | {stage.name: stage.writes for stage in STAGES}
    readers = {stage.name: {*stage.reads, *stage.if_there} for stage in STAGES}
    lines = ["flowchart LR", '    raw[("raw files")] --> s00["00 ingest"]']
    for name, files in writers.items():
        for folder in dict.fromkeys(file.partition("/")[0] for file in files):
            together = [file for file in files if file.startswith(f"{folder}/")]
            read_by = [reader for reader, reads in readers.items() if reads & set(together)]
            if read_by:
                node = f"{folder}{name[:2]}"
                lines.append(f'    s{name[:2]} --> {node}[("{_label(folder, together)}")]')
                lines += [f'    {node} --> s{r[:2]}["{r.replace("_", " ")}"]' for r in read_by]
    lines += [f"    s{stage.name[:2]} --> report[/report/]" for stage in STAGES]
    lines += [
        "    models03 --> page[/page, command line, try.html/]",
        '    events[("events")] -- anirec update --> models03',
    ]
    return _fenced(lines)


def _label(folder: str, files: list[str]) -> str:
    if folder == "models":
        return f"{len(files)} models"
    return "<br>".join(file.partition("/")[2] for file in files)


def architecture() -> str:
    """Return the packages as a Mermaid graph and a table, in the order in which data flows.

    An arrow leads from a package to one that imports it; those that follow from others are left
    out.
    """
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = contracts["tool"]["importlinter"]["contracts"][0]["layers"][::-1]
    imports = _imports(layers)
    lines = ["flowchart LR", *(f"    {name}" for name in layers)]
    for name in layers:
        further = set().union(*(_reached(other, imports) for other in imports[name]))
        lines += [f"    {other} --> {name}" for other in layers if other in imports[name] - further]
    rows = [f"| `{name}` | {_first_sentence(name)} |" for name in layers]
    return "\n".join([_fenced(lines), "", "| package | |", "| --- | --- |", *rows])


def _imports(names: list[str]) -> dict[str, set[str]]:
    """Return for each package or module those among ``names`` that it imports."""
    graph = grimp.build_graph("anirec", cache_dir=None)
    found: dict[str, set[str]] = {name: set() for name in names}
    for module in graph.modules - {"anirec"}:
        importer = module.split(".")[1]
        for imported in graph.find_modules_directly_imported_by(module) - {"anirec"}:
            found[importer].add(imported.split(".")[1])
    return {name: others - {name} for name, others in found.items()}


def _reached(name: str, imports: dict[str, set[str]]) -> set[str]:
    """Return all that a package imports, directly or through others."""
    return imports[name].union(*(_reached(other, imports) for other in imports[name]))


def _first_sentence(name: str) -> str:
    place = ROOT / "lib" / "anirec" / name
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split())


def _fenced(lines: list[str]) -> str:
    return "\n".join(["```mermaid", *lines, "```"])


def drawn(file: Path) -> str:
    """Return the text of a file with its drawings as they would be now."""
    text = file.read_text(encoding="utf-8")
    for name, draw in (("flow", flow), ("architecture", architecture)):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if begin in text:
            before, _, rest = text.partition(begin)
            text = f"{before}{begin}\n\n{draw()}\n\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    """Renew the drawings in README and in ``docs/``."""
    for file in (README, ARCHITECTURE):
        write_text(file, drawn(file))


if __name__ == "__main__":
    main()
