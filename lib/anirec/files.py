"""Files that are either whole or absent: written beside, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from anirec.config import InputError


@contextmanager
def written_whole(file: Path) -> Iterator[Path]:
    """Yield a path beside ``file`` to write to; rename it to ``file`` if the block succeeds.

    The folder is made if need be. If the block raises, ``file`` is left as it was.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def locked(file: Path, complaint: str) -> Iterator[None]:
    """Hold the lock ``file`` meanwhile, making its folder if need be.

    Raises
    ------
    InputError
        With ``complaint``, if another process holds it.
    """
    from filelock import FileLock, Timeout

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(complaint) from None
    try:
        yield
    finally:
        lock.release()


def read_json(file: Path) -> dict:
    """Return the content of a JSON file; empty if there is no such file."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def write_text(file: Path, text: str) -> None:
    """Write ``text`` to ``file`` as UTF-8, whole or not at all."""
    with written_whole(file) as beside:
        beside.write_text(text, encoding="utf-8")


def write_table(frame: pd.DataFrame, file: Path) -> None:
    """Write a frame without its index to ``file``, CSV or Parquet by its ending, whole or not."""
    with written_whole(file) as beside:
        if file.suffix == ".parquet":
            frame.to_parquet(beside, index=False)
        else:
            frame.to_csv(beside, index=False)


def write_array(file: Path, array: np.ndarray) -> None:
    """Write one array to an ``.npy`` file, whole or not at all, without pickle."""
    with written_whole(file) as beside, beside.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def write_arrays(file: Path, **arrays: np.ndarray) -> None:
    """Write arrays by name to an ``.npz`` file, whole or not at all, without pickle."""
    with written_whole(file) as beside, beside.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def link_or_copy(existing: Path, file: Path) -> None:
    """Give a file a second name, ``file``; its bytes are kept once where the disk can do so."""
    with written_whole(file) as beside:
        try:
            os.link(existing, beside)
        except OSError:
            shutil.copyfile(existing, beside)
