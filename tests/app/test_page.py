"""The page's server without a browser: what it refuses, what it says, what it tells the browser."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys

import pytest
from small_run import small_run

from anirec.app import page
from anirec.config import InputError

server = pytest.importorskip("anirec.app.server")


@pytest.fixture
def run_environment(tmp_path, monkeypatch):
    small_run(tmp_path)
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(tmp_path / "outputs"))
    monkeypatch.delenv(page.TOKEN_VARIABLE, raising=False)
    return tmp_path


def test_a_port_in_use_is_told_in_one_line(run_environment):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "anirec.cli", "app", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip() == (
        f"anirec: cannot listen on 127.0.0.1:{port} (Address already in use): "
        "stop what uses it or pass --port"
    )


def test_a_dataset_that_was_not_run_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("ANIREC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ANIREC_OUTPUT_DIR", str(tmp_path))
    with pytest.raises(InputError, match="run 'anirec run --dataset sample' first"):
        page.serve("sample", 8866)


def test_other_machines_are_served_with_a_token_only(run_environment):
    with pytest.raises(InputError, match="ANIREC_APP_TOKEN"):
        page.serve("sample", 8866, hosts=["0.0.0.0"])


def test_the_notebook_behind_the_page_holds_no_more_than_the_box(run_environment, tmp_path):
    from anirec.config import Paths

    file = tmp_path / "page.ipynb"
    page.write_notebook(file, Paths.of("sample"))
    cells = json.loads(file.read_text())["cells"]
    assert ["".join(cell["source"]).splitlines()[0] for cell in cells] == [
        "from anirec.app.page import show_box"
    ]


def test_the_address_switches_images_and_keeps_the_token():
    off = page.page_of("profile=abc")
    assert (off.images, off.toggle_images) == (False, "?profile=abc&images=1")
    on = page.page_of("profile=abc&images=1")
    assert (on.images, on.toggle_images) == (True, "?profile=abc")
    assert page.token_of("images=1") == ""


def test_the_policy_allows_this_server_only_and_images_on_demand():
    plain = server.content_security_policy("127.0.0.1:8866", "n0nce")
    assert "default-src 'none'" in plain
    assert "https://" not in plain
    assert "'unsafe-inline'" not in plain.split("script-src")[1].split(";")[0]
    assert "connect-src 'self' ws://127.0.0.1:8866 wss://127.0.0.1:8866" in plain
    images = server.content_security_policy("127.0.0.1:8866", "n0nce", images=True)
    assert images == plain.replace(
        "img-src 'self' data:", f"img-src 'self' data: {server.IMAGE_HOST}"
    )


def test_tokens_are_masked_in_every_log(caplog):
    before = logging.getLogRecordFactory()
    server.mask_tokens()
    try:
        logging.getLogger("any").warning("GET /?profile=s3cret-_&images=1 %s", "token=other")
    finally:
        logging.setLogRecordFactory(before)
    assert "s3cret" not in caplog.text
    assert "other" not in caplog.text
    assert "images=1" in caplog.text


def test_kernels_are_bounded_culled_and_not_restarted(tmp_path):
    settings = server.settings(server.Site(tmp_path / "a.ipynb", None, None, visitors=7))
    assert settings.VisitorKernels.most == 7 + (0 if server.forked.AVAILABLE else server.WAITING)
    assert settings.MappingKernelManager.cull_idle_timeout == server.IDLE_SECONDS
    assert settings.MappingKernelManager.cull_connected is True
    assert settings.KernelRestarter.restart_limit == 0
