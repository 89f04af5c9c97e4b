"""Events at a steady rate into ``anirec update --follow``, through a pipe: what it keeps up with.

    PYTHONPATH=tests/app python benchmarks/real_time/load.py <work> [--rate 2000] [--seconds 600]
        [--visitors 10]

A community is simulated and fitted below <work>. Printed are the events taken in, the longest that
one waited between being offered to the pipe and being acknowledged, the versions served, and how
long visitors of the page, who speak its protocol and draw nothing, waited for an answer to what
they typed: for a minute before the events, and while they arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import page_client
from kill import lines, places, prepare
from page_client import PageClient
from serving import free_port, started, stopped

from anirec.events.store import EventStore
from anirec.events.versions import Versions

TICK_S = 0.05
REST_S = 12
"""Until the page's process that visitors' kernels are forked from is there."""

BEFORE_S = 60
"""Seconds that visitors are watched before the first event."""

EACH_S = 1.0
"""Seconds between the keystrokes of one visitor."""

TYPED = ("na", "on", "ble", "dea", "full", "stein", "hunte", "k-o", "cowb", "gi")
"""Beginnings of titles: each is answered by others than the one before."""


@contextmanager
def page(work: Path) -> Iterator[str]:
    """Serve the page on the models below ``work``; yield its address."""
    url = f"http://127.0.0.1:{(port := free_port())}/"
    command = [sys.executable, "-m", "anirec.cli", "app", "--dataset=sample", f"--port={port}"]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        process = started(command, url, log, os.environ | places(work))
        time.sleep(REST_S)
        try:
            yield url
        finally:
            stopped(process)


class Visitors:
    """People who type on the page, each a keystroke in `EACH_S`, in a thread of their own.

    Attributes
    ----------
    waited : of each keystroke, when it was made and the seconds to its answer.
    failed : how many were not answered.
    """

    def __init__(self, url: str, n: int) -> None:
        self.url, self.n = url, n
        self.waited: list[tuple[float, float]] = []
        self.failed = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def p95(self, start: float, stop: float) -> float:
        """Return the 95th percentile of the seconds to an answer between two moments."""
        return statistics.quantiles([s for at, s in self.waited if start <= at < stop], n=20)[-1]

    async def _all(self) -> None:
        await asyncio.gather(*(self._one() for _ in range(self.n)))

    async def _one(self) -> None:
        client = PageClient(self.url)
        await client.open()
        number = 0
        while not self._over.is_set():
            start = time.monotonic()
            try:
                await client.type(TYPED[number % len(TYPED)])
                self.waited.append((start, time.monotonic() - start))
            except (TimeoutError, ConnectionError):
                self.failed += 1
            number += 1
            await asyncio.sleep(max(0.0, EACH_S - (time.monotonic() - start)))
        client.close()


def offer(work: Path, offered: list[str], rate: int) -> tuple[float, list[float]]:
    """Pipe lines into the command at a rate; return how late the last was, and all waits."""
    process = subprocess.Popen(
        [sys.executable, "-m", "anirec.cli", "update", "--follow", "--events", "-"],
        env=os.environ | places(work),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    sent: list[float] = []
    waits: list[float] = []

    def hear() -> None:
        acknowledged = 0
        for text in process.stdout:
            if text.startswith("acknowledged -:"):
                acknowledged, before = int(text.rpartition(":")[2]), acknowledged
                if before < min(acknowledged, len(sent)):
                    waits.append(time.monotonic() - sent[before])
            elif text.startswith("serving"):
                print(text.strip(), flush=True)

    hearing = threading.Thread(target=hear)
    hearing.start()
    step = int(rate * TICK_S)
    start = time.monotonic()
    for number, first in enumerate(range(0, len(offered), step)):
        time.sleep(max(0.0, start + number * TICK_S - time.monotonic()))
        some = offered[first : first + step]
        sent += [time.monotonic()] * len(some)
        process.stdin.write("".join(f"{line}\n" for line in some))
        process.stdin.flush()
    behind = time.monotonic() - start - len(offered) / rate
    process.stdin.close()
    status = process.wait()
    hearing.join()
    print(f"status {status}; {len(offered):,} lines offered at {rate:,} a second")
    return behind, sorted(waits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--visitors", type=int, default=10)
    asked = parser.parse_args()
    page_client.PATIENCE = 60
    paths = prepare(asked.work, "default")
    offered = lines(paths, asked.rate * asked.seconds, 0)
    with page(asked.work) as url, Visitors(url, asked.visitors) as visitors:
        begun = time.monotonic()
        time.sleep(BEFORE_S)
        first = time.monotonic()
        behind, waits = offer(asked.work, offered, asked.rate)
        last = time.monotonic()
    print(f"the last was offered {behind:+.1f} s beside the plan (back-pressure)")
    print(
        f"{EventStore.of('sample').last:,} events kept; lines waited {waits[len(waits) // 2]:.2f} s"
        f" (median), {waits[int(len(waits) * 0.95)]:.2f} s (95th percentile), {waits[-1]:.2f} s"
        " at most"
    )
    print(
        f"{asked.visitors} visitors waited {1000 * visitors.p95(begun, first):.0f} ms before,"
        f" {1000 * visitors.p95(first, last):.0f} ms meanwhile (95th percentile);"
        f" {visitors.failed} of {len(visitors.waited):,} got no answer"
    )
    print(f"served: {Versions(paths).current()}")


if __name__ == "__main__":
    main()
