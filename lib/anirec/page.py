"""The recommendation box as a web page on this machine, served by Voilà."""

from __future__ import annotations

import subprocess
import sys

from anirec.config import NOTEBOOK_DIR, InputError, Paths
from anirec.recommender import AnimeRecommender


def serve(dataset: str, port: int) -> None:
    """Serve notebook 06's box at ``http://127.0.0.1:<port>`` until interrupted.

    The notebook of the dataset's last run is served, since its parameters name the dataset.

    Raises
    ------
    InputError
        If the dataset was not run yet, or the port is taken.
    """
    paths = Paths.of(dataset)
    AnimeRecommender.load(paths)
    notebook = paths.outputs / "06_recommender.ipynb"
    if not notebook.is_file():
        raise InputError(f"{notebook} is missing: run 'anirec run --dataset {dataset}' first")
    print(f"anirec: http://127.0.0.1:{port} (Ctrl-C stops it)", flush=True)
    command = [
        sys.executable, "-m", "voila", str(notebook), "--no-browser", "--Voila.ip=127.0.0.1",
        f"--port={port}", f"--Voila.root_dir={NOTEBOOK_DIR}",
    ]  # fmt: skip
    try:
        status = subprocess.run(command).returncode
    except KeyboardInterrupt:
        return
    if status:
        raise InputError(f"the page server stopped with status {status}: is port {port} taken?")
