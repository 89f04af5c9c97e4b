"""Whom the page's server lets in, asked without a browser."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager
from serving import Site, free_port, started, stopped

from anirec.app.page import TOKEN_VARIABLE
from anirec.app.server import VisitorKernels

SECRET = "a-secret-of-visitors"


def answer(port: int, path: str = "/", **headers: str) -> tuple[int, str]:
    """Return the status of an answer, and where it sends on to."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers.get("Location", "")


@pytest.fixture(scope="module")
def guarded(folders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server that asks for a token."""
    port, log = free_port(), tmp_path_factory.mktemp("guarded") / "log.txt"
    command = [sys.executable, "-m", "anirec.cli", "app", f"--port={port}"]
    environment = os.environ | folders | {TOKEN_VARIABLE: SECRET}
    process = started(command, f"http://127.0.0.1:{port}/", log, environment)
    yield port
    stopped(process)
    assert SECRET not in log.read_text()
    assert "Traceback" not in log.read_text()


def test_the_token_is_asked_for(guarded: int):
    for path in ("/", "/?profile=guess", "/?token=wrong"):
        status, location = answer(guarded, path)
        assert status == 302
        assert location.startswith("/login")
    status, location = answer(guarded, f"/?token={SECRET}")
    assert status == 302
    assert location.startswith("/?profile=")
    assert SECRET not in location


def test_a_page_of_another_name_is_refused(site: Site):
    port = int(site.url.rstrip("/").rpartition(":")[2])
    assert answer(port)[0] == 302
    assert answer(port, Host="rebound.example.org")[0] == 403


def test_a_guessed_link_opens_nothing(site: Site):
    port = int(site.url.rstrip("/").rpartition(":")[2])
    assert answer(port, "/?profile=" + "a" * 32)[0] == 404


def test_a_kernel_that_is_starting_is_left_alone():
    """Making room among many visitors once failed on it: the page answered with an error."""
    kernels = VisitorKernels()
    kernels._kernels["starting"] = ServerKernelManager()
    with ThreadPoolExecutor(1) as thread:  # the browser's tests leave a loop running in this one
        for step in (kernels.make_room(), kernels.cull_kernel_if_idle("starting")):
            thread.submit(asyncio.run, step).result()
    assert kernels.list_kernel_ids() == ["starting"]
