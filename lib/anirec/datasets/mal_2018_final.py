"""The 2018 dataset in one table: every list entry repeats what is known of its anime and user."""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Entries, RawFile, Source, cell

SOURCE = Source(
    dataset=Dataset.MAL_2018_FINAL,
    snapshot_date=date(2018, 5, 31),
    files=(
        RawFile(
            name="final_animedataset.csv",
            columns=(
                *("username", "anime_id", "my_score", "user_id", "gender", "title", "type"),
                *("source", "score", "scored_by", "rank", "popularity", "genre"),
            ),
            tables={
                "anime": {
                    "anime_id": cell(parsing.anime_id, "anime_id"),
                    "title": cell(parsing.title, "title"),
                    "type": cell(parsing.anime_type, "type"),
                    "source": cell(parsing.text, "source"),
                    "score": cell(parsing.score, "score"),
                    "scored_by": cell(parsing.count, "scored_by"),
                    "rank": cell(parsing.rank_number, "rank"),
                    "popularity": cell(parsing.rank_number, "popularity"),
                    "genre": cell(parsing.names, "genres"),
                },
                "users": {
                    "user_id": cell(parsing.user_id, "user_id"),
                    "gender": cell(parsing.gender, "gender"),
                },
            },
            entries=Entries(rating="my_score", title="title"),
            username="username",
            required=True,
        ),
    ),
)
