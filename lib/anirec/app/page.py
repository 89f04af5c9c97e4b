"""The recommendation box as a web page on this machine, served by Voilà."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from anirec.config import InputError, Paths
from anirec.files import read_json
from anirec.lists.called import token_of
from anirec.profiles import ListSession, ProfileStore, UnknownProfile
from anirec.recommender import AnimeRecommender, LatestRecommender

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anirec.app.box import RecommenderBox
    from anirec.app.list_panel import PageAddress


TOKEN_VARIABLE = "ANIREC_APP_TOKEN"
BY_NAME_VARIABLE = "ANIREC_APP_BY_NAME"
"""Set to 1, visitors may have their list fetched by their user name on another site."""

LEARNS_VARIABLE = "ANIREC_APP_LEARNS"
"""Set to 1, visitors are asked whether ``anirec update --visitors`` may learn from their lists."""


def serve(
    dataset: str,
    port: int,
    hosts: Sequence[str] = ("127.0.0.1",),
    public_name: str | None = None,
    path: str = "/",
    visitors: int = 24,
    visits: int = 120,
    fork: bool = True,
) -> None:
    """Serve the box at ``http://<host>:<port><path>`` until interrupted.

    Parameters
    ----------
    dataset : the dataset whose last run is served.
    port, hosts : the addresses to listen on; others than this machine's own need a token, from the
        environment variable `TOKEN_VARIABLE`.
    public_name, path : the host name and the path under which a reverse proxy serves the page.
    visitors : how many people it serves at once; each has a kernel of their own.
    visits : how many pages one address may open in a minute.
    fork : whether kernels are forked where the system allows it, or each started by itself.

    Raises
    ------
    InputError
        If the dataset was not run yet, an address is taken, or the token is missing.
    """
    paths = Paths.of(dataset)
    AnimeRecommender.load(paths)  # complains here, and makes the indices that kernels load
    store = ProfileStore.of(dataset)
    token = os.environ.pop(TOKEN_VARIABLE, "")  # no kernel needs it
    for host in hosts:
        if not token and not _is_own(host):
            raise InputError(
                f"--host {host} shows the page to other machines: "
                f"set {TOKEN_VARIABLE} to a secret that visitors must know"
            )
        _check_free(host, port)
    for library in ("OMP", "OPENBLAS"):  # many kernels share the cores
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from anirec.app import forked, server

    with tempfile.TemporaryDirectory(prefix="anirec-") as folder:
        notebook = Path(folder) / "anirec.ipynb"
        write_notebook(notebook, paths)
        site = server.Site(
            notebook=notebook,
            paths=paths,
            profiles=store,
            hosts=tuple(hosts),
            port=port,
            token=token,
            public_name=public_name,
            path=f"/{path.strip('/')}/" if path.strip("/") else "/",
            visitors=visitors,
            visits=visits,
            forks=fork and forked.AVAILABLE,
        )
        for host in hosts:
            print(f"anirec: http://{_in_url(host)}:{port}{site.path} (Ctrl-C stops it)", flush=True)
        server.run_server(site)


def _is_own(host: str) -> bool:
    """Return whether only this machine reaches an address, which needs no secret then."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_free(host: str, port: int) -> None:
    try:
        with socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ):
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


def prepared(paths: Paths) -> tuple[RecommenderBox, Callable[[str], None]]:
    """Return a box without a list, all that takes time done; and what fills it for a visitor.

    The latter takes the query of the visitor's address.
    """
    from anirec.app.box import RecommenderBox
    from anirec.app.forked import FRESH

    store = ProfileStore.of(paths.dataset)
    first = replace(page_of(""), footnote=_provenance(paths))
    box = RecommenderBox(LatestRecommender(paths), page=first)

    def show_list(query: str) -> None:
        token = token_of(query)
        session = ListSession(store, token=token)
        if parse_qs(query).get(FRESH) != ["1"]:
            try:
                session.open(token)
            except UnknownProfile:
                box.use(ListSession(), page_of(query))
                box.say("This address opens no list: what you add here is not kept.", "error")
                return
        box.use(session, page_of(query))

    return box, show_list


def show_box(dataset: str, processed_dir: str, output_dir: str) -> None:
    """Display the box in a kernel that was started for it: filled once its visitor is there."""
    from IPython.display import display

    box, show_list = prepared(Paths.of(dataset, processed_dir=processed_dir, output_dir=output_dir))
    display(box)
    if os.environ.get("VOILA_PREHEAT") == "True":
        from voila.utils import wait_for_request

        from anirec.app.forked import KEY_VARIABLE

        told = (os.environ.get(name, "") for name in ("VOILA_APP_PORT", "VOILA_SERVER_URL"))
        address = "ws://127.0.0.1:{}{}voila/query".format(*told)
        wait_for_request(f"{address}/{os.environ[KEY_VARIABLE]}")
        if "QUERY_STRING" not in os.environ:  # the server is gone: nobody will come
            os._exit(0)
    show_list(os.environ.get("QUERY_STRING", ""))


def _provenance(paths: Paths) -> str:
    """Return what must be said of the data, if anything."""
    if not read_json(paths.processed / "ingest.json").get("simulated"):
        return ""
    return (
        "The anime here are real; the community that the recommendations come from is simulated: "
        "run another dataset for recommendations by real people."
    )


def page_of(query: str) -> PageAddress:
    """Return what a page's address says of it."""
    from anirec.app.list_panel import PageAddress

    images = parse_qs(query).get("images") == ["1"]
    other = {"profile": token_of(query)} | ({} if images else {"images": "1"})
    learns, by_name = (os.environ.get(n) == "1" for n in (LEARNS_VARIABLE, BY_NAME_VARIABLE))
    return PageAddress(images, f"?{urlencode(other)}", "?", learns=learns, by_name=by_name)
