"""The embedded sample: a committed catalogue in; raw files in the 2023 dataset's form out.

Beside them comes the truth about the simulated community, which tests and notebook 04 ask for.
Nothing that reads raw files belongs here: the sample is ingested as any other dataset is.
"""

from __future__ import annotations

from anirec.datasets.sample.catalogue import (
    ANIME_FILE,
    CATALOGUE_FILES,
    SEGMENTS,
    read_segments,
    read_tables,
)
from anirec.datasets.sample.community import (
    DETAILS_FILE,
    RATING_COUNTS,
    SCORES_FILE,
    generate,
    read_truth,
)
from anirec.datasets.sample.members import EFFECTS, SIZES, simulate_members
from anirec.datasets.sample.progress import still_watching
from anirec.datasets.sample.source import SOURCE

__all__ = [
    "ANIME_FILE",
    "CATALOGUE_FILES",
    "DETAILS_FILE",
    "EFFECTS",
    "RATING_COUNTS",
    "SCORES_FILE",
    "SEGMENTS",
    "SIZES",
    "SOURCE",
    "generate",
    "read_segments",
    "read_tables",
    "read_truth",
    "simulate_members",
    "still_watching",
]
