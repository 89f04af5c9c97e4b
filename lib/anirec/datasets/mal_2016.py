"""The 2016 dataset (CooperUnion): a slim catalogue and ratings, -1 for "not scored"."""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Cell, RawFile, Source

SOURCE = Source(
    dataset=Dataset.MAL_2016,
    snapshot_date=date(2016, 12, 21),
    files=(
        RawFile(
            name="anime.csv",
            table="anime",
            columns=("anime_id", "name", "genre", "type", "episodes", "rating", "members"),
            cells={
                "anime_id": Cell(("anime_id",), parsing.whole(1)),
                "name": Cell(("title",), parsing.title),
                "genre": Cell(("genres",), parsing.names),
                "type": Cell(("type",), parsing.anime_type),
                "episodes": Cell(("episodes",), parsing.episodes),
                "rating": Cell(("score",), parsing.score),
                "members": Cell(("members",), parsing.whole()),
            },
            required=True,
        ),
        RawFile(
            name="rating.csv",
            table="ratings",
            columns=("user_id", "anime_id", "rating"),
            fields={"user_id": "user_id", "anime_id": "anime_id", "rating": "rating"},
            unscored=-1,
        ),
    ),
)
