"""The kernels of a page's visitors: how many there are, when they end, what they are told."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Integer

from anirec.lists import MAX_UPLOAD

ABANDONED_SECONDS = 120
"""A kernel that no page is connected to is stopped after so long; where room is needed, sooner."""

NEEDED_SECONDS = 10

PROTOCOL = "v1.kernel.websocket.jupyter.org"
ALLOWED = ("comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request")
"""The messages that a page sends its kernel: none of them runs code."""

MOST_TEXT = 65_536
"""Bytes of each part of a message; a file's content is in a buffer of its own."""

MOST_PARTS = 6, 10
"""Places that a message names: of its channel, four parts and up to four buffers, and its end."""

MOST_CONTENT = MAX_UPLOAD + 2**20
"""Bytes of a message's buffers: a file a little too large is refused by name, not cut off."""

LONGEST_VALUE = 300
"""Characters of a text that a visitor types, and of a name that a file has."""

MOST_VALUES = 100
"""Values of a field that takes several."""

MESSAGES_A_SECOND = 60
MESSAGES_AT_ONCE = 600
SOCKETS_OF_A_KERNEL = 4

log = logging.getLogger("anirec.server")


class TooMany(Exception):
    """There are as many kernels as there may be."""


class Unacceptable(Exception):
    """A message that no page sends; the text says what is wrong with it."""


class VisitorKernels(AsyncMappingKernelManager):
    """The kernels: never more than `most`, and none that its page has left for long."""

    most = Integer(24, config=True, help="How many kernels there may be.")

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        # Each visitor has half a dozen sockets here; ZeroMQ allows a thousand otherwise.
        self.context.max_sockets = 65_000
        self.ended: dict[str, set[Callable[[], None]]] = {}
        self.started = 0
        self._reserved: set[str] = set()

    async def start_kernel(self, **kwargs: object) -> str:
        """Start a kernel; its place is taken before that. Raises TooMany if there is none."""
        kernel_id = kwargs.setdefault("kernel_id", str(uuid4()))
        self._reserved.add(kernel_id)
        try:
            await self.check_room(self.most)
            self.started += 1
            return await super().start_kernel(**kwargs)
        finally:
            self._reserved.discard(kernel_id)

    async def check_room(self, most: int) -> None:
        """Make room if more than ``most`` kernels are there. Raises TooMany if that helps not."""
        if self.taken() > most:
            await self.make_room()
        if self.taken() > most:
            raise TooMany

    def taken(self) -> int:
        """Return how many kernels there are or will be in a moment."""
        return len(self._reserved.union(self.list_kernel_ids()))

    def remove_kernel(self, kernel_id: str):
        """Forget a kernel, however it ended, and tell who waits for that."""
        self._kernel_connections.pop(kernel_id, None)
        for tell in self.ended.pop(kernel_id, ()):
            tell()
        return super().remove_kernel(kernel_id)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        if self._abandoned(kernel_id, ABANDONED_SECONDS):
            await self.shutdown_kernel(kernel_id, now=True)
        elif self._started(kernel_id):
            await super().cull_kernel_if_idle(kernel_id)

    async def make_room(self) -> None:
        """Stop all kernels that their pages have left."""
        for kernel_id in self.list_kernel_ids():
            if self._abandoned(kernel_id, NEEDED_SECONDS):
                await self.shutdown_kernel(kernel_id, now=True)

    def connected(self) -> int:
        """Return how many pages are connected to their kernels."""
        return sum(self._kernel_connections.values())

    def _started(self, kernel_id: str) -> bool:
        """Return whether a kernel is there to be asked; one that is starting has no times yet."""
        return kernel_id in self and self.get_kernel(kernel_id).trait_has_value("last_activity")

    def _abandoned(self, kernel_id: str, seconds: float) -> bool:
        """Return whether a kernel is without a page, busy or not, and waits for no visitor."""
        if not self._started(kernel_id) or self._kernel_connections.get(kernel_id):
            return False
        if kernel_id in self._waiting():
            return False
        model = self.kernel_model(kernel_id)
        quiet = datetime.now(UTC) - datetime.fromisoformat(model["last_activity"])
        return quiet.total_seconds() > seconds

    def _waiting(self) -> set[str]:
        """Return the kernels that Voilà has started ahead of time."""
        pools = getattr(self, "_pools", {})
        tasks = [task for pool in pools.values() for task in pool if task.done()]
        return {t.result()["kernel_id"] for t in tasks if not t.cancelled() and not t.exception()}


class VisitorConnection(ZMQChannelsWebsocketConnection):
    """A page's connection to its kernel: what comes in is bounded, checked and paced.

    What no page sends ends the connection, with one line in the log.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._allowance = float(MESSAGES_AT_ONCE)
        self._counted = time.monotonic()

    async def prepare(self) -> None:
        if self.multi_kernel_manager._kernel_connections.get(self.kernel_id, 0) >= (
            SOCKETS_OF_A_KERNEL
        ):
            self._end("more pages than one kernel has")
            return
        await super().prepare()

    def create_stream(self) -> None:
        """Connect to the two channels that widgets need."""
        identity = self.session.bsession
        for channel in ("iopub", "shell"):
            connect = getattr(self.kernel_manager, f"connect_{channel}")
            self.channels[channel] = stream = connect(identity=identity)
            stream.channel = channel

    def handle_incoming_message(self, incoming_msg: bytes) -> None:
        if not self.channels:
            return
        try:
            self._count()
            self._forward(incoming_msg)
        except Unacceptable as error:
            self._end(str(error))

    def _count(self) -> None:
        now = time.monotonic()
        earned = (now - self._counted) * MESSAGES_A_SECOND
        self._allowance = min(self._allowance + earned, MESSAGES_AT_ONCE) - 1
        self._counted = now
        if self._allowance < 0:
            raise Unacceptable("more messages than a person causes")

    def _forward(self, incoming: bytes) -> None:
        parts = message_parts(incoming, self.subprotocol)
        check_message(parts)
        self.session.send_raw(self.channels["shell"], parts)

    def _end(self, reason: str) -> None:
        log.warning("a page's connection was ended: %s", reason)
        self.websocket_handler.close(1008, reason)


def message_parts(incoming: bytes, protocol: str | None) -> list[bytes]:
    """Return a message's header, parent, metadata, content and buffers.

    Raises
    ------
    Unacceptable
        If it is no message of `PROTOCOL`, or for another channel than the shell.
    """
    if protocol != PROTOCOL or not isinstance(incoming, bytes):
        raise Unacceptable("a message of another protocol")
    count = int.from_bytes(incoming[:8], "little")
    if not MOST_PARTS[0] <= count <= MOST_PARTS[1]:  # believed, a number of 8 bytes takes for ever
        raise Unacceptable("a malformed message")
    places = [int.from_bytes(incoming[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    ends = [8 * (count + 1), *places, len(incoming)]
    if ends != sorted(ends) or incoming[places[0] : places[1]] != b"shell":
        raise Unacceptable("a malformed message")
    return [incoming[start:end] for start, end in pairwise(places[1:])]


def check_message(parts: list[bytes]) -> None:
    """Check what a page tells its kernel.

    Raises
    ------
    Unacceptable
        If a part is too long, no JSON, of a type that is not among `ALLOWED`, or sets a value that
        no person types.
    """
    if max(map(len, parts[:4])) > MOST_TEXT or sum(map(len, parts[4:])) > MOST_CONTENT:
        raise Unacceptable("a message that is too long")
    try:
        header, parent, metadata, content = (json.loads(part) for part in parts[:4])
    except (ValueError, RecursionError):
        raise Unacceptable("a malformed message") from None
    if not all(isinstance(part, dict) for part in (header, parent, metadata, content)):
        raise Unacceptable("a malformed message")
    if header.get("msg_type") not in ALLOWED:
        raise Unacceptable(f"a message of type {str(header.get('msg_type'))[:40]!r}")
    data = content.get("data")
    state = data.get("state") if isinstance(data, dict) else None
    said = data.get("content") if isinstance(data, dict) else None
    values = [one for one in (state, said) if one is not None]
    while values:
        value = values.pop()
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            raise Unacceptable("a text that is too long")
        if isinstance(value, list | dict):
            if len(value) > MOST_VALUES:
                raise Unacceptable("more values than a field takes")
            values += value.values() if isinstance(value, dict) else value
