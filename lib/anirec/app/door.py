"""Who is let in: what is checked of every request before anything answers it."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from collections import OrderedDict
from urllib.parse import urlsplit

import tornado.web
from jupyter_server.auth.identity import PasswordIdentityProvider, User
from tornado.httputil import HTTPServerRequest

METHODS = ("GET", "POST")

ADDRESSES = 10_000
"""Addresses remembered; the longest unseen are forgotten first."""

WRONG_SECRETS = 5
"""Wrong secrets from one address before each further one costs a wait, which doubles."""

LONGEST_WAIT = 15 * 60
"""Seconds; and an address that sent no wrong secret for so long starts afresh."""

log = logging.getLogger("anirec.server")


class TooSoon(Exception):
    """An address must wait before it asks again; the argument says how many seconds."""


class TooManyGuesses(tornado.web.HTTPError):
    """Wrong secrets came too quickly.

    Attributes
    ----------
    seconds : how long the address must wait.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(429, reason="Too many wrong secrets: wait a while")
        self.seconds = seconds


class Pace:
    """How often something may happen within some seconds, by address.

    Parameters
    ----------
    most : how often.
    seconds : within so long.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count one more. Raises TooSoon if that is too often."""
        now = time.monotonic()
        left, before = self._left.pop(address, (float(self.most), now))
        left = min(self.most, left + (now - before) * self.most / self.seconds)
        if left < 1:
            self._remember(address, (left, now))
            raise TooSoon(1 + int((1 - left) * self.seconds / self.most))
        self._remember(address, (left - 1, now))

    def _remember(self, address: str, state: tuple[float, float]) -> None:
        self._left[address] = state
        while len(self._left) > ADDRESSES:
            self._left.popitem(last=False)


class SlowedIdentity(PasswordIdentityProvider):
    """Knows visitors by the app's secret, and lets no address guess it quickly."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def get_user_token(self, handler: tornado.web.RequestHandler) -> User | None:
        given = self.get_token(handler)
        if not self.token or not given:
            return None
        return await super().get_user_token(handler) if self._is_right(handler, given) else None

    def process_login_form(self, handler: tornado.web.RequestHandler) -> User | None:
        given = handler.get_argument("password", "")
        return super().process_login_form(handler) if self._is_right(handler, given) else None

    def _is_right(self, handler: tornado.web.RequestHandler, given: str) -> bool:
        """Return whether a secret is the right one. Raises TooManyGuesses."""
        address, now = address_of(handler.request), time.monotonic()
        wrong, until = self._wrong.get(address, (0, 0.0))
        if now > until + LONGEST_WAIT:
            wrong = 0
        if now < until:
            raise TooManyGuesses(1 + int(until - now))
        if hmac.compare_digest(given.encode(), self.token.encode()):
            self._wrong.pop(address, None)
            return True
        wait = 0 if wrong < WRONG_SECRETS else min(2 ** (wrong - WRONG_SECRETS), LONGEST_WAIT)
        self._wrong[address] = wrong + 1, now + wait
        self._wrong.move_to_end(address)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)
        return False


class Refusal(tornado.web.RequestHandler):
    """Answers what is not let in, with one line."""

    def initialize(self, status: int, reason: str) -> None:
        self.status, self.reason_text = status, reason

    def prepare(self) -> None:
        self.set_status(self.status)
        self._say()

    def write_error(self, status_code: int, **_: object) -> None:
        """Answer a method that nobody knows as any other."""
        self._say()

    def _say(self) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        if self.status == 405:
            self.set_header("Allow", ", ".join(METHODS))
        self.finish("" if self.request.method == "HEAD" else f"{self.reason_text}\n")


class GuardedApplication(tornado.web.Application):
    """An application with a door: `refusal` is asked before any handler is found."""

    def find_handler(self, request: HTTPServerRequest, **kwargs: object):
        refused = refusal(
            request, self.settings["local_hostnames"], self.settings["allow_remote_access"]
        )
        if refused is None:
            return super().find_handler(request, **kwargs)
        return self.get_handler_delegate(
            request, Refusal, {"status": refused[0], "reason": refused[1]}
        )


def refusal(request: HTTPServerRequest, names: list[str], any_host: bool) -> tuple[int, str] | None:
    """Return with which status a request is refused, and why; None if it may come in.

    Parameters
    ----------
    names : what this server is called, besides addresses of this machine.
    any_host : whether it may be called anything: visitors know a secret then.
    """
    if request.method not in METHODS:
        return 405, "This page is read and talked to, nothing else."
    if not any_host and not is_local(host_name(request), names):
        return 403, "This server is not called that."
    if from_elsewhere(request):
        return 403, "Another site may lead here, but not use this page."
    return None


def from_elsewhere(request: HTTPServerRequest) -> bool:
    """Return whether another site's page made the browser ask, other than by leading there.

    Browsers say so themselves (Fetch Metadata); older ones give the origin at least, of sockets and
    forms. Another port of this machine is another site here.
    """
    headers = request.headers
    origin = headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        return True
    site = headers.get("Sec-Fetch-Site", "none")
    if site in ("same-origin", "none"):
        return False
    leads_here = (
        request.method == "GET"
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and "Sec-Purpose" not in headers
    )
    return not leads_here


def host_name(request: HTTPServerRequest) -> str:
    """Return what the request calls this server, without the port."""
    return urlsplit(f"//{request.host}").hostname or ""


def is_local(name: str, names: list[str] | tuple[str, ...] = ("localhost",)) -> bool:
    """Return whether a name is an address of this machine's own, or one of ``names``."""
    if name in names:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def address_of(request: HTTPServerRequest) -> str:
    """Return whom a request is counted to: an address, or the network of one of version 6."""
    try:
        address = ipaddress.ip_address(request.remote_ip)
    except ValueError:
        return request.remote_ip
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))
