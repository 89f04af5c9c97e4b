"""The server of the page: Voilà with one page, a private address for each visitor, and its locks.

Voilà starts a kernel for each visitor, some of them ahead of time. Here it is told what else a
page for several people needs: a token in the address that names the visitor's profile, headers
that keep the page from asking anybody else for anything, a log without tokens, an end for kernels
that nobody uses, and a limit to how many there are.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import tornado.web
from jupyter_core.utils import run_sync
from jupyter_server import DEFAULT_STATIC_FILES_PATH
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets.config import Config
from voila.app import Voila
from voila.tornado.handler import TornadoVoilaHandler

from anirec.lists import MAX_UPLOAD
from anirec.profiles import ProfileStore, UnknownProfile

TEMPLATE_DIR = Path(__file__).resolve().parent / "templates" / "voila"

IMAGE_HOST = "https://cdn.myanimelist.net"
"""Where cover images come from: asked only by a page that was opened with ``?images=1``."""

IDLE_SECONDS = 30 * 60
"""A kernel that did nothing for so long is stopped; the page then offers to start another."""

ABANDONED_SECONDS = 120
"""A kernel that no page is connected to is stopped after so long; where room is needed, sooner."""

NEEDED_SECONDS = 10
WAITING = 2
"""Kernels that are started ahead of time and wait for a visitor."""

MAX_MESSAGE = 4 * MAX_UPLOAD
"""Bytes of a message to a kernel: a file a little too large is refused by name, not cut off."""

IN_TEXT = re.compile(r"((?:profile|token)=)[^&\s'\"]+")

log = logging.getLogger("anirec.server")


def content_security_policy(host: str, nonce: str | None = None, images: bool = False) -> str:
    """Return the policy of a page: scripts, styles and requests of this server only.

    Parameters
    ----------
    host : the server as the browser names it, for the WebSocket to the kernel.
    nonce : marks the page's own inline scripts; without one no inline script runs.
    images : whether cover images may come from `IMAGE_HOST`.
    """
    marked = f" 'nonce-{nonce}'" if nonce else ""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'unsafe-eval'{marked}",  # JupyterLab compiles JSON schemas
            "style-src 'self' 'unsafe-inline'",
            f"img-src 'self' data:{' ' + IMAGE_HOST if images else ''}",
            "font-src 'self' data:",
            f"connect-src 'self' ws://{host} wss://{host}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


class VisitorKernels(AsyncMappingKernelManager):
    """The kernels: those that nobody's page is connected to any more are stopped early."""

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

    def _started(self, kernel_id: str) -> bool:
        """Return whether a kernel is there to be asked; one that is starting has no times yet."""
        return kernel_id in self and self.get_kernel(kernel_id).trait_has_value("last_activity")

    def _abandoned(self, kernel_id: str, seconds: float) -> bool:
        """Return whether a kernel is idle and without a page; one that waits for one is busy."""
        if not self._started(kernel_id):
            return False
        model = self.kernel_model(kernel_id)
        quiet = datetime.now(UTC) - datetime.fromisoformat(model["last_activity"])
        idle = model["execution_state"] == "idle" and not model["connections"]
        return idle and quiet.total_seconds() > seconds


class VisitorHandler(TornadoVoilaHandler):
    """The page. A visitor without a token is sent on to an address with a new one."""

    @property
    def content_security_policy(self) -> str:
        if not hasattr(self, "nonce"):
            self.nonce = secrets.token_urlsafe(16)
        return content_security_policy(self.request.host, self.nonce, self._images)

    @property
    def _images(self) -> bool:
        return self.get_query_argument("images", "") == "1"

    @tornado.web.authenticated
    async def get(self, path: str | None = None) -> None:
        if path:
            self.refuse(404, "There is no such page here.")
            return
        store: ProfileStore = self.settings["profiles"]
        token = self.get_query_argument("profile", "")
        if not token:
            query = {"profile": store.create()[1]} | ({"images": "1"} if self._images else {})
            self.redirect(f"{self.request.path}?{urlencode(query)}")
            return
        try:
            store.open(token)
        except UnknownProfile:
            self.refuse(404, "This address opens no list: it may have been deleted.")
            return
        if len(self.kernel_manager) >= self.settings["max_kernels"]:
            await self.kernel_manager.make_room()
        if len(self.kernel_manager) >= self.settings["max_kernels"]:
            self.set_header("Retry-After", "60")
            self.refuse(503, "Too many people are here right now: try again in a few minutes.")
            return
        # Voilà hands this address on to the kernel of the next visitor.
        self.request.full_url = partial(_without_query, self.request)
        async for html in self.get_generator():
            self.write(html.replace("<script", f'<script nonce="{self.nonce}"'))
            self.flush()

    def refuse(self, status: int, reason: str) -> None:
        """Answer with a page that says why there is no box."""
        self.set_status(status)
        self.finish(self.render_template("refused.html.j2", reason=reason))


def _without_query(request) -> str:
    return f"{request.protocol}://{request.host}{request.path}"


class PageServer(Voila):
    """Voilà for one notebook, each visitor with a profile of their own."""

    def init_handlers(self) -> list:
        return [
            (rule[0], VisitorHandler, *rule[2:]) if rule[1] is TornadoVoilaHandler else rule
            for rule in super().init_handlers()
        ]

    def setup_template_dirs(self) -> None:
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATE_DIR))

    def stop(self) -> None:
        """End the kernels at once; asked politely, those just starting print a traceback."""
        run_sync(self.kernel_manager.shutdown_all)(now=True)
        shutil.rmtree(self.connection_dir)


def settings(
    notebook: Path,
    profiles: ProfileStore,
    host: str,
    port: int,
    token: str,
    public_name: str | None,
    visitors: int,
) -> Config:
    """Return Voilà's settings for a page.

    Parameters
    ----------
    notebook : what is served.
    profiles : where visitors' lists are kept.
    host, port : the address to listen on.
    token : what a visitor must know; empty for none.
    public_name : the host name under which a reverse proxy serves the page, if any.
    visitors : how many kernels there may be besides those waiting.
    """
    config = Config()
    config.Voila.notebook_path = str(notebook)
    config.Voila.root_dir = str(notebook.parent)
    config.Voila.ip = host
    config.Voila.port = port
    config.Voila.port_retries = 0
    config.Voila.open_browser = False
    config.Voila.log_level = logging.ERROR
    config.Voila.token = token
    config.Voila.tornado_settings = {
        "log_function": log_request,
        "allow_remote_access": bool(token),
        "local_hostnames": ["localhost", *([public_name] if public_name else [])],
        "static_path": DEFAULT_STATIC_FILES_PATH,
        "profiles": profiles,
        "websocket_max_message_size": MAX_MESSAGE,
        "max_kernels": visitors + WAITING,
        "headers": {
            "Content-Security-Policy": content_security_policy("127.0.0.1"),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    }
    config.VoilaConfiguration.template = "lab"
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.preheat_kernel = True
    config.VoilaConfiguration.default_pool_size = WAITING
    config.VoilaConfiguration.page_config_hook = without_mathjax
    config.VoilaConfiguration.extension_allowlist = [
        "@jupyter-widgets/jupyterlab-manager",
        "@voila-dashboards/widgets-manager8",
    ]
    config.VoilaConfiguration.multi_kernel_manager_class = VisitorKernels
    config.MappingKernelManager.cull_idle_timeout = IDLE_SECONDS
    config.MappingKernelManager.cull_interval = 30
    config.MappingKernelManager.cull_connected = True
    # A kernel that died is not started anew behind the page's back: it would know nothing.
    config.KernelManager.transport = "tcp" if os.name == "nt" else "ipc"
    config.KernelRestarter.restart_limit = 0
    config.KernelRestarter.time_to_dead = 1.0
    return config


def without_mathjax(page_config: dict, **_: object) -> dict:
    """Keep the page from asking a CDN for MathJax."""
    return page_config | {"fullMathjaxUrl": None, "mathjaxConfig": None}


def log_request(handler: tornado.web.RequestHandler) -> None:
    """Log failures of the server, by path: a query holds the visitor's token."""
    if handler.get_status() >= 500:
        log.warning("%s %s: %s", handler.request.method, handler.request.path, handler.get_status())


def mask_tokens() -> None:
    """Mask tokens in whatever this process logs from now on."""
    made = logging.getLogRecordFactory()

    def masked(*args: object, **kwargs: object) -> logging.LogRecord:
        record = made(*args, **kwargs)
        text = record.getMessage()
        if (safe := IN_TEXT.sub(r"\1…", text)) != text:
            record.msg, record.args = safe, ()
        return record

    logging.setLogRecordFactory(masked)


def run_server(config: Config) -> None:
    """Serve until interrupted or terminated.

    Raises
    ------
    OSError
        If the address cannot be listened on.
    """
    mask_tokens()
    logging.getLogger("tornado").setLevel(logging.ERROR)
    server = PageServer(config=config)
    server.initialize([])
    server.start()
