"""Folders of arrays that are whole, and proved to be: what a model's state is kept in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from anirec.config import InputError

MANIFEST = "manifest.json"


def write_snapshot(folder: Path, arrays: Mapping[str, np.ndarray], about: Mapping) -> None:
    """Write arrays and what is said about them to a new folder, whole or not at all.

    The folder is made under another name, brought to the disk and renamed; one that is there is
    replaced. ``manifest.json`` holds ``about`` and the SHA-256 of each array's file.
    """
    folder = Path(folder)
    beside = folder.with_name(f".{os.getpid()}.{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        sums = {}
        for name, array in arrays.items():
            file = beside / f"{name}.npy"
            with file.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)
                to_disk(stream)
            sums[name] = _sum(file)
        with (beside / MANIFEST).open("w", encoding="utf-8") as stream:
            json.dump({"about": dict(about), "arrays": sums}, stream, indent=2)
            to_disk(stream)
        put_in_place(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_snapshot(folder: Path, check: bool = True) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays of a snapshot and what is said about them.

    Arrays are mapped from their files; what is changed in memory is not changed there.

    Parameters
    ----------
    check : whether each file is read to the end to compare its SHA-256.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        arrays = {}
        for name, wanted in manifest["arrays"].items():
            file = folder / f"{name}.npy"
            if check and _sum(file) != wanted:
                raise InputError(f"{file} is damaged: delete {folder}, it will be made anew")
            arrays[name] = np.load(file, mmap_mode="c" if _is_large(file) else None)
        return arrays, manifest["about"]
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is missing: there is no whole snapshot") from None
    except (ValueError, KeyError, TypeError, EOFError):
        raise InputError(f"{folder} is damaged: delete it, it will be made anew") from None


def put_in_place(beside: Path, folder: Path) -> None:
    """Rename a finished folder to its place, which an older one may hold, and see it on disk."""
    old = folder.with_name(f".old.{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def to_disk(stream) -> None:
    """Bring what was written to an open file to the disk."""
    stream.flush()
    os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sum(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_large(file: Path) -> bool:
    return file.stat().st_size > 2**20
