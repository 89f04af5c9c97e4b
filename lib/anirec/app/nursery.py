"""The process that visitors' kernels are forked from, and what a fork becomes.

Importing everything and loading the models takes seconds and 150 MB. One process does it once,
builds the box, and is then forked for each visitor: what they do not change, they share.

What does not survive a fork is not made before it: threads (so every library is held to one, or
its pool would be waited for and never answer), event loops, sockets.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import comm
import ipykernel.ipkernel  # noqa: F401  (makes the comms of widgets those of ipykernel)
import ipywidgets
from ipykernel._version import kernel_protocol_version
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

from anirec.app.logs import log_to_stderr, mask_tokens
from anirec.config import InputError, Paths
from anirec.profiles import Entry, Profile
from anirec.recommender import AnimeRecommender

WORK_SECONDS = 10
"""Seconds of a core that a visitor's message may cost, with all that follows from it."""

GREATEST_ORDER = 65_536
"""Bytes of what the server and this process tell each other at once."""

UNDERSTOOD = (
    "comm_info_request",
    "comm_open",
    "comm_msg",
    "comm_close",
    "kernel_info_request",
)
"""The messages that a visitor's kernel answers: widgets', and no code."""

log = logging.getLogger("anirec.kernel")


class WorkTooLong(Exception):
    """A visitor's message costs more than `WORK_SECONDS`."""


class BoxKernel(Kernel):
    """A kernel that holds one box: it speaks with widgets and runs no code.

    Without IPython there is also nobody to send a visitor tracebacks, with this machine's paths.
    """

    implementation = "anirec"
    implementation_version = "1"
    language_info: ClassVar = {
        "name": "python",
        "mimetype": "text/x-python",
        "file_extension": ".py",
    }
    banner = ""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.comm_manager = comm.get_comm_manager()
        for made_before in self.comm_manager.comms.values():
            made_before.kernel = self
        for name in ("comm_open", "comm_msg", "comm_close"):
            self.shell_handlers[name] = getattr(self.comm_manager, name)
        for handlers in (self.shell_handlers, self.control_handlers):
            for name in set(handlers) - set(UNDERSTOOD):
                del handlers[name]

    @property
    def kernel_info(self) -> dict[str, object]:
        """What this kernel can do; the inherited one imports a debugger to find out."""
        return {
            "protocol_version": kernel_protocol_version,
            "implementation": self.implementation,
            "implementation_version": self.implementation_version,
            "language_info": self.language_info,
            "banner": self.banner,
            "help_links": [],
            "supported_features": [],
        }

    def pre_handler_hook(self) -> None:
        """Bound what a message costs; the time counts while this process works, not while idle."""
        signal.setitimer(signal.ITIMER_PROF, WORK_SECONDS)

    def post_handler_hook(self) -> None:
        """Leave the bound in place: the box does some of its work a moment after the message."""


class BoxKernelApp(IPKernelApp):
    """The sockets of a `BoxKernel`, and no more threads than they need."""

    kernel_class = BoxKernel

    def initialize(self, argv: list[str] | None = None) -> None:
        self.init_connection_file()
        self.init_sockets()
        self.displayhook = SimpleNamespace()  # what no code is run for
        self.init_signal()
        self.init_kernel()

    def init_control(self, context: object) -> None:
        super().init_control(context)
        self.shell_channel_thread.io_loop.close()
        self.shell_channel_thread = None  # subshells run code beside other code


class Nursery:
    """Forks a kernel whenever it is told to, and tells which of them ended.

    Parameters
    ----------
    channel : where the server's orders arrive, a message each; all kernels end once it is closed.
    refresh : called before each fork: takes over a newer version of the models, if there is one.
    become : what a fork does, given the order.
    """

    def __init__(
        self,
        channel: socket.socket,
        refresh: Callable[[], object],
        become: Callable[[dict], None],
    ) -> None:
        self.channel = channel
        self.refresh = refresh
        self.become = become
        self.kernels: set[int] = set()
        # A kernel sees this pipe close when this process is gone, however it went.
        self.life, self._held = os.pipe()

    def run(self) -> None:
        """Follow orders until the server is gone."""
        signal.signal(signal.SIGCHLD, self._tell_ended)
        while order := self._hear():
            self.refresh()
            self._fork(json.loads(order))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for pid in self.kernels:
            os.kill(pid, signal.SIGKILL)

    def _hear(self) -> bytes:
        """Return the next order; nothing once the server is gone."""
        try:
            return self.channel.recv(GREATEST_ORDER)
        except ConnectionResetError:
            return b""

    def _fork(self, order: dict) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            self._live(order)
        self.kernels.add(pid)
        self._tell({"kernel": order["kernel"], "pid": pid})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])

    def _live(self, order: dict) -> None:
        """Be a kernel, and never return."""
        status = 1
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            self.channel.close()
            os.close(self._held)
            os.setsid()
            asyncio.set_event_loop(loop := asyncio.new_event_loop())
            loop.add_reader(self.life, os._exit, 0)
            self.become(order)
            status = 0
        except BaseException:
            log.exception("a kernel could not start")
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _tell_ended(self, *_: object) -> None:
        while self.kernels:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:  # a signal during this one told of the last of them
                return
            if pid == 0:
                return
            self.kernels.discard(pid)
            self._tell({"pid": pid, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, said: dict) -> None:
        try:
            self.channel.send(json.dumps(said).encode())
        except OSError:
            log.debug("the server is gone")


def live_as(box: ipywidgets.Widget, show: Callable[[str], None], order: dict) -> None:
    """Be the kernel of one visitor until told to stop.

    Parameters
    ----------
    box : what the visitor sees, made before the fork.
    show : fills it for the visitor that an address's query names.
    order : ``connection``, the file with the sockets' addresses, and ``query``.
    """

    def too_long(*_: object) -> None:
        raise WorkTooLong(f"stopped after {WORK_SECONDS} s")

    signal.signal(signal.SIGPROF, too_long)
    show(order["query"])
    app = BoxKernelApp.instance(connection_file=order["connection"], log=log)
    app.initialize()
    app.start()


def warm(recommender: AnimeRecommender) -> None:
    """Have loaded before the fork whatever a visitor asks for first."""
    known = int(recommender.anime["members"].fillna(0).idxmax())
    profile = Profile({known: Entry(rating=8)})
    try:
        found = recommender.recommend(profile, k=10)
        recommender.explanations(profile, found["anime_id"].tolist())
        recommender.similar(known)
        recommender.to_rate(profile)
        recommender.knowledge(profile)
    except InputError as error:  # each visitor is told in the box
        log.info("not everything can be loaded: %s", error)


def main() -> None:
    """Load what a dataset's run left, and be its nursery: ``nursery.py <what to do, as JSON>``."""
    from anirec.app import page

    told = json.loads(sys.argv[1])
    log_to_stderr("anirec kernel")
    mask_tokens()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=told["channel"])
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    ipywidgets.register_comm_target()
    paths = Paths.of(
        told["dataset"], processed_dir=told["processed_dir"], output_dir=told["output_dir"]
    )
    box, show = page.prepared(paths)
    warm(box.recommender)
    gc.collect()
    gc.freeze()
    nursery = Nursery(channel, box.recommender.now, lambda order: live_as(box, show, order))
    channel.send(json.dumps({"model": box.model_id}).encode())
    nursery.run()


if __name__ == "__main__":
    main()
