"""How fast the page is usable, how it bears a crowd, and what visitors cost.

In anirec's environment, with Chromium, from the repository, after a run of the dataset:

    PYTHONPATH=tests/app python benchmarks/page/page.py --dataset sample

Starts ``anirec app`` on a free port, once with a kernel started for each visitor and once with
kernels forked, and prints the table of README.md. A crowd is clients that speak the page's protocol
and draw nothing, and one real browser among them: all share the machine with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import page_client
import psutil
from page_client import PageClient
from playwright.sync_api import Browser, Page, sync_playwright
from serving import free_port, kernels_of, started, stopped
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from visitor import FIELD, Visitor

from anirec.config import Paths
from anirec.lists import to_xml
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender

VISITS = 7
REST_SECONDS = 6
"""Before a measurement, so that what waits for visitors is started."""

LONG_MS = 180_000
TYPISTS = 10
KEYSTROKES = 60
TYPED = ("na", "on", "ble", "dea", "full", "stein", "hunte", "k-o", "cowb", "gi")
"""Beginnings of titles: each is answered by others than the one before."""

AT_ONCE = 20
"""Visitors of the comings and goings who are there together."""

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAYS = {"started": ["--no-fork"], "forked": []}

Row = tuple[str, str]


@contextmanager
def serving(dataset: str, options: list[str]) -> Iterator[tuple[str, psutil.Process]]:
    """Serve the page; yield its address and the server's process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "anirec.cli", "app", f"--dataset={dataset}", f"--port={port}"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        limits = ["--visits=1000000"]
        process = started([*command, *limits, *options], url, log, dict(os.environ))
        time.sleep(2 * REST_SECONDS)
        try:
            yield url, psutil.Process(process.pid)
        finally:
            stopped(process)


@contextmanager
def chromium() -> Iterator[tuple[Browser, psutil.Process]]:
    """Yield a browser and its main process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        children = psutil.Process().children(recursive=True)
        yield browser, next(p for p in children if "chromium" in p.name())
        browser.close()


# --- one visitor


def one_visitor(url: str, server: psutil.Process, dataset: str) -> list[Row]:
    """Measure visits one after the other, by a client and by a browser."""
    searched = []
    for _ in range(VISITS):
        searched.append(asyncio.run(until_searched(url)))
        time.sleep(REST_SECONDS / 2)
    with chromium() as (browser, process):
        usable, cpu, loaded = [], [], 0
        for _ in range(VISITS):
            seconds, busy, loaded = browser_visit(browser, process, url)
            usable.append(seconds)
            cpu.append(busy)
            time.sleep(REST_SECONDS / 2)
        page = browser.new_context().new_page()
        page.goto(url, wait_until="commit")
        visitor = Visitor(page)
        imported = until_imported(visitor, export(Paths.of(dataset), 500), 500)
        told = until_told(visitor, server)
    return [
        ("one visitor searches, median", f"{statistics.median(searched):.2f} s"),
        (f"the same, the slowest of {VISITS}", f"{max(searched):.2f} s"),
        ("usable search field in a browser, median", f"{statistics.median(usable):.2f} s"),
        ("the browser's processor time a visit, median", f"{statistics.median(cpu):.2f} s"),
        ("what a browser loads at its first visit", f"{loaded / 1e6:.1f} MB"),
        ("import of an export of 500 entries", f"{imported:.2f} s"),
        ("until the page tells that its kernel died", f"{told:.2f} s"),
    ]


async def until_searched(url: str) -> float:
    """Return the seconds from asking for the page to matches for what was typed."""
    start = time.perf_counter()
    client = PageClient(url)
    await client.open()
    await client.type("naruto")
    seconds = time.perf_counter() - start
    await leave(url, client)
    return seconds


def browser_visit(
    browser: Browser, process: psutil.Process, url: str
) -> tuple[float, float, float]:
    """Return seconds to a usable search field, the browser's processor time, bytes loaded."""
    page = browser.new_context().new_page()
    sizes: list[int] = []
    page.on("response", lambda r: sizes.append(int(r.headers.get("content-length") or 0)))
    before, start = cpu_seconds(process), time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(FIELD, timeout=LONG_MS)
    seconds = time.perf_counter() - start
    page.wait_for_timeout(1000)
    busy = cpu_seconds(process) - before
    page.context.close()
    return seconds, busy, sum(sizes)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process and all it started."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


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
        visitor.page.get_by_label("Import a list").click()
    start = time.perf_counter()
    chooser.value.set_files({"name": "a.xml", "mimeType": "text/xml", "buffer": content})
    visitor.page.wait_for_selector(f"text={n_entries} titles")
    visitor.page.wait_for_selector(".anirec-card .anirec-because")
    return time.perf_counter() - start


def until_told(visitor: Visitor, server: psutil.Process) -> float:
    """Kill a visitor's kernel; return the seconds until the page says so."""
    config = visitor.page.locator("#jupyter-config-data").text_content()
    kernel = re.search(r'"kernelId": "([0-9a-f-]+)"', config)[1]
    os.kill(kernels_of(server.pid)[kernel], signal.SIGKILL)
    start = time.perf_counter()
    visitor.page.wait_for_selector("#lost")
    return time.perf_counter() - start


# --- a crowd


def crowd(url: str, server: psutil.Process, n_visitors: int) -> list[Row]:
    """Measure visitors who come in the same second, one of them with a browser."""
    drawn: list[float] = []
    begun = threading.Event()

    def browse() -> None:
        with chromium() as (browser, _):
            page: Page = browser.new_context().new_page()
            begun.wait()
            start = time.perf_counter()
            page.goto(url, wait_until="commit", timeout=LONG_MS)
            page.wait_for_selector(FIELD, timeout=LONG_MS)
            drawn.append(time.perf_counter() - start)

    async def visit(start: float) -> tuple[float, float, PageClient]:
        client = PageClient(url)
        await client.open()
        await client.type("naruto")
        searched = time.perf_counter() - start
        await client.add("one piece")
        return searched, time.perf_counter() - start, client

    async def visits() -> tuple[float, float, float]:
        begun.set()
        start = time.perf_counter()
        came = await asyncio.gather(*(visit(start) for _ in range(n_visitors - 1)))
        memory = sum(private_mb(pid) for pid in kernels_of(server.pid).values())
        each = memory / len(kernels_of(server.pid))
        await leave(url, *(client for _, _, client in came))
        return max(one[0] for one in came), max(one[1] for one in came), each

    thread = threading.Thread(target=browse)
    thread.start()
    time.sleep(REST_SECONDS)
    searched, answered, each = asyncio.run(visits())
    thread.join()
    time.sleep(2 * REST_SECONDS)
    return [
        (f"{n_visitors} in the same second: all can search", f"{searched:.1f} s"),
        (f"{n_visitors} in the same second: all have recommendations", f"{answered:.1f} s"),
        ("the one of them with a browser can search", f"{drawn[0]:.1f} s"),
        ("private memory of a kernel, mean", f"{each:.0f} MB"),
    ]


def open_pages(url: str, server: psutil.Process, n_pages: int) -> list[Row]:
    """Measure many open pages: their memory, and a keystroke while ten others type."""

    async def measured() -> tuple[float, list[float]]:
        clients = [PageClient(url) for _ in range(n_pages)]
        for start in range(0, n_pages, AT_ONCE):
            await asyncio.gather(*(client.open() for client in clients[start : start + AT_ONCE]))
        memory = sum(pss_mb(p.pid) for p in (server, *server.children(recursive=True)))
        typists = [asyncio.create_task(keystrokes(client)) for client in clients[1 : TYPISTS + 1]]
        took = await keystrokes(clients[0])
        await asyncio.gather(*typists)
        await leave(url, *clients)
        return memory, took

    memory, took = asyncio.run(measured())
    p95 = 1000 * statistics.quantiles(took, n=20)[-1]
    return [
        (f"{n_pages} open pages: memory of server and kernels (PSS)", f"{memory / 1000:.2f} GB"),
        (f"a keystroke then, while {TYPISTS} others type, 95th percentile", f"{p95:.0f} ms"),
    ]


async def keystrokes(client: PageClient) -> list[float]:
    """Change what is in the search field five times a second; return each answer's seconds."""
    took = []
    for number in range(KEYSTROKES):
        start = time.perf_counter()
        await client.type(TYPED[number % len(TYPED)])
        took.append(time.perf_counter() - start)
        await asyncio.sleep(max(0.0, 0.2 - took[-1]))
    return took


def comings_and_goings(url: str, server: psutil.Process, n_visits: int) -> list[Row]:
    """Measure what visits leave behind; the first ones fill what is kept on purpose."""

    async def visit(number: int) -> None:
        for _ in range(0, number, AT_ONCE):
            clients = [PageClient(url) for _ in range(AT_ONCE)]
            await asyncio.gather(*(client.open() for client in clients))
            await leave(url, *clients)

    def left() -> tuple[int, int, int, float]:
        time.sleep(REST_SECONDS)
        family = [server, *server.children(recursive=True)]
        files = sum(p.num_fds() for p in family)
        temporary = sum(1 for _ in Path(tempfile.gettempdir()).glob("anirec-*/*"))
        return len(family), files, temporary, sum(pss_mb(p.pid) for p in family)

    asyncio.run(visit(5 * AT_ONCE))
    before = left()
    asyncio.run(visit(n_visits))
    after = left()
    processes, files, temporary, memory = (b - a for a, b in zip(before, after, strict=True))
    return [
        (f"{n_visits} comings and goings leave processes", f"{processes:+d}"),
        ("open files", f"{files:+d}"),
        ("temporary files", f"{temporary:+d}"),
        ("memory", f"{memory:+.0f} MB"),
    ]


async def leave(url: str, *clients: PageClient) -> None:
    """Close pages for good, and their kernels with them."""
    for client in clients:
        client.close()
        end = f"{url}voila/api/shutdown/{client.kernel}"
        await AsyncHTTPClient().fetch(HTTPRequest(end, method="POST", body=""), raise_error=False)


def private_mb(pid: int) -> float:
    """Return the memory that belongs to a process alone, in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"Private_\w+: +(\d+)", text)) / 1024


def pss_mb(pid: int) -> float:
    """Return a process's memory, what it shares with others divided among them, in MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1]) / 1024


def measured(way: str, options: argparse.Namespace) -> dict[str, str]:
    """Return what was measured with kernels made that way, by its name."""
    rows: list[Row] = []

    def add(measure: Callable[..., list[Row]], visitors: int, *arguments: object) -> None:
        more = [*WAYS[way], f"--visitors={visitors}"]
        with serving(options.dataset, more) as (url, server):
            rows.extend(measure(url, server, *arguments))
        print(way, *rows, sep="\n  ", file=sys.stderr, flush=True)

    add(one_visitor, 24, options.dataset)
    add(crowd, options.visitors + 10, options.visitors)
    if way == "forked":
        add(open_pages, options.pages + 10, options.pages)
        add(comings_and_goings, 3 * AT_ONCE, options.comings)
    return dict(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="sample")
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--comings", type=int, default=1000)
    parser.add_argument("--ways", default="started,forked")
    options = parser.parse_args()
    AsyncHTTPClient.configure(None, max_clients=1000)
    page_client.PATIENCE = LONG_MS / 1000
    ways = {way: measured(way, options) for way in options.ways.split(",")}
    print("| what |", " | ".join(ways), "|\n| --- |", " | ".join("---" for _ in ways), "|")
    for what in dict.fromkeys(name for rows in ways.values() for name in rows):
        print(f"| {what} |", " | ".join(rows.get(what, "") for rows in ways.values()), "|")


if __name__ == "__main__":
    main()
