"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from anirec.config import ROOT, Paths
from anirec.datasets import sample
from anirec.pipeline.run import run
from anirec.pipeline.stages import parse_parameters


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real input, ``$ANIREC_REAL_DATA`` or ``../shared/data``; skips where absent."""
    folder = Path(os.environ.get("ANIREC_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}: set ANIREC_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files of the tiny sample: the catalogue and 300 simulated users."""
    folder = tmp_path_factory.mktemp("raw")
    sample.generate(folder, size="tiny")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A whole run of the six notebooks on the tiny sample; its folders.

    Made once for all processes that tests run in. What tests change they copy first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny"
    folders = [f"processed_dir={folder / 'processed'}", f"output_dir={folder / 'outputs'}"]
    done = folder / "done"
    with FileLock(folder.with_suffix(".lock")):
        if not done.is_file():
            settings = [*folders, "epochs=3", "ranker_rounds=40"]
            run(parse_parameters("sample", str(tiny_raw), settings))
            done.touch()
    return Paths.of("sample", tiny_raw, folder / "processed", folder / "outputs")


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Debian's Chromium, headless; skips where there is none."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium is installed (Debian: apt install chromium)")
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()
