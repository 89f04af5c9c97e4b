"""Executing a notebook with papermill."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from anirec.config import Paths, shown_path
from anirec.pipeline.stages import Stage
from anirec.pipeline.steps import StageFailed


def execute(stage: Stage, values: Mapping[str, object], paths: Paths) -> list[Path]:
    """Execute a notebook; return the figures, tables and pages that it wrote.

    The copy grows under ``<name>.partial.ipynb`` and takes its final name once every cell has run.

    Raises
    ------
    StageFailed
        If a cell fails or the kernel dies.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    partial = stage.executed(paths).with_suffix(".partial.ipynb")
    for folder in (paths.outputs, paths.figures, paths.tables, paths.models):
        folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("papermill").setLevel(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    before = _stamps(paths)
    address = _kernel_address()
    try:
        papermill.execute_notebook(
            stage.notebook,
            partial,
            parameters=dict(values),
            kernel_name="python3",
            language="python",
            cwd=stage.notebook.parent,
            progress_bar={"desc": stage.name, "file": sys.stderr},
            config=Config(
                KernelManager=address,
                # Asked politely, a kernel that is interrupted prints a traceback of its own.
                NotebookClient={"shutdown_kernel": "immediate"},
            ),
        )
    except PapermillExecutionError as error:
        first_line = error.source.strip().splitlines()[0] if error.source.strip() else ""
        raise StageFailed(
            f"notebooks/{stage.name}.ipynb failed in cell {error.cell_index} ({first_line}): "
            f"{_last_line(error)}\nPartial output: {shown_path(partial)}"
        ) from error
    except DeadKernelError as error:
        raise StageFailed(
            f"notebooks/{stage.name}.ipynb: the kernel died in cell {_last_begun_cell(partial)} "
            f"(out of memory?)\nPartial output: {shown_path(partial)}"
        ) from error
    finally:
        if "ip" in address:
            for left in Path(address["ip"]).parent.glob(f"{SOCKETS}-*"):
                left.unlink(missing_ok=True)
    partial.replace(stage.executed(paths))
    return sorted(file for file, stamp in _stamps(paths).items() if before.get(file) != stamp)


SOCKETS = f"anirec-{os.getpid()}"
LONGEST_SOCKET = 90
"""Bytes that the name of a socket may have everywhere, less room for its number."""


def _kernel_address() -> dict[str, str]:
    """Return where a kernel listens: sockets where Jupyter keeps its connection files.

    Left to itself Jupyter puts them into the notebooks' folder, which may be read-only. They are
    for nobody else on the machine, unlike ports, which serve where there are no such sockets.
    """
    from jupyter_core.paths import jupyter_runtime_dir

    folder = Path(jupyter_runtime_dir())
    socket = folder / SOCKETS
    if os.name == "nt" or len(os.fsencode(socket)) > LONGEST_SOCKET:
        return {"transport": "tcp"}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {"transport": "ipc", "ip": str(socket)}


def _stamps(paths: Paths) -> dict[Path, tuple[int, int]]:
    """Return the figures, tables and pages there are, each with what tells that it is written anew.

    A file is written beside and renamed, so that it gets another number in its file system even
    where the clock is coarse.
    """
    return {
        file: (file.stat().st_mtime_ns, file.stat().st_ino)
        for folder in (paths.figures, paths.tables, paths.report)
        for file in folder.rglob("*")
        if file.is_file()
    }


def _last_line(error: Exception) -> str:
    return f"{error.ename}: {error.evalue}".strip().splitlines()[0]


def _last_begun_cell(executed: Path) -> int:
    """Return the number of the last code cell that was begun, counted from 1 in the notebook.

    The executed copy holds one cell more, the parameters injected, so that an index there is a
    number here; the same holds for papermill's ``cell_index``.
    """
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    return max(
        index
        for index, cell in enumerate(cells)
        if cell["cell_type"] == "code" and cell["metadata"]["papermill"]["status"] != "pending"
    )
