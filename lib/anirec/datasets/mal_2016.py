"""The 2016 dataset (CooperUnion): a slim catalogue and ratings, -1 for "not scored"."""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Entries, RawFile, Source, cell

SOURCE = Source(
    dataset=Dataset.MAL_2016,
    snapshot_date=date(2016, 12, 21),
    files=(
        RawFile(
            name="anime.csv",
            columns=("anime_id", "name", "genre", "type", "episodes", "rating", "members"),
            tables={
                "anime": {
                    "anime_id": cell(parsing.anime_id, "anime_id"),
                    "name": cell(parsing.title, "title"),
                    "genre": cell(parsing.names, "genres"),
                    "type": cell(parsing.anime_type, "type"),
                    "episodes": cell(parsing.episodes, "episodes"),
                    "rating": cell(parsing.score, "score"),
                    "members": cell(parsing.count, "members"),
                }
            },
            required=True,
        ),
        RawFile(
            name="rating.csv",
            columns=("user_id", "anime_id", "rating"),
            entries=Entries(),
        ),
    ),
)
