"""What the page's server answers besides the page: short answers, and failures in one line."""

from __future__ import annotations

import hmac
import logging
import re

import tornado.web
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketHandler
from voila.request_info_handler import RequestInfoSocketHandler
from voila.static_file_handler import TemplateStaticFileHandler

from anirec.app.door import TooManyGuesses, is_local

log = logging.getLogger("anirec.server")


class Plain:
    """Makes a handler answer a failure with its name, and log it in one line.

    What failed may name this server's files; neither page nor log of anybody else needs them.
    """

    def write_error(self, status_code: int, **about: object) -> None:
        error = about.get("exc_info", (None, None))[1]
        if isinstance(error, TooManyGuesses):
            self.set_header("Retry-After", str(error.seconds))
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")

    def log_exception(self, kind: type, error: BaseException, trace: object) -> None:
        if not isinstance(error, tornado.web.HTTPError) or error.status_code >= 500:
            where = f"{self.request.method} {self.request.path}"
            log.error("%s failed", where, exc_info=(kind, error, trace))


class EndHandler(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A socket that is closed when a kernel ends: so a page is told at once, and asks for nothing.

    A kernel that died answers no message itself.
    """

    def set_default_headers(self) -> None:
        """Leave out what is set for pages."""

    async def get(self, kernel_id: str) -> None:
        if kernel_id not in self.kernel_manager:
            raise tornado.web.HTTPError(404)
        self.kernel_id = kernel_id
        await super().get(kernel_id)

    def open(self, kernel_id: str) -> None:
        super().open()
        if kernel_id not in self.kernel_manager:
            self.close(1000)
            return
        self.kernel_manager.ended.setdefault(kernel_id, set()).add(self.close)

    def on_message(self, message: str | bytes) -> None:
        self.close(1008)

    def on_close(self) -> None:
        self.kernel_manager.ended.get(self.kernel_id, set()).discard(self.close)


class KernelHandler(JupyterHandler):
    """Describes a kernel to whoever knows its name; 404 once it has ended."""

    @tornado.web.authenticated
    def get(self, kernel_id: str) -> None:
        if kernel_id not in self.kernel_manager:
            raise tornado.web.HTTPError(404)
        self.set_header("Cache-Control", "no-store")
        self.finish(self.kernel_manager.kernel_model(kernel_id))


class LeaveHandler(JupyterHandler):
    """Ends a kernel whose page was closed for good; the page knows the kernel's name."""

    def check_xsrf_cookie(self) -> None:
        """A page that is closing sends no cookie along; the door refuses other sites."""

    @tornado.web.authenticated
    async def post(self, kernel_id: str) -> None:
        if kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(kernel_id, now=True)
        self.set_status(204)
        self.finish()


class HealthHandler(tornado.web.RequestHandler):
    """Says to operators that the server answers; on this machine also how many people are here."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        told = {"status": "ok"}
        if is_local(self.request.remote_ip):
            told |= self.settings["counts"].now()
        self.finish(told)


class TemplateFiles(TemplateStaticFileHandler):
    """The files of Voilà's template that the page uses, and of no other."""

    def prepare(self) -> None:
        path = self.path_args[0]
        if not re.match(r"lab/static/[^/]", path) or ".." in path.split("/"):
            raise tornado.web.HTTPError(404)


class WaitingKernels(RequestInfoSocketHandler):
    """Tells a kernel that waits for a visitor who came; asked by kernels only, who know a key."""

    def prepare(self) -> None:
        if not hmac.compare_digest(self.path_kwargs.pop("key"), self.settings["kernel_key"]):
            raise tornado.web.HTTPError(404)

    def on_close(self) -> None:
        for kernel_id, waiter in list(self._waiters.items()):
            if waiter is self:
                del self._waiters[kernel_id]
