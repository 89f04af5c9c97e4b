"""How fast the page is usable, how it bears many visitors, and what they cost in memory.

In anirec's environment, with Chromium, from the repository, after a run of the dataset:

    PYTHONPATH=tests/app python benchmarks/page/page.py --dataset sample --visitors 20

Starts ``anirec app`` on a free port and prints the table of README.md. The visitors are browser
profiles of their own in one Chromium, which shares the machine with the server.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright
from serving import free_port, started, stopped
from visitor import FIELD, Visitor

from anirec.config import Paths
from anirec.lists import to_xml
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender

VISITS = 7
REST_SECONDS = 8
"""Between visits one after the other, so that the next kernel is started meanwhile."""

LONG_MS = 180_000
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def usable(page: Page) -> None:
    page.wait_for_selector(FIELD, timeout=LONG_MS)


def until_usable(browser, url: str) -> float:
    """Return the seconds from asking for the page to a search field that can be typed in."""
    page = browser.new_context().new_page()
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    usable(page)
    seconds = time.perf_counter() - start
    page.context.close()
    return seconds


def export(paths: Paths, n_entries: int) -> bytes:
    """Return a MyAnimeList export of the most popular anime."""
    recommender = AnimeRecommender.load(paths)
    best = recommender.anime.nlargest(n_entries, "members").index
    entries = {int(a): Entry(5 + i % 6, "completed") for i, a in enumerate(best)}
    return to_xml(Profile(entries), recommender.catalogue).encode()


def until_imported(visitor: Visitor, content: bytes, n_entries: int) -> float:
    """Return the seconds from choosing a file to a list and recommendations from it."""
    visitor.open("Import and save")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.locator(".anirec-upload").click()
    start = time.perf_counter()
    chooser.value.set_files({"name": "a.xml", "mimeType": "text/xml", "buffer": content})
    visitor.page.wait_for_selector(f"text={n_entries} titles")
    visitor.page.wait_for_selector(".anirec-card .anirec-because")
    return time.perf_counter() - start


def until_told(visitor: Visitor, server: psutil.Process) -> float:
    """Kill a visitor's kernel; return the seconds until the page says so."""
    config = visitor.page.locator("#jupyter-config-data").text_content()
    kernel = re.search(r'"kernelId": "([0-9a-f-]+)"', config)[1]
    os.kill(next(p.pid for p in kernels(server) if kernel in " ".join(p.cmdline())), signal.SIGKILL)
    start = time.perf_counter()
    visitor.page.wait_for_selector("#lost")
    return time.perf_counter() - start


def kernels(server: psutil.Process) -> list[psutil.Process]:
    return [p for p in server.children() if "ipykernel_launcher" in " ".join(p.cmdline())]


def private_mb(process: psutil.Process) -> float:
    """Return the memory that belongs to a process alone, in MB."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"Private_\w+: +(\d+)", text)) / 1024


def measure(dataset: str, n_visitors: int) -> list[tuple[str, str]]:
    paths, port = Paths.of(dataset), free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "anirec.cli", "app", f"--dataset={dataset}", f"--port={port}"]
    content = export(paths, 500)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        served = started(command, url, Path(folder) / "log.txt", dict(os.environ))
        server = psutil.Process(served.pid)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        try:
            time.sleep(2 * REST_SECONDS)
            warm = []
            for _ in range(VISITS):
                warm.append(until_usable(browser, url))
                time.sleep(REST_SECONDS)
            one = browser.new_context().new_page()
            one.goto(url, wait_until="commit")
            visitor = Visitor(one)
            imported = until_imported(visitor, content, 500)
            told = until_told(visitor, server)
            one.context.close()
            time.sleep(2 * REST_SECONDS)

            start = time.perf_counter()
            pages = [browser.new_context().new_page() for _ in range(n_visitors)]
            for page in pages:
                page.goto(url, wait_until="commit", timeout=LONG_MS)
            arrivals = []
            for page in pages:
                usable(page)
                arrivals.append(time.perf_counter() - start)
            for page in pages:
                Visitor(page).add("naruto")
            answered = time.perf_counter() - start
            memory = [private_mb(process) for process in kernels(server)]
            return [
                ("usable search field, one visitor, median", f"{statistics.median(warm):.2f} s"),
                (f"the same, the slowest of {VISITS}", f"{max(warm):.2f} s"),
                ("import of an export of 500 entries", f"{imported:.2f} s"),
                ("until the page tells that its kernel died", f"{told:.2f} s"),
                (f"{n_visitors} visitors at once: all can search", f"{max(arrivals):.1f} s"),
                (f"{n_visitors} visitors at once: all have recommendations", f"{answered:.1f} s"),
                ("private memory of a kernel, median", f"{statistics.median(memory):.0f} MB"),
                (f"private memory of all {len(memory)} kernels", f"{sum(memory):.0f} MB"),
                ("private memory of the server itself", f"{private_mb(server):.0f} MB"),
            ]
        finally:
            browser.close()
            stopped(served)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="sample")
    parser.add_argument("--visitors", type=int, default=20)
    options = parser.parse_args()
    print("| what | measured |\n| --- | --- |")
    for what, value in measure(options.dataset, options.visitors):
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
