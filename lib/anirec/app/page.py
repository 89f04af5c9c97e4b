"""The recommendation box as a web page on this machine, served by Voilà."""

from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from anirec.config import InputError, Paths
from anirec.files import read_json
from anirec.profiles import ListSession, ProfileStore, UnknownProfile
from anirec.recommender import AnimeRecommender, LatestRecommender

if TYPE_CHECKING:
    from anirec.app.list_panel import Page


TOKEN_VARIABLE = "ANIREC_APP_TOKEN"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    dataset: str,
    port: int,
    host: str = "127.0.0.1",
    public_name: str | None = None,
    visitors: int = 24,
) -> None:
    """Serve the box at ``http://<host>:<port>`` until interrupted.

    Parameters
    ----------
    dataset : the dataset whose last run is served.
    port, host : the address to listen on; another than this machine's own needs a token, from the
        environment variable `TOKEN_VARIABLE`.
    public_name : the host name under which a reverse proxy serves the page.
    visitors : how many people it serves at once; each has a kernel of their own.

    Raises
    ------
    InputError
        If the dataset was not run yet, the port is taken, or the token is missing.
    """
    paths = Paths.of(dataset)
    AnimeRecommender.load(paths)  # complains here, and makes the indices that kernels load
    store = ProfileStore.of(dataset)
    token = os.environ.get(TOKEN_VARIABLE, "")
    if host not in LOOPBACK and not token:
        raise InputError(
            f"--host {host} shows the page to other machines: "
            f"set {TOKEN_VARIABLE} to a secret that visitors must know"
        )
    _check_free(host, port)
    for library in ("OMP", "OPENBLAS"):  # many kernels share the cores
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from anirec.app import server

    with tempfile.TemporaryDirectory(prefix="anirec-") as folder:
        notebook = Path(folder) / "anirec.ipynb"
        write_notebook(notebook, paths)
        print(f"anirec: http://{host}:{port} (Ctrl-C stops it)", flush=True)
        server.run_server(
            server.settings(notebook, store, host, port, token, public_name, visitors)
        )


def _check_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        reason = os.strerror(error.errno) if (error.errno or 0) > 0 else error.strerror
        raise InputError(
            f"cannot listen on {host}:{port} ({reason}): stop what uses it or pass --port"
        ) from None


def write_notebook(file: Path, paths: Paths) -> None:
    """Write the notebook behind the page: the box of a run, and nothing else."""
    import nbformat

    folders = {"processed_dir": str(paths.processed), "output_dir": str(paths.outputs)}
    source = f"from anirec.app.page import show_box\nshow_box({paths.dataset!r}, **{folders!r})"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source)],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )
    nbformat.write(notebook, file)


def show_box(dataset: str, processed_dir: str, output_dir: str) -> None:
    """Display the box in the page's kernel: all that takes time first, then the visitor's list."""
    from IPython.display import display

    from anirec.app.box import RecommenderBox

    paths = Paths.of(dataset, processed_dir=processed_dir, output_dir=output_dir)
    store = ProfileStore.of(dataset)
    first = replace(page_of(""), footnote=_provenance(paths))
    box = RecommenderBox(LatestRecommender(paths), page=first)
    display(box)
    if os.environ.get("VOILA_PREHEAT") == "True":
        from voila.utils import wait_for_request

        wait_for_request()
        if "QUERY_STRING" not in os.environ:  # the server is gone: nobody will come
            os._exit(0)
    query = os.environ.get("QUERY_STRING", "")
    try:
        session = ListSession(store)
        session.open(token_of(query))
    except UnknownProfile:
        box.use(ListSession(), page_of(query))
        box.say("This address opens no list: what you add here is not kept.", "error")
    else:
        box.use(session, page_of(query))


def _provenance(paths: Paths) -> str:
    """Return what must be said of the data, if anything."""
    if not read_json(paths.processed / "ingest.json").get("simulated"):
        return ""
    return (
        "The anime here are real; the community that the recommendations come from is simulated: "
        "run another dataset for recommendations by real people."
    )


def token_of(query: str) -> str:
    """Return the visitor's token in an address's query; empty if there is none."""
    return parse_qs(query).get("profile", [""])[0]


def page_of(query: str) -> Page:
    """Return what a page's address says of it."""
    from anirec.app.list_panel import Page

    images = parse_qs(query).get("images") == ["1"]
    other = {"profile": token_of(query)} | ({} if images else {"images": "1"})
    return Page(images, f"?{urlencode(other)}", "?")
