"""How the notebooks read: cells that do one thing, prose that explains, ways on and back."""

from __future__ import annotations

import re
from itertools import chain, pairwise
from statistics import median

import nbformat
import pytest

from anirec.pipeline.stages import NOTEBOOK_DIR, STAGES, Stage

FEWEST_WORDS = 6_000
MEDIAN_LINES, MOST_LINES = 4, 15

EXPLAINED = {
    "TF–IDF": "03", "cosine": "03", "NDCG": "03", "bootstrap": "03", "shrinkage": "01",
    "closed form": "03", "embedding": "03", "folded in": "03", "LambdaMART": "03",
    "calibrated": "03", "principal components": "04", "KMeans": "04", "silhouette": "04",
    "Rand index": "04", "t-SNE": "04", "lift": "01", "Wilson": "05", "signed preference": "02",
    "cold start": "06",
}  # fmt: skip
"""Concepts, each with the notebook that explains it."""

PLUMBING = ("plt.", "subplots", "savefig", "to_csv", "show_table", "Figure(")


def cells(stage: Stage, kind: str) -> list[str]:
    """Return the sources of a notebook's cells of one kind, without its parameters."""
    notebook = nbformat.read(stage.notebook, as_version=4)
    return [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == kind and "parameters" not in cell.metadata.get("tags", ())
    ]


def words(stage: Stage) -> int:
    """Return how many words of prose a notebook holds; formulas and links' addresses are none."""
    prose = "\n".join(cells(stage, "markdown"))
    prose = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$|\]\([^)]*\)|`[^`]*`", " ", prose, flags=re.DOTALL)
    return len(re.findall(r"[^\W\d_][\w’'-]*", prose))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_cells_do_one_thing(stage: Stage) -> None:
    lines = [sum(bool(line.strip()) for line in code.splitlines()) for code in cells(stage, "code")]
    assert median(lines) <= MEDIAN_LINES
    assert max(lines) <= MOST_LINES
    code = "\n".join(cells(stage, "code"))
    assert not [word for word in PLUMBING if word in code]


def test_there_is_enough_to_read() -> None:
    counts = {stage.name: words(stage) for stage in STAGES}
    assert sum(counts.values()) >= FEWEST_WORDS, counts
    assert min(counts.values()) >= 600, counts


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_notebook_opens_and_closes_as_all_do(stage: Stage) -> None:
    prose = cells(stage, "markdown")
    first, last = prose[0], prose[-1]
    assert "?" in first.split("\n\n")[1], "the question in plain words comes first"
    for part in ("| What comes |", "**Reads**", "**Writes**", "It takes"):
        assert part in first, part
    assert "does not prove" in last or "do not prove" in last
    assert "**References.**" in last
    assert "page.conclude()" in cells(stage, "code")[-1]


@pytest.mark.parametrize("before, after", list(pairwise(STAGES)), ids=lambda stage: stage.name)
def test_notebooks_lead_to_each_other(before: Stage, after: Stage) -> None:
    assert f"]({after.name}.ipynb)" in "\n".join(cells(before, "markdown"))
    assert f"]({before.name}.ipynb)" in cells(after, "markdown")[0]


def test_links_lead_somewhere_and_modules_that_are_named_are_there() -> None:
    prose = "\n".join(chain.from_iterable(cells(stage, "markdown") for stage in STAGES))
    for target in set(re.findall(r"\]\(([\w.]+\.ipynb)\)", prose)):
        assert (NOTEBOOK_DIR / target).is_file(), target
    library = NOTEBOOK_DIR.parent / "lib"
    for name in set(re.findall(r"`(anirec(?:\.\w+)+)`", prose)):
        place = library.joinpath(*name.split("."))
        within = place.parent.with_suffix(".py")
        assert place.is_dir() or place.with_suffix(".py").is_file() or within.is_file(), name


@pytest.mark.parametrize("concept", EXPLAINED)
def test_concepts_are_explained_where_they_are_used(concept: str) -> None:
    number = EXPLAINED[concept]
    (stage,) = (stage for stage in STAGES if stage.number == number)
    explaining = [text for text in cells(stage, "markdown") if concept.lower() in text.lower()]
    assert explaining, f"{stage.name} does not explain {concept}"
    assert max(len(text.split()) for text in explaining) >= 60
