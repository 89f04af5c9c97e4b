"""README: its commands run as they stand in a copy of the repository, its links lead somewhere.

What a test cannot have (the real dumps, a network, a browser, minutes) is put in by `PUT_IN` and
`SERVES`; everything else is run word for word.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from checkout import copy_of_checkout, plain, with_commands
from list_files import FILES
from serving import free_port

from anirec.config import ROOT, Paths

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("  #")[0].strip()
    for block in BLOCK.findall(TEXT)
    for line in block.splitlines()
    if line.strip()
]

PUT_IN = {
    # the whole run takes minutes: its first stage stands for it, on the tiny sample
    "make run": "make run RAW_DIR=tiny ARGS='--only 00'",
    # the network and somebody's account at Kaggle: what make would do is only shown
    "make fetch DATASET=mal-2023": "make --dry-run fetch DATASET=mal-2023",
    # real people's lists: a few rows in the same format stand for them
    "make run DATASET=mal-2023": "make run DATASET=mal-2023 RAW_DIR=mal-2023 ARGS='--only 00'",
    "make run DATASET=mal-2016 RAW_DIR=path/to/files": (
        "make run DATASET=mal-2016 RAW_DIR=path/to/files ARGS='--only 00'"
    ),
    # minutes again: the first stage of the film club's own data, and stage 04 of the sample
    "anirec run film-club": "anirec run film-club --only 00",
    "anirec run --from 03 --force -p n_clusters=8 -p two-stage.retriever.l2=40": (
        "anirec run --only 00 --force -p n_clusters=8 -p two-stage.retriever.l2=40 --raw-dir tiny"
    ),
}
"""Commands that stand for those that a test cannot run as they are, and why."""

SERVES = {
    "make app": "make app ARGS='--port {port}'",
    "make lab": "make lab ARGS='--no-browser --allow-root --port {port}'",
    "anirec app --port 8900": "anirec app --port {port}",
    "anirec app --public-name anime.example.org": (
        "anirec app --public-name anime.example.org --port {port}"
    ),
    "ANIREC_APP_TOKEN=secret anirec app --host 0.0.0.0": (
        "ANIREC_APP_TOKEN=secret anirec app --host 0.0.0.0 --port {port}"
    ),
    "anirec update --events inbox/ --follow": "anirec update --events inbox/ --follow",
}
"""Commands that go on until they are stopped, here on a free port: the test stops them."""

CLUB = """name = "film-club"
[files."ratings.csv".entries]
user_id = "member"
anime_id = "show"
rating = "stars"
"""


@pytest.fixture(scope="module")
def clone(tiny_run: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository after ``make`` and a run of the tiny sample, and people's files."""
    folder = with_commands(copy_of_checkout(tmp_path_factory.mktemp("clone") / "anirec"))
    (folder / "data" / "processed").mkdir(parents=True)
    shutil.copytree(tiny_run.processed, folder / "data" / "processed" / "sample")
    shutil.copytree(tiny_run.outputs, folder / "outputs" / "sample")
    shutil.copytree(tiny_run.raw, folder / "tiny")
    shutil.copytree(ROOT / "tests" / "data" / "mal-2016", folder / "path" / "to" / "files")
    shutil.copytree(ROOT / "tests" / "data" / "mal-2023", folder / "mal-2023")
    (folder / "animelist.xml").write_bytes(FILES["MyAnimeList (XML)"])
    (folder / "club.toml").write_text(CLUB, encoding="utf-8")
    (folder / "ratings.csv").write_text("member,show,stars\n1,20,8\n2,1535,9\n", encoding="utf-8")
    event = '{"user": 7, "anime": 20, "rating": 9, "time": "2023-07-01T20:15:00Z"}\n'
    (folder / "today.jsonl").write_text(event, encoding="utf-8")
    (folder / "inbox").mkdir()
    return folder


def environment(clone: Path) -> dict[str, str]:
    return plain() | {"PATH": f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def test_every_substitution_is_for_a_command_of_the_readme() -> None:
    assert set(PUT_IN) | set(SERVES) <= set(COMMANDS)
    assert len(COMMANDS) >= 20


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("command", [c for c in dict.fromkeys(COMMANDS) if c not in SERVES])
def test_command_runs_as_it_stands(command: str, clone: Path) -> None:
    done = subprocess.run(
        PUT_IN.get(command, command),
        shell=True,
        cwd=clone,
        env=environment(clone),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or done.stderr.strip()
    assert "Traceback" not in done.stderr


def listens(port: int) -> bool:
    """Return whether something on this machine listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("command", SERVES)
def test_command_that_goes_on_starts_and_stops(command: str, clone: Path) -> None:
    """It says where it serves, and ends with Ctrl-C without a traceback."""
    said, port = clone / "said", free_port()
    with said.open("w", encoding="utf-8") as stream:
        running = subprocess.Popen(
            SERVES[command].format(port=port),
            shell=True,
            cwd=clone,
            env=environment(clone),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            # a test run in the background of a shell ignores SIGINT, and its children would
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        until = time.monotonic() + 120
        while not (listens(port) or "following" in said.read_text(encoding="utf-8")):
            assert running.poll() is None and time.monotonic() < until, said.read_text()
            time.sleep(0.1)
        for _ in range(2):  # JupyterLab wants to hear it twice
            os.killpg(running.pid, signal.SIGINT)
            try:
                running.wait(timeout=30)
                break
            except subprocess.TimeoutExpired:
                continue
    assert running.returncode is not None
    assert "Traceback" not in said.read_text(encoding="utf-8")


def test_python_of_the_readme_runs(clone: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [clone / ".venv" / "bin" / "python", "-c", code + "print(scores.shape)"],
        cwd=clone,
        env=environment(clone),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\(1, \d+\)", done.stdout.strip())


def test_without_make_says_what_make_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    said = re.search(r"^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[1].splitlines()
    installs = [line.partition("-m pip ")[2] for line in said if "pip install" in line]
    made = [
        re.sub(r" --(quiet|disable-pip-version-check)\b", "", line.partition("-m pip ")[2])
        for line in makefile.splitlines()
        if "pip install" in line and "uv" not in line
    ]
    assert installs == made


def test_figures_are_there_and_links_are_those_of_the_project() -> None:
    shown = re.findall(r"!\[[^\]]{20,}\]\(([^)]+)\)", TEXT)
    assert len(shown) == 9 == len(re.findall(r"!\[", TEXT))
    gallery = ROOT / "outputs" / "gallery"
    assert {ROOT / name for name in shown} == {f for f in gallery.iterdir() if f.is_file()}
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert list(urls) == ["Report"]
    assert f"({urls['Report']})" in TEXT and f"({urls['Report']}try.html)" in TEXT
