"""The page's server on the tiny sample, and a browser to visit it with."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from serving import HOSTILE, Site, free_port, started, stopped

from anirec.config import ROOT, Paths
from anirec.files import write_table


@pytest.fixture(scope="session")
def folders(tiny_run: Paths, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment in which the tiny run, one title of it hostile, is the sample's run."""
    root = tmp_path_factory.mktemp("app")
    (root / "data" / "processed").mkdir(parents=True)
    (root / "outputs").mkdir()
    processed = root / "data" / "processed" / "sample"
    shutil.copytree(tiny_run.processed, processed)
    (root / "outputs" / "sample").symlink_to(tiny_run.outputs)
    anime = pd.read_parquet(processed / "anime.parquet")
    adult = anime["is_adult"].fillna(False).astype(bool)
    place = anime[~adult & (anime["type"] == "Movie")]["members"].idxmax()
    anime.loc[place, ["title", "title_english"]] = HOSTILE
    anime["image_url"] = "https://cdn.myanimelist.net/images/anime/1/1.jpg"
    write_table(anime, processed / "anime.parquet")
    return {
        "ANIREC_DATA_DIR": str(root / "data"),
        "ANIREC_OUTPUT_DIR": str(root / "outputs"),
        "PYTHONPATH": str(ROOT / "lib"),
    }


@pytest.fixture(scope="session")
def site(folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page as ``anirec app`` serves it."""
    log = tmp_path_factory.mktemp("server") / "log.txt"
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "anirec.cli", "app", "--port", str(port)]
    process = started(command, url, log, os.environ | folders)
    data, outputs = Path(folders["ANIREC_DATA_DIR"]), Path(folders["ANIREC_OUTPUT_DIR"])
    paths = Paths.of("sample", None, data / "processed" / "sample", outputs / "sample")
    yield Site(url, log, process, paths, data / "profiles" / "sample.sqlite")
    stopped(process)


@pytest.fixture
def new_visitor(browser, site: Site) -> Iterator:
    """Opens pages for visitors, each with a browser profile of their own.

    When the test is over: nothing was asked of any other host, and no script failed.
    """
    contexts, strangers, failures = [], [], []

    def visit(url: str | None = None, width: int = 1280, **options: object):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("request", lambda request: strangers.append((page.url, request.url)))
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(url or site.url, wait_until="commit", timeout=120_000)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert failures == []
    local = ("data:", "blob:", site.url, site.url.replace("http", "ws", 1))
    asked = [url for at, url in strangers if not url.startswith(local) and "images=1" not in at]
    assert asked == []
