"""Notebooks in a real JupyterLab: run all cells, then use the box, and move a figure's handle."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator

import nbformat
import pytest
from serving import ARTIFACTS, free_port, started, stopped
from visitor import Visitor

from anirec.config import NOTEBOOK_DIR

NOTEBOOK, HANDLE = "06_recommender.ipynb", "handle.ipynb"
RUN_MS = 90_000


@pytest.fixture(scope="module")
def lab(folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a JupyterLab that serves a copy of the notebook, and a figure that has handles."""
    root = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(NOTEBOOK_DIR / NOTEBOOK, as_version=4)
    nbformat.write(notebook, root / NOTEBOOK)
    first = nbformat.read(NOTEBOOK_DIR / "01_exploration.ipynb", as_version=4)
    code = [cell for cell in first.cells if cell.cell_type == "code"]
    first.cells = code[:2] + [cell for cell in code if "handles.filtered" in cell.source]
    nbformat.write(first, root / HANDLE)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={root}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.user_settings_dir={root / 'settings'}", f"--LabApp.workspaces_dir={root}",
    ]  # fmt: skip
    process = started(command, url, root / "log.txt", os.environ | folders)
    yield url
    stopped(process)


def run_all_cells(page) -> None:
    """Choose it from the menu; again if the notebook had not found its kernel yet."""
    begun = page.locator(".jp-InputArea-prompt").filter(has_text=re.compile(r"\[[*\d]+\]"))
    until = time.monotonic() + RUN_MS / 1000
    while time.monotonic() < until and not begun.count():
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_timeout(2_000)
        choice = page.locator(".jp-Dialog").get_by_text("Select", exact=True)
        if choice.count():
            choice.click()


def opened(browser, lab: str, notebook: str):
    """Open a notebook in a tab of its own and run all its cells."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.goto(f"{lab}lab/workspaces/auto-{notebook[:2]}/tree/{notebook}", wait_until="commit")
    page.locator(".jp-NotebookPanel .jp-CodeCell").first.wait_for(timeout=RUN_MS)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=RUN_MS)
    run_all_cells(page)
    return page


def test_run_all_cells_and_use_the_box(browser, lab):
    page = opened(browser, lab, NOTEBOOK)
    page.wait_for_selector(".anirec-search", timeout=RUN_MS)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=RUN_MS)
    page.locator(".anirec-search").scroll_into_view_if_needed()
    fan = Visitor(page)
    fan.add("fulmetal alchemist")
    fan.add("steins gate")
    assert fan.list == ["Steins;Gate", "Fullmetal Alchemist"]
    assert len(fan.cards) == 10
    fan.press("Less like this", fan.card(fan.cards[0]))
    assert len(fan.cards) == 10
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "jupyterlab.png")
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    page.context.close()


def test_a_figure_has_handles(browser, lab):
    page = opened(browser, lab, HANDLE)
    genre = page.locator(".widget-dropdown select").first
    genre.wait_for(timeout=RUN_MS)
    words = page.locator(".widget-html-content p")
    everything = words.inner_text()
    assert page.locator(".jupyter-widgets img").count() == 1
    assert page.locator(".jp-RenderedImage").count() == 0  # the plain figure is for other places
    genre.select_option("Sports")
    page.wait_for_function(
        "was => document.querySelector('.widget-html-content p').innerText != was", arg=everything
    )
    assert words.inner_text().startswith("Half of the ")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "jupyterlab_handle.png")
    page.context.close()
