"""Where people are: folders that may not be written to, no network, the background, no POSIX."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import copy_of_checkout, plain, with_commands

from anirec.config import ROOT

OFFLINE = """
import socket
def refused(self, address, *rest):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
        raise OSError(f"the network was asked for {address}")
    return connect(self, address, *rest)
connect = socket.socket.connect
socket.socket.connect = socket.socket.connect_ex = refused
socket.getaddrinfo = lambda host, *rest, **more: (_ for _ in ()).throw(OSError(f"asked for {host}"))
"""

NO_POSIX = """
import os, signal, sys
import distributed, ipykernel.kernelapp, jupyter_client, keras, sklearn, voila.app  # may need it
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "_posixsubprocess"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "killpg", "setsid", "sched_getaffinity", "waitpid"):
    delattr(os, name)
for name in ("SIGCHLD", "SIGKILL", "SIGHUP", "SIGPROF", "setitimer", "pthread_sigmask"):
    delattr(signal, name)
import importlib, pkgutil
import anirec
for module in pkgutil.walk_packages(anirec.__path__, "anirec."):
    if module.name not in ("anirec.cli.__main__", "anirec.app.nursery"):  # it is what forks
        importlib.import_module(module.name)
from anirec.app import forked
print("all imported, forks:", forked.AVAILABLE)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, tiny_raw: Path) -> Path:
    """A copy of the repository in a folder with spaces and other letters, not to be written to."""
    folder = tmp_path_factory.mktemp("Ein Ördner mit アニメ") / "any rec"
    with_commands(copy_of_checkout(folder))
    shutil.copytree(tiny_raw, folder.parent / "raw files")
    (folder.parent / "offline").mkdir()
    (folder.parent / "offline" / "sitecustomize.py").write_text(OFFLINE, encoding="utf-8")
    for file in (folder, *folder.rglob("*")):
        file.chmod(file.stat().st_mode & ~0o222)
    yield folder
    for file in (folder, *folder.rglob("*")):
        file.chmod(file.stat().st_mode | 0o200)


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_size) for f in folder.rglob("*")}


def elsewhere(clone: Path) -> dict[str, str]:
    """Return an environment without a network, with data and outputs outside the repository."""
    return plain() | {
        "ANIREC_DATA_DIR": str(clone.parent / "Dáten hier"),
        "ANIREC_OUTPUT_DIR": str(clone.parent / "Ausgaben"),
        "PYTHONPATH": f"{clone / 'lib'}{os.pathsep}{clone.parent / 'offline'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def test_a_checkout_that_cannot_be_written_to_runs_without_a_network(clone: Path) -> None:
    """The first two stages, a notebook among them; nothing in the checkout changes, and nobody is
    asked for anything."""
    before = state_of(clone)
    for arguments in (["run", "--only", "00"], ["run", "--only", "02"], ["doctor", "--no-gpu"]):
        raw = ["--raw-dir", "../raw files"] if arguments[0] == "run" else []
        done = subprocess.run(
            [sys.executable, "-m", "anirec.cli", *arguments, *raw],
            cwd=clone,
            env=elsewhere(clone),
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
    assert (clone.parent / "Ausgaben" / "sample" / "report" / "index.html").is_file()
    assert state_of(clone) == before


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_run_in_the_background_ends_by_itself(clone: Path) -> None:
    """No terminal, nothing to read from, Ctrl-C ignored as shells have it there."""
    said = clone.parent / "said"
    command = "make run RAW_DIR='../raw files' ARGS='--only 00' >../said 2>&1 </dev/null & wait $!"
    done = subprocess.run(
        ["sh", "-c", command], cwd=clone, env=elsewhere(clone), start_new_session=True
    )
    assert done.returncode == 0, said.read_text(encoding="utf-8")
    assert "Report: " in said.read_text(encoding="utf-8")


def test_nothing_of_posix_alone_is_needed_to_import_it() -> None:
    """As on Windows, where these modules and functions are not; kernels are started there."""
    done = subprocess.run(
        [sys.executable, "-c", NO_POSIX],
        env=plain() | {"PYTHONPATH": str(ROOT / "lib"), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all imported, forks: False\n"
