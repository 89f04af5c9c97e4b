"""Servers that tests start, and what they know of them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from anirec.config import ROOT, Paths

ARTIFACTS = ROOT / "tests" / "artifacts"
HOSTILE = '<img src=x onerror="window.hacked=1"> & <b>bold</b>'
"""A title that the data of the test's run give to one anime."""

START_SECONDS = 60


@dataclass(frozen=True)
class Site:
    """A running server.

    Attributes
    ----------
    url : its address.
    log : the file with all it printed.
    process : the server itself.
    paths : the run it serves.
    profiles : the database with the visitors' lists.
    """

    url: str
    log: Path
    process: subprocess.Popen
    paths: Paths
    profiles: Path

    def kernels(self) -> dict[str, int]:
        """Return the process id of each kernel by its id."""
        return kernels_of(self.process.pid)


def kernels_of(server: int) -> dict[str, int]:
    """Return the process id of each kernel of a server by its id, known by its sockets' names."""
    import psutil

    found = {}
    for child in psutil.Process(server).children(recursive=True):
        try:
            sockets = [socket.laddr for socket in child.net_connections(kind="unix")]
        except psutil.NoSuchProcess:
            continue
        match = re.search(r"kernel-([0-9a-f-]{36})", " ".join(sockets))
        if match:
            found[match[1]] = child.pid
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def started(command: list[str], url: str, log: Path, environment: dict) -> subprocess.Popen:
    """Start a server and wait until it listens."""
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
        )
    address = re.search(r"//([\d.]+):(\d+)", url)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((address[1], int(address[2])), timeout=1).close()
            return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError(f"the server did not start: {log.read_text()}")


def stopped(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
