"""The server of the page: Voilà with one page, a private address for each visitor, and its locks.

Voilà answers each visitor with a page and a kernel. Here it is told what else a page for several
people needs: a token in the address that names the visitor's profile, kernels that cost little
(`nursery`) and end when nobody uses them (`visitor_kernels`), a door (`door`), headers that keep
the page from asking anybody else for anything, a log without tokens, and a health address.
"""

from __future__ import annotations

import itertools
import logging
import math
import os
import secrets
import shutil
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import urlencode

import tornado.web
from jupyter_core.utils import run_sync
from jupyter_server import DEFAULT_STATIC_FILES_PATH
from jupyter_server.services.kernels.handlers import KernelHandler as AnyKernelHandler
from jupyter_server.utils import url_path_join
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from traitlets.config import Config
from voila.app import Voila
from voila.request_info_handler import RequestInfoSocketHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import AllowListFileHandler, TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.utils import get_page_config

from anirec.app import forked
from anirec.app.door import (
    GuardedApplication,
    Pace,
    SlowedIdentity,
    TooSoon,
    address_of,
    is_local,
)
from anirec.app.handlers import (
    EndHandler,
    HealthHandler,
    KernelHandler,
    LeaveHandler,
    Plain,
    TemplateFiles,
    WaitingKernels,
)
from anirec.app.logs import log_to_stderr, mask_tokens
from anirec.app.visitor_kernels import (
    MOST_CONTENT,
    MOST_TEXT,
    TooMany,
    VisitorConnection,
    VisitorKernels,
)
from anirec.config import Paths
from anirec.profiles import ProfileStore, UnknownProfile
from anirec.profiles.store import new_token

TEMPLATE_DIR = Path(__file__).resolve().parent / "templates" / "voila"

IMAGE_HOST = "https://cdn.myanimelist.net"
"""Where cover images come from: asked only by a page that was opened with ``?images=1``."""

IDLE_SECONDS = 30 * 60
"""A kernel that did nothing for so long is stopped; the page then offers to start another."""

WAITING = 2
"""Kernels started ahead of time where they cannot be forked."""

IDLE_CONNECTION_SECONDS = 60
"""A connection on which nothing is asked for so long is closed; sockets of pages are not."""

MOST_BODY = 16_384
"""Bytes of a request's body: that of the form that asks for the secret."""

OPEN_FILES = 16_384
"""Files this process may have open, where the system allows it: some dozen for each visitor."""

FRESH_SECONDS = 24 * 3600
MOST_FRESH = 100_000
"""An address without anything on its list is good for so long, and so many are."""

COUNT_SECONDS = 600
"""Between two lines of the log that say how many people are here."""

KERNEL_ID = r"(?P<kernel_id>[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"

REPLACED = (
    AllowListFileHandler,
    AnyKernelHandler,
    RequestInfoSocketHandler,
    VoilaShutdownKernelHandler,
)
"""What of Voilà's the page does not need, or has in another form."""

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
            # JupyterLab compiles JSON schemas; anywidget loads the box's script from a blob.
            f"script-src 'self' 'unsafe-eval' blob:{marked}",
            "style-src 'self' 'unsafe-inline'",
            f"img-src 'self' data:{' ' + IMAGE_HOST if images else ''}",
            "font-src 'self' data:",
            f"connect-src 'self' ws://{host} wss://{host}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


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
        token = self.get_query_argument("profile", "")
        images = {"images": "1"} if self._images else {}
        tokens: Tokens = self.settings["tokens"]
        try:
            pace = self.settings["visits"] if token else self.settings["new_addresses"]
            pace.count(address_of(self.request))
            if not token:
                query = {"profile": tokens.hand_out()} | images
                self.redirect(f"{self.request.path}?{urlencode(query)}")
                return
            await self._show(urlencode({"profile": token} | tokens.told_of(token) | images))
        except UnknownProfile:
            self.refuse(404, "This address opens no list: it may have been deleted.")
        except TooSoon as error:
            self.set_header("Retry-After", str(error.args[0]))
            self.refuse(429, "Too many pages were opened from your address: wait a moment.")
        except TooMany:
            self.set_header("Retry-After", "60")
            self.refuse(503, "Too many people are here right now: try again in a few minutes.")

    async def _show(self, query: str) -> None:
        """Answer with a page and start its kernel. Raises TooMany if there is no place for it."""
        server: PageServer = self.settings["voila"]
        self.set_header("Cache-Control", "no-store")
        if server.nursery is None:
            await self._show_as_voila()
            return
        kernel_id = await self.kernel_manager.start_kernel(
            kernel_name="python3", env={forked.QUERY: query}
        )
        self.finish(
            self.render_template(
                "forked.html.j2",
                config=server.page_config | {"kernelId": kernel_id},
                output=server.nursery.output,
                nonce=self.nonce,
                asset=partial(asset_url, self.base_url),
            )
        )

    async def _show_as_voila(self) -> None:
        await self.kernel_manager.check_room(self.kernel_manager.most - 1)
        for unused in ("template", "theme"):
            self.request.arguments.pop(unused, None)
        # Voilà hands this address on to the kernel of the next visitor.
        self.request.full_url = partial(_without_query, self.request)
        async for html in self.get_generator():
            self.write(html.replace("<script", f'<script nonce="{self.nonce}"'))
            self.flush()

    def refuse(self, status: int, reason: str) -> None:
        """Answer with a page that says why there is no box."""
        self.settings["counts"].refused += 1
        self.set_status(status)
        self.finish(self.render_template("refused.html.j2", reason=reason))


def _without_query(request) -> str:
    return f"{request.protocol}://{request.host}{request.path}"


def asset_url(base_url: str, path: str) -> str:
    """Return the address of one of Voilà's own files, which changes when the file does."""
    settings = {"static_url_prefix": f"{base_url}voila/templates/", "static_path": None}
    return TemplateStaticFileHandler.make_static_url(settings, f"lab/static/{path}")


class Tokens:
    """Hands out tokens for lists to come: nothing is stored before a visitor says something.

    Parameters
    ----------
    profiles : where lists are kept.
    """

    def __init__(self, profiles: ProfileStore) -> None:
        self.profiles = profiles
        self._handed: OrderedDict[str, float] = OrderedDict()

    def hand_out(self) -> str:
        """Return a new token; it opens an empty list for `FRESH_SECONDS`."""
        token, now = new_token(), time.monotonic()
        self._handed[token] = now
        for old, at in list(itertools.islice(self._handed.items(), 2)):
            if now - at > FRESH_SECONDS or len(self._handed) > MOST_FRESH:
                del self._handed[old]
        return token

    def told_of(self, token: str) -> dict[str, str]:
        """Return what a kernel is told of a token besides it. Raises UnknownProfile."""
        try:
            self.profiles.open(token)
        except UnknownProfile:
            if time.monotonic() - self._handed.get(token, -math.inf) > FRESH_SECONDS:
                raise
            return {forked.FRESH: "1"}
        self._handed.pop(token, None)  # what was deleted once is not made anew
        return {}


class Counts:
    """How many people there are, and were since the last line of the log.

    Attributes
    ----------
    refused : visits that were answered without a box.
    """

    def __init__(self) -> None:
        self.kernels: VisitorKernels | None = None
        self.refused = 0
        self._logged = (0, 0)

    def now(self) -> dict[str, int]:
        """Return what there is now, and since the start."""
        return {
            "pages": self.kernels.connected(),
            "kernels": len(self.kernels),
            "most_kernels": self.kernels.most,
            "started": self.kernels.started,
            "refused": self.refused,
        }

    def log(self) -> None:
        """Log what there is now, if anybody came or was refused."""
        totals = self.kernels.started, self.refused
        if totals != self._logged:
            came, refused = (now - before for now, before in zip(totals, self._logged, strict=True))
            log.warning(
                "%d pages open, %d kernels; in the last %d minutes %d came and %d were refused",
                self.kernels.connected(), len(self.kernels), COUNT_SECONDS // 60, came, refused,
            )  # fmt: skip
            self._logged = totals


class PageServer(Voila):
    """Voilà for one notebook, each visitor with a profile of their own.

    Attributes
    ----------
    addresses : where to listen, set before it starts.
    nursery : where kernels come from; None where they cannot be forked.
    """

    addresses: tuple[str, ...] = ()
    nursery: forked.NurseryKeeper | None = None
    _ending = False

    def start(self) -> None:
        self.connection_dir = tempfile.mkdtemp(prefix="anirec-kernels-")
        self.app = GuardedApplication()
        self.app.settings = self.init_settings() | self.tornado_settings
        self.app.settings["counts"].kernels = self.kernel_manager
        self.app.add_handlers(".*$", self.init_handlers())
        self.listen()

    def listen(self) -> None:
        """Serve until told to stop, then end all kernels."""
        server = HTTPServer(
            self.app,
            xheaders=self.app.settings["behind_proxy"],
            idle_connection_timeout=IDLE_CONNECTION_SECONDS,
            body_timeout=IDLE_CONNECTION_SECONDS,
            max_body_size=MOST_BODY,
            max_header_size=MOST_BODY,
        )
        self.ioloop = IOLoop.current()
        try:
            if self.nursery is not None:
                self.ioloop.run_sync(self.nursery.ready)
            for address in self.addresses:
                server.listen(self.port, address)
            PeriodicCallback(self.app.settings["counts"].log, 1000 * COUNT_SECONDS).start()
            self.ioloop.start()
        except KeyboardInterrupt:
            log.info("interrupted")
        finally:
            server.stop()
            self.stop()

    def _handle_signal_stop(self, sig: int, frame: object) -> None:
        if not self._ending:
            self._ending = True
            self.ioloop.add_callback_from_signal(self.ioloop.stop)

    def stop(self) -> None:
        """End the kernels at once; asked politely, those just starting print a traceback."""
        run_sync(self.kernel_manager.shutdown_all)(now=True)
        if self.nursery is not None:
            self.nursery.close()
        shutil.rmtree(self.connection_dir)

    @cached_property
    def page_config(self) -> dict:
        """What Voilà's scripts are told, the same for every visitor but for the kernel."""
        config = get_page_config(
            self.base_url, self.app.settings, self.log, self.voila_configuration
        )
        return without_mathjax(config) | {"jupyterLabTheme": self.voila_configuration.theme}

    def init_handlers(self) -> list:
        """Return Voilà's handlers that the page needs, its own, and those in place of Voilà's."""
        own = [
            (r"health", HealthHandler),
            (rf"voila/ends/{KERNEL_ID}", EndHandler),
            (rf"api/kernels/{KERNEL_ID}", KernelHandler),
            (rf"voila/api/shutdown/{KERNEL_ID}", LeaveHandler),
        ]
        if self.nursery is None:
            own.append((rf"voila/query/(?P<key>[\w-]+)/{KERNEL_ID}", WaitingKernels))
        rules = [(url_path_join(self.server_url, pattern), handler) for pattern, handler in own]
        instead = {TornadoVoilaHandler: VisitorHandler, TemplateStaticFileHandler: TemplateFiles}
        for pattern, handler, *options in super().init_handlers():
            if handler in REPLACED:
                continue
            if pattern in ("/login", "/logout"):
                pattern = url_path_join(self.server_url, pattern)
            rules.append((pattern, instead.get(handler, handler), *options))
        return [
            (rule[0], type(rule[1].__name__, (Plain, rule[1]), {}), *rule[2:]) for rule in rules
        ]

    def setup_template_dirs(self) -> None:
        super().setup_template_dirs()
        self.template_paths.insert(0, str(TEMPLATE_DIR))


@dataclass(frozen=True)
class Site:
    """How a page is served.

    Attributes
    ----------
    notebook : what is served where kernels cannot be forked.
    paths : the run that is served.
    profiles : where visitors' lists are kept.
    hosts : the addresses to listen on.
    port : of each.
    token : what a visitor must know; empty for none.
    public_name : the host name under which a reverse proxy serves the page, if any.
    path : the path below which a reverse proxy serves the page, with slashes around it.
    visitors : how many kernels there may be.
    visits : how many pages one address may open in a minute.
    forks : whether kernels are forked; else each is started, some ahead of time.
    """

    notebook: Path
    paths: Paths
    profiles: ProfileStore
    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 8866
    token: str = ""
    public_name: str | None = None
    path: str = "/"
    visitors: int = 24
    visits: int = 120
    forks: bool = forked.AVAILABLE


def settings(site: Site) -> Config:
    """Return Voilà's settings for a page."""
    config = Config()
    config.Voila.notebook_path = str(site.notebook)
    config.Voila.root_dir = str(site.notebook.parent)
    config.Voila.port = site.port
    config.Voila.open_browser = False
    config.Voila.log_level = logging.ERROR
    config.Voila.token = site.token
    config.Voila.base_url = site.path
    config.Voila.identity_provider_class = SlowedIdentity
    config.Voila.kernel_websocket_connection_class = VisitorConnection
    config.Voila.tornado_settings = {
        "log_function": log_request,
        "allow_remote_access": bool(site.token),
        "local_hostnames": ["localhost", *([site.public_name] if site.public_name else [])],
        # Whoever reaches the proxy only cannot say that they are somebody else.
        "behind_proxy": bool(site.public_name) and all(map(is_local, site.hosts)),
        "static_path": DEFAULT_STATIC_FILES_PATH,
        "tokens": Tokens(site.profiles),
        "visits": Pace(site.visits, 60),
        "new_addresses": Pace(site.visits, 60),
        "counts": Counts(),
        "kernel_key": secrets.token_urlsafe(24),
        "websocket_max_message_size": MOST_CONTENT + 4 * MOST_TEXT,
        "headers": {
            "Content-Security-Policy": content_security_policy("127.0.0.1"),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    }
    config.VoilaConfiguration.template = "lab"
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.preheat_kernel = not site.forks
    config.VoilaConfiguration.default_pool_size = WAITING
    config.VoilaConfiguration.page_config_hook = without_mathjax
    config.VoilaConfiguration.extension_allowlist = [
        "@jupyter-widgets/jupyterlab-manager",
        "@voila-dashboards/widgets-manager8",
        "anywidget",
    ]
    config.VoilaConfiguration.multi_kernel_manager_class = VisitorKernels
    config.VisitorKernels.most = site.visitors + (0 if site.forks else WAITING)
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


def run_server(site: Site) -> None:
    """Serve until interrupted or terminated.

    Raises
    ------
    OSError
        If an address cannot be listened on.
    """
    mask_tokens()
    handler = log_to_stderr("anirec")
    logging.getLogger("tornado").setLevel(logging.ERROR)
    allow_many_files()
    server = PageServer(config=settings(site))
    server.initialize([])
    server.log.handlers = [handler]
    server.log.setLevel(logging.WARNING)
    server.addresses = site.hosts
    if site.forks:
        server.nursery = forked.NurseryKeeper(site.paths)
        forked.register(server.nursery)
    else:
        os.environ[forked.KEY_VARIABLE] = server.tornado_settings["kernel_key"]
    server.start()


def allow_many_files() -> None:
    """Raise this process's limit of open files towards `OPEN_FILES`, as far as it may."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
