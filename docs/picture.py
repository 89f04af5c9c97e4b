"""Takes the picture of the page that README shows, after a run of the sample.

    PYTHONPATH=tests/app python docs/picture.py

It serves the page, adds a few titles in a Chromium as somebody would, and writes
``outputs/gallery/page.png``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from serving import free_port, started, stopped
from visitor import Visitor

from anirec.config import ROOT, InputError
from anirec.files import written_whole

PICTURE = ROOT / "outputs" / "gallery" / "page.png"
TITLES = ("Mushishi", "Cowboy Bebop", "Haikyuu")
WIDTH, HEIGHT = 1280, 860
N_COLOURS = 200
"""Of the picture's palette: enough for flat colours, and a third of the bytes."""


def main() -> None:
    """Write the picture. Raises InputError where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise InputError("no Chromium is installed (Debian: apt install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        command = [sys.executable, "-m", "anirec.cli", "app", "--port", str(port)]
        server = started(command, url, Path(folder, "log.txt"), dict(os.environ))
        try:
            _take(chromium, url, Path(folder, "page.png"))
        finally:
            stopped(server)
        with written_whole(PICTURE) as beside, Image.open(Path(folder, "page.png")) as picture:
            picture.convert("RGB").quantize(N_COLOURS).save(beside, format="png", optimize=True)
    print(f"{PICTURE} ({PICTURE.stat().st_size / 1000:.0f} kB)")


def _take(chromium: str, url: str, file: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url, wait_until="commit", timeout=120_000)
        visitor = Visitor(page)
        for title in TITLES:
            visitor.add(title)
        page.evaluate("window.scrollTo(0, 0); document.activeElement.blur()")
        page.screenshot(path=file)
        browser.close()


if __name__ == "__main__":
    main()
