"""The pages of a run: self-contained, without scripts, linked with each other."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from anirec.pipeline.formulas import put_back, set_aside
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
        shown({"text/plain": ""}),
        shown({WIDGET: {"model_id": "2"}, "image/png": PNG, "text/plain": "a figure with handles"}),
    ]
    prose = "# Where to *begin*\n\nwith $n^2$ terms; before: [01](01_a.ipynb)"
    example = new_code_cell("1 + 1")
    example.outputs = [new_output("execute_result", data={"text/plain": "2"}, execution_count=1)]
    cells = [new_markdown_cell(prose), code, example]
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


def test_page_shows_the_plain_figure_where_a_handle_was(page: str) -> None:
    assert page.replace("\n", "").count(f"data:image/png;base64,{PNG}") == 2
    assert page.count("An interactive box stands here") == 1


def test_page_draws_formulas_without_a_script(page: str) -> None:
    assert "<msup><mi>n</mi><mn>2</mn></msup>" in page and "$" not in page.split("<main>")[1]


def test_formulas_are_set_aside_and_put_back() -> None:
    formulas: list[str] = []
    text = "a $x_i * y_i$ and\n\n$$\\frac{1}{n}\\sum_i\n x_i$$\n\nfor `$HOME` and $x_i_j$"
    marked = set_aside(text, formulas)
    assert "sum" not in marked and "`$HOME`" in marked
    drawn = put_back(marked, formulas)
    assert drawn.count("<math") == 2 and drawn.count('class="formula" tabindex') == 1
    assert "<mfrac>" in drawn and "<code>x_i_j</code>" in drawn


def test_what_scrolls_sideways_can_be_reached_by_keyboard(page: str) -> None:
    assert "<pre>" not in page.split("<main>")[1]
    assert re.search(r'<div class="[^"]*output_html[^"]*" tabindex="0"', page)


def test_page_leaves_out_what_shows_nothing(page: str) -> None:
    assert not re.search(r"<pre[^>]*>\s*</pre>", page)


def test_page_leads_to_other_pages_and_not_to_notebooks(page: str) -> None:
    assert '<a href="01_a.html">01</a>' in page and ".ipynb" not in page


def test_page_folds_the_code_but_of_examples_and_links_the_other_pages(page: str) -> None:
    assert page.count('<details class="code">') == page.count('<details class="code" open') == 1
    assert '<a href="01_a.html">01 A</a>' in page
    assert re.search(r'href="03_model_training.html" aria-current="page"', page)
    assert "<title>03 Model training · anirec</title>" in page


def test_label_is_for_people() -> None:
    assert label("06_recommender") == "06 Recommender"
