"""The same results on a cluster; what is lost of it costs time, or ends in one line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from small_run import small_run
from typer.main import get_command

from anirec import evaluation
from anirec.cli import app
from anirec.cluster import ADDRESS, Cluster, engine_of
from anirec.config import ROOT, InputError
from anirec.engine import Engine, InProcess, Sums
from anirec.interactions import Interactions, hold_out
from anirec.models import EASE, HybridEASE, ItemKNN, PureSVD, TwoStage
from anirec.partitions import ListPart, ListsWriter, PartitionedLists
from anirec.recommender import AnimeRecommender
from anirec.recommender.batch import recommend_to_all

N_ANIME = 30
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def whole() -> Interactions:
    """400 lists of 5 to 20 entries."""
    rng = np.random.default_rng(2)
    chances = rng.dirichlet(np.full(N_ANIME, 0.7))
    parts = [
        pd.DataFrame(
            {
                "user_id": user,
                "anime_id": rng.choice(N_ANIME, rng.integers(5, 21), replace=False, p=chances),
            }
        )
        for user in range(400)
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["rating"] = rng.integers(1, 11, len(rows)).astype(float)
    return Interactions.from_frame(rows)


@pytest.fixture(scope="module")
def lists(whole: Interactions, tmp_path_factory: pytest.TempPathFactory) -> PartitionedLists:
    folder = tmp_path_factory.mktemp("lists")
    with ListsWriter(folder) as writer:
        for users in np.array_split(np.arange(whole.shape[0]), 9):
            writer.add(whole.users(users))
    return PartitionedLists.open(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    said: list[str] = []
    with engine_of(workers=2, say=said.append) as engine:
        assert re.fullmatch(r"2 workers at tcp://\S+, watched at http://\S+/status", said[0])
        yield engine


@pytest.mark.parametrize("model", [EASE(), HybridEASE(), ItemKNN(), PureSVD(n_factors=4)])
def test_models_are_the_same(
    model,
    whole: Interactions,
    lists: PartitionedLists,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anirec.cluster.TILE", 1000)  # matrices come back in several pieces
    here = model.unfitted().fit(whole).score(whole)
    there = model.unfitted().fit(lists.by(cluster)).score(whole)
    np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-5 * np.abs(here).max())


def test_evaluation_is_the_same(
    whole: Interactions, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anirec.evaluation.ranking.BATCH", 50)
    settings = {"retriever": HybridEASE(**HybridEASE.STARTS), "n_rounds": 5}
    models = {"ease": EASE().fit(whole), "two-stage": TwoStage(**settings).fit(whole)}
    assert models["two-stage"].ranker_ is not None
    given, hidden = hold_out(whole, 0.8, 0)
    here, there = (
        evaluation.evaluate(models, given, hidden, n_bootstrap=20, engine=engine)
        for engine in (InProcess(), cluster)
    )
    pd.testing.assert_frame_equal(here, there)


def test_recommendations_are_the_same(
    tmp_path: Path, cluster: Cluster, lists: PartitionedLists
) -> None:
    recommender = AnimeRecommender.load(small_run(tmp_path))
    for name, engine in (("here", InProcess()), ("there", cluster)):
        recommend_to_all(recommender, lists.by(engine), tmp_path / name, 3, "ease")
    here, there = (pd.read_parquet(tmp_path / name) for name in ("here", "there"))
    assert len(here) > 500
    pd.testing.assert_frame_equal(here, there)


class Slow(Sums):
    """Counts entries, slowly; notes who counts in a file."""

    WHAT = "counting slowly"

    def __init__(self, notes: Path, seconds: float = 0.4) -> None:
        self.notes, self.seconds = notes, seconds

    def start(self) -> dict[str, np.ndarray]:
        return {"entries": np.zeros(1, dtype=np.int64), "square": np.ones((N_ANIME, N_ANIME))}

    def add(self, sums: dict[str, np.ndarray], chunk: Interactions) -> None:
        time.sleep(self.seconds)
        with self.notes.open("a") as notes:
            notes.write(f"{os.getpid()}\n")
        sums["entries"] += chunk.nnz


def kill_first_at_work(notes: Path) -> int:
    """Wait for somebody to work, and kill them."""
    for _ in range(200):
        if notes.is_file() and notes.read_text().endswith("\n"):
            pid = int(notes.read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)
            return pid
        time.sleep(0.05)
    raise AssertionError("nobody works")


def in_background(function, *arguments):
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1).submit(function, *arguments)


def slow_name(notes: Path, part: ListPart) -> str:
    time.sleep(0.4)
    with notes.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return part.file.name


def test_a_worker_killed_in_the_middle_costs_no_result(
    lists: PartitionedLists, cluster: Cluster, tmp_path: Path
) -> None:
    from functools import partial

    entries = lists.nnz
    killer = in_background(kill_first_at_work, tmp_path / "sums")
    assert lists.by(cluster).total(Slow(tmp_path / "sums"))["entries"] == entries
    killed = killer.result()
    assert str(killed) in (tmp_path / "sums").read_text().split()
    killer = in_background(kill_first_at_work, tmp_path / "each")
    told = dict(lists.by(cluster).each(partial(slow_name, tmp_path / "each"), "naming"))
    killer.result()
    assert [told[place] for place in range(9)] == [part.file.name for part in lists.parts]


def test_a_damaged_part_is_named(lists: PartitionedLists, cluster: Cluster, tmp_path: Path) -> None:
    bad = tmp_path / "part-00000.parquet"
    bad.write_bytes(lists.parts[3].file.read_bytes()[:100])
    parts = [*lists.parts, ListPart(bad, 3, 3, lists.anime_ids)]
    damaged = PartitionedLists(lists.anime_ids, parts, cluster)
    with pytest.raises(InputError, match=r"part-00000\.parquet is damaged \([^\n]*anew$"):
        damaged.figures  # noqa: B018
    with pytest.raises(InputError, match=r"part-00000\.parquet is damaged \([^\n]*anew$"):
        damaged.lengths  # noqa: B018


def dask(*arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def scheduler() -> Iterator[tuple[subprocess.Popen, str]]:
    process = dask("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = next(
        found[0] for line in process.stderr if (found := re.search(r"tcp://127\S+", line))
    )
    yield process, address
    process.kill()
    process.wait()


def test_a_scheduler_is_used_and_its_loss_is_one_line(
    scheduler: tuple[subprocess.Popen, str],
    lists: PartitionedLists,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, address = scheduler
    worker = dask("dask_worker", address, "--no-dashboard", "--nthreads", "2", "--no-nanny")
    try:
        monkeypatch.setenv(ADDRESS, address)
        with engine_of(say=lambda said: None) as engine:
            assert isinstance(engine, Cluster)
            assert lists.by(engine).figures.n_users == lists.shape[0]

            def lose() -> None:
                for _ in range(600):
                    if (tmp_path / "notes").is_file():
                        break
                    time.sleep(0.05)
                process.kill()

            loser = in_background(lose)
            with pytest.raises(InputError, match=rf"^the scheduler at {address} was lost: [^\n]*$"):
                lists.by(engine).total(Slow(tmp_path / "notes"))
            loser.result()
    finally:
        worker.kill()
        worker.wait()


def test_the_loss_of_all_workers_is_one_line(
    scheduler: tuple[subprocess.Popen, str],
    lists: PartitionedLists,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("anirec.cluster.WITHOUT_WORKERS", 2)
    worker = dask("dask_worker", scheduler[1], "--no-dashboard", "--nthreads", "1", "--no-nanny")
    try:
        with engine_of(scheduler[1], say=lambda said: None) as engine:
            killer = in_background(kill_first_at_work, tmp_path / "notes")
            with pytest.raises(InputError, match=r"^all workers of \S+ are gone: [^\n]*$"):
                lists.by(engine).total(Slow(tmp_path / "notes"))
            killer.result()
    finally:
        worker.kill()
        worker.wait()


def test_who_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    with engine_of() as engine:
        assert isinstance(engine, Engine) and isinstance(engine, InProcess)
    with pytest.raises(InputError, match="not both"), engine_of("tcp://127.0.0.1:1", 2):
        pass
    monkeypatch.setattr("anirec.cluster.ANSWERS_WITHIN", 1)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with (
            pytest.raises(InputError, match=f"^no scheduler answers at {address}: [^\n]*$"),
            engine_of(address),
        ):
            pass


def test_a_scheduler_without_workers(
    scheduler: tuple[subprocess.Popen, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anirec.cluster.ANSWERS_WITHIN", 2)
    with pytest.raises(InputError, match="has no workers: start some"), engine_of(scheduler[1]):
        pass


PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("   #")[0].rstrip(" &")
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith(("anirec", "dask"))
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_pages_commands_are_understood(command: str) -> None:
    """As the program would read the words, but without doing it; an unknown option is an error."""
    program, name, *words = shlex.split(command)
    if program == "anirec":
        one = get_command(app).commands[name]
    else:
        one = entry_points(group="dask_cli")[name].load()
    assert one.make_context(name, words).params


def test_the_pages_example_runs(lists: PartitionedLists, tmp_path: Path, monkeypatch) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    shutil.copytree(lists.parts[0].file.parent, tmp_path / "lists")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ADDRESS, raising=False)
    exec(example.replace('scheduler="tcp://scheduler:8786"', ""), {})
    assert (tmp_path / "model" / "model.json").is_file()
