"""The public MyAnimeList datasets, and how each becomes the three canonical tables."""

from __future__ import annotations

from importlib import import_module

from anirec.datasets.source import RawFile, Source

__all__ = ["RawFile", "Source", "raw_files", "source_of"]


def source_of(dataset: str) -> Source:
    """Return what is known of a dataset, from the module of its name."""
    if dataset == "sample":
        from dataclasses import replace

        from anirec.config import Dataset

        return replace(source_of("mal-2023"), dataset=Dataset.SAMPLE, simulated=True)
    return import_module(f"anirec.datasets.{dataset.replace('-', '_')}").SOURCE


def raw_files(dataset: str) -> tuple[RawFile, ...]:
    """Return the raw files of a dataset, required or not."""
    return source_of(dataset).files
