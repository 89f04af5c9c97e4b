"""What strangers try on the page's server: refused, bounded, and nobody else notices."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from page_client import PROTOCOL, PageClient, packed
from serving import free_port, kernels_of, started, stopped
from small_run import small_run
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from anirec.app import forked
from anirec.app.page import TOKEN_VARIABLE
from anirec.app.visitor_kernels import MOST_CONTENT

pytestmark = pytest.mark.skipif(not forked.AVAILABLE, reason="kernels are forked on Linux only")

VISITORS = 3
SECRET = "a-secret-of-visitors"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}


@dataclass(frozen=True)
class Server:
    """A server, and what is known of it."""

    url: str
    log: Path
    process: object
    profiles: Path

    @property
    def port(self) -> int:
        return urlsplit(self.url).port

    def ask(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict, str]:
        """Return the status, headers and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.headers), text

    @property
    def health(self) -> dict:
        return json.loads(self.ask("/health")[2])


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    """Serve the small run; when it is over the log holds no traceback."""
    port, log = free_port(), folder / f"log-{time.monotonic_ns()}.txt"
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "anirec.cli", "app", f"--port={port}", *options]
    known = {"ANIREC_DATA_DIR": str(folder), "ANIREC_OUTPUT_DIR": str(folder / "outputs")}
    process = started(command, url, log, os.environ | known | environment)
    try:
        yield Server(url, log, process, folder / "profiles" / "sample.sqlite")
    finally:
        stopped(process)
        assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    small_run(folder)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with serving(folder, f"--visitors={VISITORS}", "--visits=1000") as server:
        yield server


def done(coroutine):
    """Run a coroutine: the browser's tests leave a loop running in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


async def gone(server: Server, *clients: PageClient) -> None:
    """Close pages for good, as a browser does."""
    for client in clients:
        client.close()
        request = HTTPRequest(
            f"{server.url}voila/api/shutdown/{client.kernel}", method="POST", body=""
        )
        await client.http().fetch(request)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_other_sites_start_no_kernels(server: Server):
    before = server.health["started"]
    token = re.search("profile=([^&]+)", server.ask("/")[1]["Location"])[1]
    page = f"/?profile={token}"
    elsewhere = [
        CROSS_SITE,
        CROSS_SITE | {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Host": "rebound.example.org"},
    ]
    leading = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    for headers in [*elsewhere, leading | {"Sec-Purpose": "prefetch;prerender"}]:
        status, _, text = server.ask(page, **headers)
        assert status == 403
        assert text.count("\n") == 1
    assert server.health["started"] == before
    assert server.ask(page, **leading)[0] == 200
    until(lambda: server.health["started"] == before + 1)


def test_what_is_no_page_is_answered_in_one_line(server: Server):
    for method in ("HEAD", "TRACE", "PUT", "DELETE", "OPTIONS"):
        status, headers, text = server.ask("/", method)
        assert status == 405
        assert headers["Allow"] == "GET, POST"
        assert len(text.splitlines()) <= 1
    some = "12345678-1234-1234-1234-123456789abc"
    for path in (
        "/voila/templates/nobody/static/a.js",
        "/voila/templates/lab/static/../../../../etc/passwd",
        "/voila/static/..%2f..%2f..%2fetc/passwd",
        f"/voila/query/{some}",
        "/voila/files/anirec.ipynb",
        f"/api/kernels/{some}",
        f"/api/kernels/{some}/channels",
        "/?profile=%00%ff",
    ):
        status, _, text = server.ask(path)
        assert status in (400, 403, 404)
        assert "Traceback" not in text
        assert str(Path.cwd()) not in text


def test_more_visitors_at_once_than_there_may_be_get_no_more_kernels(folder: Path):
    async def visits(server: Server) -> list[PageClient | None]:
        async def one() -> PageClient | None:
            client = PageClient(server.url)
            try:
                await client.open()
            except HTTPClientError as error:
                assert error.code == 503
                assert int(error.response.headers["Retry-After"]) > 0
                return None
            return client

        clients = await asyncio.gather(*(one() for _ in range(2 * VISITORS)))
        assert len(kernels_of(server.process.pid)) <= VISITORS
        for client in filter(None, clients):
            client.close()
        return clients

    with serving(folder, f"--visitors={VISITORS}") as server:
        served = done(visits(server))
        assert sum(client is not None for client in served) == VISITORS
        assert server.health["refused"] == VISITORS


def test_visits_without_a_token_store_nothing_and_are_bounded(folder: Path):
    with serving(folder, "--visits=20") as server:
        statuses = [server.ask("/")[0] for _ in range(60)]
        assert statuses.count(302) < 25
        status, headers, _ = server.ask("/")
        assert status == 429
        assert int(headers["Retry-After"]) > 0
        assert server.health["kernels"] == 0
        with sqlite3.connect(server.profiles) as database:
            assert database.execute("SELECT count(*) FROM profile").fetchone() == (0,)


def test_a_list_is_stored_from_the_first_title_on(server: Server):
    async def visit() -> None:
        client = PageClient(server.url)
        await client.open()
        await client.add("iron sky")
        again = PageClient(server.url)
        await again.open(client.address)
        assert again.cards > 0
        await gone(server, client, again)

    done(visit())


def hostile_messages() -> dict[str, bytes | str]:
    def message(kind: str, content: object, channel: str = "shell", *more: bytes) -> bytes:
        header = json.dumps({"msg_id": "1", "msg_type": kind, "session": "s", "username": ""})
        parts = [header.encode(), b"{}", b"{}", json.dumps(content).encode(), *more]
        return packed(channel, *parts)

    def update(**state: object) -> bytes:
        return message("comm_msg", {"comm_id": "x", "data": {"method": "update", "state": state}})

    nobody = {"comm_id": "x", "data": {}}
    code = {"code": "import os; os._exit(1)", "silent": False}
    return {
        "code": message("execute_request", code),
        "shutdown": message("shutdown_request", {"restart": False}),
        "control": message("kernel_info_request", {}, "control"),
        "stdin": message("input_reply", {"value": "x"}, "stdin"),
        "long search": update(value="naruto " * 1000),
        "megabytes": update(value="a" * 1_000_000),
        "many tags": update(value=["a"] * 10_000),
        "deep": message("comm_msg", {}).replace(b"{}", b"[" * 20_000),
        "huge file": message("comm_msg", nobody, "shell", bytes(MOST_CONTENT + 1)),
        "no message": b"\xff" * 200,
        "nothing": b"",
        "text": json.dumps({"header": {"msg_type": "comm_msg"}, "channel": "shell"}),
        "no object": packed("shell", b"1", b"2", b"3", b"4"),
    }


@pytest.mark.parametrize("name", hostile_messages())
def test_what_no_page_sends_ends_its_connection_and_no_kernel(server: Server, name: str):
    async def visit() -> None:
        client = PageClient(server.url)
        await client.open()
        client.send(hostile_messages()[name])
        with pytest.raises(ConnectionError):
            await client.until(lambda: False, 10)
        again = PageClient(server.url)
        again.kernel = client.kernel
        await again.connect()
        await again.until(again.is_ready)
        await again.type("tea")
        await gone(server, again)

    done(visit())
    assert "a page's connection was ended" in server.log.read_text()


def test_a_flood_of_messages_is_ended(server: Server):
    async def visit() -> None:
        client = PageClient(server.url)
        await client.open()
        with pytest.raises(ConnectionError):
            for number in range(5000):
                client.act("search", value=str(number))
                if number % 100 == 0:
                    await client.until(lambda: True)
            await client.until(lambda: False, 10)
        await gone(server, client)

    done(visit())


def test_failing_on_purpose_tells_nothing_of_the_server(server: Server):
    async def visit() -> list[str]:
        client = PageClient(server.url)
        await client.open()
        heard: list[str] = []
        client.hear = lambda parts: heard.append(b" ".join(parts).decode(errors="replace"))
        for widget in (client.box, "nobody"):
            client.tell("comm_msg", comm_id=widget, data={"method": "update", "state": {"x": [1]}})
            client.tell("comm_msg", comm_id=widget, data={"method": "custom", "content": [1]})
            client.tell("comm_msg", comm_id=widget, data={"method": 7})
        client.tell("comm_open", comm_id="a", target_name="os.system", data={})
        await client.type("tea")
        await gone(server, client)
        return heard

    text = " ".join(done(visit()))
    assert "Traceback" not in text
    assert ".py" not in text


def test_sockets_of_other_sites_and_other_kernels_are_refused(server: Server):
    async def visit() -> None:
        client = PageClient(server.url)
        await client.open()
        socket_url = server.url.replace("http", "ws") + f"api/kernels/{client.kernel}/channels"
        for url, headers in (
            (socket_url, {"Origin": "https://example.org"}),
            (socket_url, {"Host": "rebound.example.org"}),
            (socket_url.replace(client.kernel, client.kernel[::-1]), {}),
            (server.url.replace("http", "ws") + f"voila/query/{client.kernel}", {}),
        ):
            with pytest.raises(HTTPClientError) as refused:
                await websocket_connect(HTTPRequest(url, headers=headers), subprotocols=[PROTOCOL])
            assert refused.value.code in (403, 404)
        await client.type("tea")
        await gone(server, client)

    done(visit())


def test_half_open_sockets_keep_nobody_out(server: Server):
    async def visit() -> None:
        client = PageClient(server.url)
        await client.open()
        await client.type("tea")
        await gone(server, client)

    with ExitStack() as stack:
        for number in range(200):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" if number % 2 else b"")
        done(visit())


def test_secrets_are_not_guessed_quickly(folder: Path):
    with serving(folder, **{TOKEN_VARIABLE: SECRET}) as server:
        statuses = [server.ask(f"/?token=guess{number}")[0] for number in range(50)]
        assert statuses.count(302) <= 7
        status, headers, text = server.ask("/?token=another")
        assert status == 429
        assert int(headers["Retry-After"]) >= 1
        assert SECRET not in text + server.log.read_text()
        assert server.ask("/health")[0] == 200
        kernels = [psutil.Process(pid) for pid in kernels_of(server.process.pid).values()]
        nursery = psutil.Process(server.process.pid).children()
        for process in (*kernels, *nursery):
            assert SECRET not in "".join(process.environ().values())


def test_a_page_below_a_path_and_at_several_addresses(folder: Path):
    async def visit(url: str) -> None:
        client = PageClient(url)
        html = await client.fetch()
        assert '="/voila' not in html
        await client.connect()
        await client.until(client.is_ready)
        await client.type("tea")
        client.close()

    with serving(folder, "--path=anime", "--host=127.0.0.1", "--host=127.0.0.2") as server:
        done(visit(f"{server.url}anime/"))
        done(visit(f"{server.url.replace('127.0.0.1', '127.0.0.2')}anime/"))
        assert server.ask("/anime/health")[0] == 200
        assert server.ask("/")[0] == 404


def test_comings_and_goings_leave_nothing_behind(folder: Path):
    async def come_and_go(server: Server) -> None:
        for _ in range(5):
            clients = [PageClient(server.url) for _ in range(2)]
            await asyncio.gather(*(client.open() for client in clients))
            await gone(server, *clients)

    def left(server: Server) -> tuple[int, int]:
        done(come_and_go(server))
        main = psutil.Process(server.process.pid)
        until(lambda: server.health["kernels"] == 0 and not kernels_of(main.pid))
        return main.num_fds(), main.memory_info().rss

    with serving(folder) as server:
        files, memory = left(server)
        more_files, more_memory = left(server)
        assert more_files <= files + 2
        assert more_memory < memory + 20 * 2**20


def test_a_dead_nursery_is_told_and_replaced(server: Server):
    async def visit() -> PageClient:
        client = PageClient(server.url)
        await client.open()
        client.close()
        return client

    done(visit())
    children = psutil.Process(server.process.pid).children()
    nursery = next(p for p in children if "anirec.app.nursery" in p.cmdline())
    nursery.send_signal(signal.SIGKILL)
    until(lambda: server.health["kernels"] == 0)
    until(lambda: not kernels_of(server.process.pid))
    done(visit())


def test_the_end_of_the_server_is_the_end_of_everything(folder: Path):
    for how in (signal.SIGTERM, signal.SIGKILL):
        with serving(folder) as server:

            async def visit(server: Server = server) -> None:
                client = PageClient(server.url)
                await client.open()
                client.close()

            done(visit())
            family = psutil.Process(server.process.pid).children(recursive=True)
            assert len(family) == 2
            server.process.send_signal(how)
            server.process.wait(20)
            until(lambda family=family: not any(p.is_running() for p in family))
