"""Which datasets there are, what is known of each, and which of them a folder holds."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from anirec.config import Dataset, InputError, Paths
from anirec.datasets.reading import header_bytes, raw_path
from anirec.datasets.records import header_of
from anirec.datasets.source import RawFile, Source
from anirec.datasets.spec import kept_spec, own_datasets, read_spec

TRUTH = "truth.json"
"""The file that lies beside simulated raw files, and tells them from real ones."""


def source_of(dataset: str) -> Source:
    """Return what is known of a dataset, from the module of its name, or as it was specified.

    Raises
    ------
    InputError
        If there is no such dataset.
    """
    if checked(dataset) not in set(Dataset):
        return read_spec(kept_spec(dataset))[0]
    return import_module(f"anirec.datasets.{dataset.replace('-', '_')}").SOURCE


def checked(dataset: str) -> str:
    """Return the name of a dataset that there is. Raises InputError if there is none."""
    if dataset not in set(Dataset):
        known = [*Dataset, *own_datasets()]
        if dataset not in known:
            raise InputError(f"unknown dataset {dataset!r}: choose one of {', '.join(known)}")
    return dataset


def own_folder(dataset: str) -> str | None:
    """Return the folder with the raw files of a dataset of one's own, None for a public one."""
    return None if dataset in set(Dataset) else str(read_spec(kept_spec(dataset))[1])


def raw_files(dataset: str) -> tuple[RawFile, ...]:
    """Return the raw files of a dataset, required or not."""
    return source_of(dataset).files


def located_files(paths: Paths) -> list[Path]:
    """Return the files that ingesting a dataset reads: raw ones, or what they are packed in.

    Of a dataset of one's own its specification is among them.
    """
    found = (raw_path(paths.raw, *raw_file.names) for raw_file in raw_files(paths.dataset))
    own = [] if paths.dataset in set(Dataset) else [kept_spec(paths.dataset)]
    return sorted({*own, *(raw.file for raw in found if raw)})


def detect(raw_dir: Path) -> Dataset:
    """Return the dataset whose required files a folder holds, by their names and columns.

    Raises
    ------
    InputError
        If it holds those of none, or of more than one.
    """
    if not raw_dir.is_dir():
        raise InputError(f"{raw_dir} is not a folder: pass the one that holds the raw files")
    if (raw_dir / TRUTH).is_file():
        return Dataset.SAMPLE
    known = [dataset for dataset in Dataset if dataset != Dataset.SAMPLE]
    fitting = [dataset for dataset in known if _holds(raw_dir, dataset)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(f"{raw_dir} holds files of {', '.join(fitting)}: name the one you mean")
    wanted = ", ".join(
        f"{raw_file.name} ({dataset})"
        for dataset in known
        for raw_file in raw_files(dataset)
        if raw_file.required
    )
    raise InputError(f"{raw_dir} holds no dataset that anirec knows; it looked for {wanted}")


def _holds(raw_dir: Path, dataset: str) -> bool:
    for raw_file in raw_files(dataset):
        raw = raw_path(raw_dir, *raw_file.names) if raw_file.required else None
        if raw_file.required and (
            raw is None or not set(raw_file.used) <= set(header_of(header_bytes(raw))[0])
        ):
            return False
    return True
