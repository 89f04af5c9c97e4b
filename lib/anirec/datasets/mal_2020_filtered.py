"""The older files of 2020: a catalogue with its ``sypnopsis``, and ratings, 0 for "not scored"."""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.mal_2020 import ANIME_CELLS, LIST_COUNTS
from anirec.datasets.source import Entries, RawFile, Source, cell

_NAMES = list(ANIME_CELLS)
_AFTER = _NAMES.index("Type")

SOURCE = Source(
    dataset=Dataset.MAL_2020_FILTERED,
    snapshot_date=date(2020, 8, 1),
    files=(
        RawFile(
            name="anime-filtered.csv",
            columns=("anime_id", *_NAMES[:_AFTER], "sypnopsis", *_NAMES[_AFTER:], *LIST_COUNTS),
            tables={
                "anime": {
                    "anime_id": cell(parsing.anime_id, "anime_id"),
                    "sypnopsis": cell(parsing.synopsis, "synopsis"),
                    **ANIME_CELLS,
                }
            },
            required=True,
        ),
        RawFile(
            name="user-filtered.csv",
            columns=("user_id", "anime_id", "rating"),
            entries=Entries(),
        ),
    ),
)
