"""Kernels that are forked from one process instead of started, for Jupyter's kernel manager."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import EntryPoint

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

from anirec.config import Paths

NAME = "anirec-forked"
AVAILABLE = hasattr(os, "fork") and sys.platform.startswith("linux")
"""Whether kernels can be forked here; elsewhere each is started, which takes seconds."""

GREATEST_WORD = 65_536
QUERY = "QUERY_STRING"
"""The environment variable in which a kernel is told its page's address."""

FRESH = "fresh"
"""Stands in the query that a kernel is told where the token opens no list yet, but will."""

KEY_VARIABLE = "ANIREC_KERNEL_KEY"
"""The environment variable with which a started kernel that waits for a visitor proves itself."""

log = logging.getLogger("anirec.server")


class ForkedProcess:
    """A kernel's process, as `LocalProvisioner` uses one; its parent is the nursery."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status once the process has ended, as the nursery tells it."""
        if self.returncode is None:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:  # and the nursery has not told, or nobody listens any more
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self) -> int | None:
        return self.returncode

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class NurseryKeeper:
    """Starts the nursery, has it fork kernels, and hears which of them ended.

    Attributes
    ----------
    model : the id of the box's widget, the same in every kernel.
    """

    current: NurseryKeeper | None = None
    """The one that this server's kernels come from."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.model = ""
        self._process: subprocess.Popen | None = None
        self._channel: socket.socket | None = None
        self._forked: dict[str, asyncio.Future[ForkedProcess]] = {}
        self._running: dict[int, ForkedProcess] = {}
        self._lock = asyncio.Lock()

    @property
    def output(self) -> dict[str, object]:
        """What a notebook's cell would display: the box."""
        view = {"model_id": self.model, "version_major": 2, "version_minor": 0}
        data = {"application/vnd.jupyter.widget-view+json": view}
        return {"output_type": "display_data", "data": data, "metadata": {}, "trusted": True}

    async def ready(self) -> None:
        """Start the nursery unless it lives.

        Raises
        ------
        RuntimeError
            If it does not start.
        """
        async with self._lock:
            if self._channel is None:
                await self._start()

    async def _start(self) -> None:
        own, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        told = {
            "channel": its.fileno(),
            "dataset": self.paths.dataset,
            "processed_dir": str(self.paths.processed),
            "output_dir": str(self.paths.outputs),
        }
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "anirec.app.nursery", json.dumps(told)],
            pass_fds=[its.fileno()],
            env=os.environ | one,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        its.close()
        own.setblocking(False)
        loop = asyncio.get_running_loop()
        word = await loop.sock_recv(own, GREATEST_WORD)
        if not word:
            own.close()
            raise RuntimeError("the process that kernels are forked from did not start")
        self.model = json.loads(word)["model"]
        self._channel = own
        loop.add_reader(own, self._hear)

    async def fork(self, kernel_id: str, connection_file: str, query: str) -> ForkedProcess:
        """Return the process of a new kernel."""
        await self.ready()
        future = self._forked[kernel_id] = asyncio.get_running_loop().create_future()
        order = {"kernel": kernel_id, "connection": connection_file, "query": query}
        try:
            self._channel.send(json.dumps(order).encode())
            return await future
        finally:
            self._forked.pop(kernel_id, None)

    def _hear(self) -> None:
        try:
            word = self._channel.recv(GREATEST_WORD)
        except BlockingIOError:
            return
        except OSError:
            word = b""
        if not word:
            self._gone()
            return
        said = json.loads(word)
        if "kernel" in said:
            process = self._running[said["pid"]] = ForkedProcess(said["pid"])
            future = self._forked.get(said["kernel"])
            if future is None or future.done():
                process.kill()
            else:
                future.set_result(process)
        elif (process := self._running.pop(said["pid"], None)) is not None:
            process.returncode = said["status"]

    def _gone(self) -> None:
        """The nursery died, and its kernels with it; the next visitor has a new one started."""
        log.error("the process that kernels are forked from is gone; it is started anew")
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._channel = None
        self._process.wait()
        for process in self._running.values():
            process.returncode = -signal.SIGKILL
        self._running.clear()
        for future in self._forked.values():
            future.set_exception(RuntimeError("the nursery is gone"))

    def close(self) -> None:
        """End the nursery and all its kernels."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.wait()


class ForkedProvisioner(LocalProvisioner):
    """Provides kernels that are forked by the nursery of `NurseryKeeper.current`."""

    async def launch_kernel(self, cmd: list[str], **kwargs: object) -> KernelConnectionInfo:
        query = kwargs["env"].get(QUERY, "")
        self.process = await NurseryKeeper.current.fork(
            self.kernel_id, self.parent.connection_file, query
        )
        self.pid = self.process.pid
        return self.connection_info


def register(keeper: NurseryKeeper) -> None:
    """Have the kernel managers of this process provide kernels that ``keeper`` forks."""
    NurseryKeeper.current = keeper
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(
        NAME, f"{__name__}:ForkedProvisioner", factory.GROUP_NAME
    )
    factory.default_provisioner_name = NAME
