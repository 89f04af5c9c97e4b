"""A visitor without a browser: speaks the page's protocol, draws nothing."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from itertools import pairwise

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

PROTOCOL = "v1.kernel.websocket.jupyter.org"
PATIENCE = 20
CONTROL = "jupyter.widget.control"
VERSION = {"version": "1.0.0"}
"""Of the protocol in which all widgets' states are asked for."""


def packed(channel: str, *parts: bytes) -> bytes:
    """Return a message of `PROTOCOL`: where its parts begin, and the parts."""
    pieces = [channel.encode(), *parts]
    place = 8 * (len(pieces) + 2)
    offsets = [place]
    for piece in pieces:
        place += len(piece)
        offsets.append(place)
    numbers = [len(offsets), *offsets]
    return b"".join([*(number.to_bytes(8, "little") for number in numbers), *pieces])


def unpacked(message: bytes) -> tuple[str, list[bytes]]:
    """Return a message's channel and parts."""
    count = int.from_bytes(message[:8], "little")
    at = [int.from_bytes(message[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    pieces = [message[a:b] for a, b in pairwise(at)]
    return pieces[0].decode(), pieces[1:]


class PageClient:
    """One visitor: `open`, `type`, `add`, `close`.

    Attributes
    ----------
    url : the server's address.
    state : what the visitor sees: each widget's state by its id.
    kernel : the id of the visitor's kernel.
    address : the visitor's own address, once open.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.state: dict[str, dict] = {}
        self.kernel = self.address = ""
        self._session = uuid.uuid4().hex
        self._socket: WebSocketClientConnection | None = None
        self._said = 0
        self._changed = asyncio.Event()
        self._reader: asyncio.Task | None = None

    def http(self) -> AsyncHTTPClient:
        return AsyncHTTPClient()

    async def fetch(self, address: str = "") -> str:
        """Ask for the page, as a browser does; return it."""
        request = HTTPRequest(address or f"{self.url}/", request_timeout=PATIENCE)
        answer = await self.http().fetch(request)
        self.address = answer.effective_url
        html = answer.body.decode()
        self.kernel = re.search(r'"kernelId": "([0-9a-f-]+)"', html)[1]
        return html

    async def connect(self) -> None:
        """Open the socket to the kernel, and fetch the state of all widgets."""
        url = f"{self.url}/api/kernels/{self.kernel}/channels?session_id={self._session}"
        self._socket = await websocket_connect(
            HTTPRequest(url.replace("http", "ws", 1), request_timeout=PATIENCE),
            subprotocols=[PROTOCOL],
            max_message_size=2**26,
        )
        self._reader = asyncio.create_task(self._read())
        self.control = uuid.uuid4().hex
        self.tell("comm_open", comm_id=self.control, target_name=CONTROL, data={})
        self.tell("comm_msg", comm_id=self.control, data={"method": "request_states"})
        await self.until(lambda: self.state)

    async def open(self, address: str = "") -> None:
        """Open the page and wait until its search field can be used."""
        await self.fetch(address)
        await self.connect()
        await self.until(self.is_ready)

    def tell(self, kind: str, **content: object) -> None:
        """Send the kernel a message."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": self._session,
            "username": "",
            "date": "2026-01-01T00:00:00Z",
            "version": "5.2",
        }
        parts = (json.dumps(part).encode() for part in (header, {}, VERSION, content))
        self.send(packed("shell", *parts))

    def send(self, message: bytes | str) -> None:
        self._socket.write_message(message, binary=isinstance(message, bytes))

    def act(self, act: str, **about: object) -> None:
        """Say something to the box, as its script does."""
        self._said += 1
        content = {"act": act, "n": self._said, **about}
        self.tell("comm_msg", comm_id=self.box, data={"method": "custom", "content": content})

    async def _read(self) -> None:
        while (message := await self._socket.read_message()) is not None:
            if isinstance(message, bytes):
                self._take(unpacked(message)[1])
        self._changed.set()

    def hear(self, parts: list[bytes]) -> None:
        """Called with each message; there to be replaced."""

    def _take(self, parts: list[bytes]) -> None:
        self.hear(parts)
        kind = json.loads(parts[0])["msg_type"]
        if kind not in ("comm_msg", "comm_open"):
            return
        content = json.loads(parts[3])
        data = content["data"]
        if data.get("method") == "update_states":
            self.state = {name: found["state"] for name, found in data["states"].items()}
        elif "state" in data:
            self.state.setdefault(content["comm_id"], {}).update(data["state"])
        self._changed.set()

    async def until(self, true, patience: float | None = None) -> None:
        """Wait until something is true of what the visitor sees.

        Raises
        ------
        TimeoutError
            If it does not become true.
        ConnectionError
            If the kernel's socket was closed meanwhile.
        """
        async with asyncio.timeout(patience or PATIENCE):
            while not true():
                self._changed.clear()
                if self._reader is not None and self._reader.done():
                    raise ConnectionError("the kernel's socket was closed")
                await self._changed.wait()

    # --- what the visitor sees and does

    @property
    def box(self) -> str:
        """The box's widget."""
        return next(key for key, s in self.state.items() if "results" in s)

    @property
    def shown(self) -> dict:
        """The parts of the box, as HTML, by their names."""
        return self.state[self.box]

    def is_ready(self) -> bool:
        return any(s.get("state", {}).get("ready") for s in self.state.values() if "results" in s)

    @property
    def matches(self) -> list[str]:
        """What is offered for what was typed."""
        return re.findall(r'role="option".*?>(.*?)</button>', self.shown["found"])

    @property
    def cards(self) -> int:
        """How many recommendations are shown."""
        return self.shown["results"].count('class="anirec-card"')

    async def type(self, text: str) -> None:
        """Type into the search field; return once something is offered."""
        before = self.matches
        self.act("search", value=text)
        await self.until(lambda: self.matches and self.matches != before)

    async def add(self, text: str) -> None:
        """Search, take the first match, and wait for recommendations."""
        await self.type(text)
        first = re.search(r'role="option".*?data-anime="(\d+)"', self.shown["found"])[1]
        self.act("pick", anime=int(first))
        await self.until(lambda: self.cards)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
