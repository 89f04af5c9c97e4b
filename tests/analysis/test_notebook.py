"""How a notebook shows findings: what is displayed, what is kept, what stands for a handle."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest

from anirec.analysis import notebook, plots
from anirec.analysis.finding import Absence, Finding
from anirec.analysis.notebook import Page
from anirec.config import Paths

WIDGET = "application/vnd.jupyter.widget-view+json"
TABLE = pd.DataFrame({"name": [f"n{i}" for i in range(30)], "value": np.arange(30)})


def bars():
    return plots.ranked_bars(TABLE.head(3), label="name", value="value", title="T")


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """What was displayed, in order, by type."""
    outputs: list[dict] = []
    monkeypatch.setattr(notebook, "display", lambda data, **how: outputs.append(data))
    return outputs


@pytest.fixture
def page(tmp_path) -> Page:
    return Page("07", Paths.of("sample", output_dir=tmp_path), {})


def test_an_answer_comes_first_and_can_be_linked_to(page, shown) -> None:
    page.show(Finding("f", "Is it?", "It is <so>.", bars(), TABLE, caveat="Why."))
    first, picture, caveat = shown
    assert first["text/html"] == '<p id="07_f">It is &lt;so&gt;.</p>'
    assert "image/png" in picture and picture["text/plain"] == "It is <so>."
    assert caveat["text/plain"] == "What it does not show: Why."
    kept = {file.name for folder in (page.paths.figures, page.paths.tables) for file in
            folder.iterdir()}  # fmt: skip
    assert kept == {"07_f.png", "07_f.svg", "07_f.csv"}
    assert len(pd.read_csv(page.paths.tables / "07_f.csv")) == 30


def test_a_table_is_shown_where_no_figure_is_or_where_a_view_is_given(page, shown) -> None:
    page.show(Finding("f", "Is it?", "It is.", table=TABLE))
    assert shown[-1]["text/html"].count("<tr>") == 1 + 20
    page.show(Finding("g", "Is it?", "It is.", bars(), TABLE, view=TABLE.head(2)))
    assert shown[-1]["text/html"].count("<tr>") == 1 + 2
    page.show(Finding("h", "Is it?", "It is.", table=TABLE, view=TABLE.head(3)))
    assert shown[-1]["text/html"].count("<tr>") == 1 + 3
    assert len(pd.read_csv(page.paths.tables / "07_h.csv")) == 30


def test_a_handle_and_the_plain_figure_are_one_output(page, shown) -> None:
    page.show(Finding("f", "Is it?", "It is.", bars()), widgets.VBox())
    assert {WIDGET, "image/png", "text/plain"} == set(shown[-1])


def test_what_is_lacking_is_said_and_kept(page, shown) -> None:
    page.show(Absence("Why?", "There are no dates."))
    assert shown[-1]["text/plain"] == "There are no dates." and len(page.absences) == 1


def test_an_example_is_shown_and_is_no_finding(page, shown) -> None:
    page.illustrate("example", bars(), "Three bars.")
    assert [set(output) for output in shown][1] >= {"image/png"} and not page.shown
    assert (page.paths.figures / "07_example.png").is_file()
