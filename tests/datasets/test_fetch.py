"""Downloads, against a server on this machine that speaks Kaggle's protocol."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from anirec.config import ROOT, InputError, Paths
from anirec.datasets.fetch import HANDLES, STAGING, fetch

TOKEN = "KGAT_do-not-print-me"
FILES = {file.name: file.read_bytes() for file in (ROOT / "tests/data/mal-2016").glob("*.csv")}


class Kaggle(ThreadingHTTPServer):
    """Answers like Kaggle: one call for the version, one that redirects to the file's bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = dict(FILES)
        self.status: int | None = None
        self.wrong_sum = False
        self.cut_after: int | None = None
        self.calls: list[tuple[str, dict]] = []
        self.served: list[tuple[str, str | None]] = []
        self.authorizations: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Kaggle

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = self.path.rpartition("/")[2]
        self.server.calls.append((call, request))
        self.server.authorizations.append(self.headers["Authorization"])
        if self.server.status:
            self._json(self.server.status, {"code": self.server.status, "message": "no"})
        elif call == "GetDataset":
            self._json(200, {"currentVersionNumber": 3})
        elif request["fileName"] in self.server.files:
            self.send_response(302)
            self.send_header("Location", f"{self.server.address}/blob/{request['fileName']}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._json(404, {"code": 404, "message": "Not found"})

    def _json(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        body = self.server.files[name]
        wanted = self.headers["Range"]
        self.server.served.append((name, wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        digest = hashlib.md5(b"other" if self.server.wrong_sum else body).digest()
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("x-goog-hash", f"md5={base64.b64encode(digest).decode()}")
        self.end_headers()
        end = len(body) if self.server.cut_after is None or wanted else self.server.cut_after
        self.wfile.write(body[start:end])


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    """A server in Kaggle's place, and a home without credentials."""
    from kagglesdk import kaggle_env

    server = Kaggle()
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, server.address)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.of("mal-2016", tmp_path / "raw" / "mal-2016", tmp_path / "processed")


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_files_arrive_whole_without_credentials(kaggle: Kaggle, paths: Paths, capsys) -> None:
    assert fetch(paths) == [paths.raw / "anime.csv", paths.raw / "rating.csv"]
    assert names(paths.raw) == ["anime.csv", "rating.csv"]
    for name, content in FILES.items():
        assert (paths.raw / name).read_bytes() == content
    assert kaggle.authorizations == [None] * 4
    asked = [request for call, request in kaggle.calls if call == "DownloadDataset"]
    assert [request["fileName"] for request in asked] == ["anime.csv", "rating.csv"]
    assert "/".join((asked[0]["ownerSlug"], asked[0]["datasetSlug"])) == HANDLES["mal-2016"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "Downloading anime.csv" in err and "100%" in err


def test_what_is_there_is_neither_fetched_nor_touched(kaggle: Kaggle, paths: Paths) -> None:
    paths.raw.mkdir(parents=True)
    (paths.raw / "anime.csv").write_text("mine")
    (paths.raw / "rating.csv.gz").write_bytes(b"packed")
    assert fetch(paths) == [paths.raw / "anime.csv", paths.raw / "rating.csv.gz"]
    assert kaggle.calls == []
    assert (paths.raw / "anime.csv").read_text() == "mine"


def test_token_is_used_and_never_printed(
    kaggle: Kaggle, paths: Paths, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    fetch(paths)
    assert kaggle.authorizations == [f"Bearer {TOKEN}"] * 4
    kaggle.status = 403
    (paths.raw / "anime.csv").unlink()
    with pytest.raises(InputError) as refused:
        fetch(paths)
    out, err = capfd.readouterr()
    assert TOKEN not in out + err + str(refused.value)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, r"refuses anime.csv \(401\): accept the terms at kaggle.com/datasets/CooperUnion"),
        (403, r"refuses anime.csv \(403\)"),
        (404, r"does not have anime.csv .* \(404\)"),
        (503, r"error \(503\): try again later"),
    ],
)
def test_answers_that_are_errors(kaggle: Kaggle, paths: Paths, status: int, says: str) -> None:
    kaggle.status = status
    with pytest.raises(InputError, match=says) as refused:
        fetch(paths)
    assert "\n" not in str(refused.value)
    assert not (paths.raw / "anime.csv").exists()


def test_file_that_the_dataset_lacks(kaggle: Kaggle, paths: Paths) -> None:
    del kaggle.files["rating.csv"]
    with pytest.raises(InputError, match=r"does not have rating.csv .* \(404\)"):
        fetch(paths)
    assert "anime.csv" in names(paths.raw)


def test_no_network(kaggle: Kaggle, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    from kagglesdk import kaggle_env

    nobody = "http://127.0.0.1:9"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.TEST, nobody)
    with pytest.raises(InputError, match="Kaggle cannot be reached: check the network"):
        fetch(paths)


@pytest.fixture
def quiet_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client stream as it does outside of tests, where it does not log whole answers."""
    from kagglesdk.kaggle_http_client import KaggleHttpClient

    monkeypatch.setattr(KaggleHttpClient, "_print_response", lambda *_, **__: None)


@pytest.mark.usefixtures("quiet_client")
def test_interrupted_download_goes_on_where_it_stopped(kaggle: Kaggle, paths: Paths) -> None:
    whole = FILES["anime.csv"] * 20_000
    kaggle.files["anime.csv"] = whole
    kaggle.cut_after = 3_000_000
    with pytest.raises(
        InputError, match=r"of anime\.csv was interrupted: the same command goes on"
    ):
        fetch(paths)
    assert names(paths.raw) == [STAGING]
    kaggle.cut_after = None
    fetch(paths)
    wanted = [ranged for name, ranged in kaggle.served if name == "anime.csv" and ranged]
    assert len(wanted) == 1 and int(wanted[0].strip("bytes=-")) >= 1_000_000
    assert names(paths.raw) == ["anime.csv", "rating.csv"]
    assert (paths.raw / "anime.csv").read_bytes() == whole


@pytest.mark.usefixtures("quiet_client")
def test_damaged_download_is_thrown_away(kaggle: Kaggle, paths: Paths) -> None:
    kaggle.wrong_sum = True
    with pytest.raises(InputError, match=r"anime\.csv arrived damaged"):
        fetch(paths)
    assert not list(paths.raw.rglob("*.csv"))
    kaggle.wrong_sum = False
    assert len(fetch(paths)) == 2


def test_full_disk(kaggle: Kaggle, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kagglehub.clients._download_file", full)
    with pytest.raises(InputError, match=r"disk is full: make room for anime\.csv"):
        fetch(paths)


def test_token_file_that_cannot_be_read(kaggle: Kaggle, paths: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".kaggle"
    folder.mkdir(parents=True)
    (folder / "kaggle.json").write_text("{not json")
    import kagglehub.config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kagglehub.config, "DEFAULT_KAGGLE_CREDENTIALS_FOLDER", str(folder))
        with pytest.raises(InputError, match="token cannot be read"):
            fetch(paths)


@pytest.mark.parametrize("dataset", ["sample", "mal-2018-final", "mal-2020-filtered"])
def test_dataset_that_is_not_on_kaggle(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="choose one of mal-2016, mal-2018, mal-2020, mal-2023, user-animelist"
    ):
        fetch(Paths.of(dataset, tmp_path))


def test_only_the_files_needed_of_a_dataset(kaggle: Kaggle, tmp_path: Path) -> None:
    needed = ("anime.csv", "anime_with_synopsis.csv", "animelist.csv")
    kaggle.files = dict.fromkeys(needed, b"x\n")
    found = fetch(Paths.of("mal-2020", tmp_path / "raw"))
    assert [file.name for file in found] == list(kaggle.files)
