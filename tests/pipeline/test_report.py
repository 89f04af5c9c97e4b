"""The pages of a run: self-contained, without scripts, linked with each other."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from anirec.pipeline.report import WIDGET, export_page, label

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg"
    "gg=="
)


def shown(data: dict) -> dict:
    return new_output("display_data", data=data)


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The page of a notebook with prose, code, a table, a figure and a live widget."""
    table = "<table><tr><td>Naruto &amp; co</td></tr></table>"
    code = new_code_cell("x = 1 < 2\nbox")
    code.outputs = [
        new_output("stream", name="stdout", text="<b>printed</b>\n"),
        shown({"text/html": table, "text/plain": "table"}),
        shown({"image/png": PNG, "text/plain": "figure"}),
        shown({WIDGET: {"model_id": "1"}, "text/plain": "VBox(children=())"}),
    ]
    cells = [new_markdown_cell("# Where to *begin*\n\nwith $n^2$ terms"), code]
    notebook = new_notebook(cells=cells, metadata={"widgets": {WIDGET: {"state": {}}}})
    file = tmp_path / "03_model_training.ipynb"
    nbformat.write(notebook, file)
    export_page(file, tmp_path / "report" / "03_model_training.html", ["01_a", file.stem])
    return (tmp_path / "report" / "03_model_training.html").read_text(encoding="utf-8")


def test_page_asks_the_network_for_nothing(page: str) -> None:
    assert "<script" not in page
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "default-src 'none'" in page


def test_page_shows_tables_and_figures_and_escapes_what_was_printed(page: str) -> None:
    assert "<td>Naruto &amp; co</td>" in page
    assert f"data:image/png;base64,{PNG}" in page.replace("\n", "")
    assert "&lt;b&gt;printed&lt;/b&gt;" in page


def test_page_leads_to_the_page_to_try_where_the_live_box_was(page: str) -> None:
    assert re.search(r'stands here. <a href=["\']try.html["\']>Try one in this browser</a>', page)
    assert "VBox(children=())" not in page


def test_page_folds_the_code_and_links_the_other_pages(page: str) -> None:
    assert page.count("<details") == 1
    assert '<a href="01_a.html">01 A</a>' in page
    assert re.search(r'href="03_model_training.html" aria-current="page"', page)
    assert "<title>03 Model training · anirec</title>" in page


def test_label_is_for_people() -> None:
    assert label("06_recommender") == "06 Recommender"
