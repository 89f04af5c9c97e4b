"""Lists by user name, asked of a server on this machine that answers in the services' shapes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from list_files import FILES

from anirec.catalogue import Catalogue
from anirec.config import InputError
from anirec.lists import online

SECRET = "a-client-id-nobody-should-see"


class Service(ThreadingHTTPServer):
    """AniList and MyAnimeList in one; ``answers`` are given first, one after the other."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict, str]] = []
        self.answers: list[tuple[int, dict, bytes]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    def answer(self, path: str, query: dict, body: dict) -> tuple[int, dict, bytes]:
        if self.answers:
            return self.answers.pop(0)
        name = body.get("variables", {}).get("name") or path.split("/")[2]
        if name == "nobody":
            said = {"errors": [{"message": "User not found", "status": 404}], "data": None}
            return 404, {}, json.dumps(said).encode()
        if name == "hidden":
            said = {"errors": [{"message": "Private User", "status": 404}]}
            return (200, {}, json.dumps(said).encode()) if body else (403, {}, b"{}")
        if body:
            return 200, {}, FILES["AniList (API)"]
        entries = json.loads(FILES["MyAnimeList (API)"])["data"]
        first = int(query["offset"][0])
        paging = {"next": "http://elsewhere.invalid/"} if first < 2 else {}
        said = {"data": entries[first : first + 2], "paging": paging}
        return 200, {}, json.dumps(said).encode()


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._say(url.path, parse_qs(url.query), {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._say(self.path, {}, body)

    def _say(self, path: str, query: dict, body: dict) -> None:
        self.server.asked.append((path, body, self.headers.get("X-MAL-CLIENT-ID", "")))
        status, headers, content = self.server.answer(path, query, body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(online, "ANILIST_API", f"{address}/")
    monkeypatch.setattr(online, "MAL_API", address)
    monkeypatch.setenv(online.CLIENT_ID, SECRET)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(site: str, name: str, catalogue: Catalogue, waits: list[float] | None = None):
    waits = [] if waits is None else waits
    return online.read_users_list(site, name, catalogue, sleep=waits.append)


@pytest.mark.parametrize("site", online.SITES)
def test_a_public_list_is_read(site: str, service: Service, catalogue: Catalogue) -> None:
    """MyAnimeList's comes in pages; what it names as the next page is not asked elsewhere."""
    imported = fetched(site, "somebody", catalogue)
    said = {a: (entry.rating, entry.status) for a, entry in imported.profile.items()}
    assert said == {1: (9, "completed"), 5: (None, "plan_to_watch"), 6: (2, "dropped")}
    assert len(service.asked) == (1 if site == "anilist" else 2)


@pytest.mark.parametrize("site", online.SITES)
def test_who_is_not_there_or_hides_is_told(
    site: str, service: Service, catalogue: Catalogue
) -> None:
    with pytest.raises(InputError, match="knows no user of that name"):
        fetched(site, "nobody", catalogue)
    with pytest.raises(InputError, match="the list is private: make it public"):
        fetched(site, "hidden", catalogue)


@pytest.mark.parametrize("site", online.SITES)
def test_limits_are_respected(site: str, service: Service, catalogue: Catalogue) -> None:
    service.answers = [(429, {"Retry-After": "7"}, b"{}"), (503, {}, b"")]
    waits: list[float] = []
    assert 1 in fetched(site, "somebody", catalogue, waits).profile
    assert waits == [7, 2]
    service.answers = [(429, {"Retry-After": "900"}, b"{}")]
    with pytest.raises(InputError, match="asked too often: try again in some minutes"):
        fetched(site, "somebody", catalogue, waits)
    assert waits == [7, 2]


def test_a_service_that_is_away_is_called_so(service: Service, catalogue: Catalogue) -> None:
    service.answers = [(502, {}, b"<html>")] * online.TRIES
    with pytest.raises(InputError, match="AniList cannot be reached: try again later"):
        fetched("anilist", "somebody", catalogue)
    service.answers = [(200, {}, b"<html>")]
    with pytest.raises(InputError, match="something unreadable"):
        fetched("anilist", "somebody", catalogue)


def test_the_client_id_goes_to_myanimelist_alone(
    service: Service,
    catalogue: Catalogue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    fetched("myanimelist", "somebody", catalogue)
    fetched("anilist", "somebody", catalogue)
    assert [secret for _, _, secret in service.asked] == [SECRET, SECRET, ""]
    assert SECRET not in caplog.text
    monkeypatch.delenv(online.CLIENT_ID)
    with pytest.raises(InputError, match=f"wants a client id: set {online.CLIENT_ID}"):
        fetched("myanimelist", "somebody", catalogue)


@pytest.mark.parametrize(
    ("site", "name"), [("aniist", "somebody"), ("anilist", "../x"), ("anilist", "")]
)
def test_what_cannot_be_a_name_is_not_asked_for(
    site: str, name: str, service: Service, catalogue: Catalogue
) -> None:
    with pytest.raises(InputError, match=r"unknown site|a user name has"):
        fetched(site, name, catalogue)
    assert service.asked == []
