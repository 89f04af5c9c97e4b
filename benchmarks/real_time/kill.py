"""Kill ``anirec update --follow`` at random moments, fill its disk, and account for every event.

    python benchmarks/real_time/kill.py <work> [--events 100000] [--kills 50] [--full 2]

Events grow in files while the command follows them and is killed with SIGKILL again and again;
``--full`` times the disk is full meanwhile (a small file system is mounted on ``<work>``, which
needs root; 0 needs nothing). Afterwards: each acknowledged event is in the store, none twice, no
file is torn, and the sums and scores equal those of all lists as they are, summed up anew.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.catalogue.features import item_features
from anirec.config import Paths
from anirec.datasets import sample
from anirec.datasets.ingest import ingest
from anirec.events.event import BadEvent, Event
from anirec.events.follower import Follower
from anirec.events.store import EventStore
from anirec.events.versions import Versions
from anirec.interactions import Interactions
from anirec.models import HybridEASE, Popularity, TwoStage, load_model
from anirec.models.incremental import HybridSums

DAY = 1_700_000_000
LINES = 100
"""Lines added to the growing files at once."""

ROUND_S = 4.0
"""Seconds that the command is left to work, about; it starts in as many, while files grow."""


def places(work: Path) -> dict[str, str]:
    return {"ANIREC_DATA_DIR": str(work / "data"), "ANIREC_OUTPUT_DIR": str(work / "out")}


def prepare(work: Path, size: str = "tiny") -> Paths:
    """Simulate, ingest and fit a community below ``work``; return its folders."""
    os.environ.update(places(work))
    sample.generate(work / "raw", size=size)
    paths = Paths.of("sample", raw_dir=work / "raw")
    ingest(paths)
    lists = Interactions.from_frame(pd.read_parquet(paths.processed / "ratings.parquet"))
    features = item_features(pd.read_parquet(paths.processed / "anime.parquet"), lists.anime_ids)
    hybrid = HybridEASE().fit(lists, features=features)
    for model in (Popularity(), hybrid, TwoStage(retriever=hybrid, n_rounds=20, n_draws=1)):
        model.fit(lists, features=features).save(paths.models / model.NAME)
    return paths


def lines(paths: Paths, n: int, seed: int) -> list[str]:
    """Return lines of events of all kinds: late, repeated, of newcomers; a few are none."""
    lists = pd.read_parquet(paths.processed / "ratings.parquet", columns=["user_id", "anime_id"])
    rng = random.Random(seed)
    users = [*lists["user_id"].unique().tolist(), *range(5_000_000, 5_000_200)]
    anime = lists["anime_id"].unique().tolist()
    written: list[str] = []
    for number in range(n):
        kind = rng.random()
        record: dict[str, object] = {
            "user": rng.choice(users),
            "anime": rng.choice(anime),
            "time": DAY + number - rng.choice([0, 0, 0, 5_000]),
        }
        if kind < 0.02 and written:
            written.append(rng.choice(written[-1000:]))
            continue
        if kind < 0.03:
            written.append(rng.choice(["nonsense", '{"user": 1}', '{"user": "x", "anime": 1}']))
            continue
        if kind < 0.032:
            record = {"op": "delete-user", "user": record["user"], "time": record["time"]}
        elif kind < 0.1:
            record["op"] = "delete-entry"
        elif kind < 0.102:
            new = 70_000_000 + rng.randrange(20)
            record = {"op": "anime", "anime": new, "time": record["time"], "title": f"New {new}"}
        else:
            record |= {"rating": rng.choice([None, *range(1, 11)]), "status": "completed"}
        written.append(json.dumps(record))
    return written


class Growing:
    """Files below a folder that grow line by line until all is written."""

    def __init__(self, folder: Path, all_lines: list[str], a_second: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lines, self._pause = all_lines, LINES / a_second
        self.written: dict[str, list[str]] = {}
        self.thread = threading.Thread(target=self._write, daemon=True)
        self.thread.start()

    def _write(self) -> None:
        for start in range(0, len(self._lines), LINES):
            name = str(self.folder / f"{start // (20 * LINES):04d}.jsonl")
            some = self._lines[start : start + LINES]
            with Path(name).open("a") as stream:
                stream.write("".join(f"{line}\n" for line in some))
            self.written.setdefault(name, []).extend(some)
            time.sleep(self._pause)


class Command:
    """A running ``anirec update --follow``, and how far it acknowledged each file."""

    def __init__(self, work: Path, folder: Path, acknowledged: dict[str, int]) -> None:
        self.acknowledged = acknowledged
        self.following = threading.Event()
        self.errors: list[str] = []
        command = [sys.executable, "-m", "anirec.cli", "update", "--follow", "--events"]
        self.process = subprocess.Popen(
            [*command, str(folder)],
            env=os.environ | places(work),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.threads = [
            threading.Thread(target=read, args=(stream,), daemon=True)
            for read, stream in (
                (self._hear, self.process.stdout),
                (self._hear_errors, self.process.stderr),
            )
        ]
        for thread in self.threads:
            thread.start()

    def _hear(self, stream) -> None:
        for text in stream:
            if text.startswith("following "):
                self.following.set()
            if text.startswith("acknowledged ") and text.endswith("\n"):
                name, _, line = text.split(" ", 1)[1].strip().rpartition(":")
                self.acknowledged[name] = max(self.acknowledged.get(name, 0), int(line))

    def _hear_errors(self, stream) -> None:
        self.errors += [text.rstrip() for text in stream if ": it is no " not in text]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        status = self.process.wait()
        for thread in self.threads:
            thread.join()
        return status


def check(paths: Paths, growing: Growing, acknowledged: dict[str, int]) -> dict[str, object]:
    """Assert that nothing is lost, doubled or torn and that the model is a refit's: counts."""
    store = EventStore.of("sample")
    events, n_acknowledged = {}, 0
    for name, some in growing.written.items():
        for number, line in enumerate(some, start=1):
            try:
                event = Event.of(json.loads(line))
            except (BadEvent, ValueError):
                continue
            events.setdefault((event.user, event.anime, event.time), event)
            if number <= acknowledged.get(name, 0):
                n_acknowledged += 1
                assert store.has(event) or forgotten(store, event), f"lost: {name}:{number}"
    rows = store._rows("SELECT user, anime, time, op, rating, status FROM event", ())
    gone = [event for event in events.values() if not store.has(event)]
    assert all(forgotten(store, event) for event in gone)
    assert len(rows) == len({row[:3] for row in rows}) == len(events) - len(gone)
    for user, anime, moment, op, rating, status in rows:
        event = events[user, anime, moment]
        assert (event.op, event.rating, event.status) == (op, rating, status)
    versions = Versions(paths)
    assert versions.current().events == store.last
    half_written = [str(file) for file in versions.folder.rglob(".*")]
    assert not half_written, half_written
    for file in versions.folder.glob("0*/*/model.json"):
        load_model(file.parent)
    follower = Follower(paths, store, lambda text: None)
    follower.catch_up()
    sums = follower.models.sums["retriever"]
    sums.settings.n_neighbours = 0  # which of two equal weights is pruned is chance
    lists = follower.community.lists(store.last, sums.sorted_ids)
    constants = sums.settings.scale_, sums.usual_length
    refit = HybridSums.begin(sums.settings, lists, follower.models.features, constants)
    order = np.argsort(sums.anime_ids)
    np.testing.assert_array_equal(sums.counts[order], refit.counts)
    np.testing.assert_allclose(sums.squares[order], refit.squares, rtol=1e-6, atol=1e-6)
    apart = np.abs(sums.model().score(lists) - refit.model().score(lists)).max()
    assert apart < 1e-3, apart
    return {
        "events": len(events),
        "of deleted accounts": len(gone),
        "lines acknowledged": n_acknowledged,
        "lists": lists.shape[0],
        "versions": versions.current().number,
        "scores apart at most": float(apart),
    }


def forgotten(store: EventStore, event: Event) -> bool:
    """Return whether the event's account was deleted later, so that nothing of it is kept."""
    query = "SELECT max(time) FROM event WHERE user = ? AND op = 'delete-user'"
    return event.time <= (store._one(query, event.user)[0] or -1)


def run(work: Path, n_events: int, kills: int, full: int, seed: int = 0) -> dict[str, object]:
    """Prepare, kill, fill and check; return what was counted."""
    paths = prepare(work)
    rng = random.Random(seed)
    growing = Growing(
        Path(tempfile.mkdtemp(prefix="anirec-events-")),
        lines(paths, n_events, seed),
        n_events / (2 * kills * ROUND_S),
    )
    acknowledged: dict[str, int] = {}
    # Early, while events come for sure.
    full_at = set(rng.sample(range(max(full, kills // 3)), full))
    start = time.perf_counter()
    for number in range(kills):
        command = Command(work, growing.folder, acknowledged)
        if number in full_at:
            command.following.wait()
            time.sleep(ROUND_S)
            ballast = fill(work)
            status = command.process.wait(timeout=120)
            command.end(signal.SIGKILL)
            ballast.unlink()
            assert status == 2, (status, command.errors)
            print(f"full: {command.errors[-1]}", flush=True)
        else:
            if rng.random() < 0.8:  # else while it starts
                command.following.wait()
            time.sleep(rng.uniform(0.0, 2 * ROUND_S))
            command.end(signal.SIGKILL)
        done = sum(acknowledged.values())
        print(f"{number + 1} of {kills} ended; {done:,} lines acknowledged", flush=True)
    growing.thread.join()
    command = Command(work, growing.folder, acknowledged)
    served, store = Versions(paths), EventStore.of("sample")
    while read_in(store) < n_events or served.current().events < store.last:
        assert command.process.poll() is None, command.errors
        time.sleep(0.2)
    command.following.wait()
    status = command.end(signal.SIGTERM)
    assert status == 0, (status, command.errors[-20:])
    counted = {"kills": kills, "disk full": full, "seconds": time.perf_counter() - start}
    os.environ.update(places(work))
    return counted | check(paths, growing, acknowledged)


def read_in(store: EventStore) -> int:
    """Return how many lines were read, by the store's account."""
    return store._one("SELECT coalesce(sum(line), 0) FROM source")[0]


def fill(work: Path) -> Path:
    """Fill the disk that ``work`` is on; return the file that fills it."""
    ballast = work / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"\0" * 2**16)
        except OSError:
            return ballast


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--full", type=int, default=2)
    parser.add_argument("--megabytes", type=int, default=400, help="of the disk that gets full")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.full:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={asked.megabytes}m", "tmpfs"]
        subprocess.run([*mount, str(asked.work)], check=True)
    try:
        counted = run(asked.work, asked.events, asked.kills, asked.full)
    finally:
        if asked.full:
            subprocess.run(["umount", "-l", str(asked.work)], check=False)
    for name, value in counted.items():
        print(f"{name}: {value:,.4g}" if isinstance(value, float) else f"{name}: {value:,}")


if __name__ == "__main__":
    main()
