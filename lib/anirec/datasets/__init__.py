"""The public datasets, each told by a module of its own: raw files flow in, canonical tables out.

Out come ``anime``, ``users`` and ``ratings`` in Parquet, and an account of every row read.
What a dataset's rows say about anime, people or models does not belong here, only reading them.
"""

from __future__ import annotations

from anirec.datasets.registry import detect, located_files, raw_files, source_of
from anirec.datasets.source import RawFile, Source

__all__ = ["RawFile", "Source", "detect", "located_files", "raw_files", "source_of"]
