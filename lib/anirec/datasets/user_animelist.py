"""The User Animelist dataset: a slim catalogue that links to MyAnimeList, and 148 million scores.

Its ids are its own; MyAnimeList's are read from the links. Scores have fractions and are rounded.
"""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Entries, RawFile, Source, cell

SOURCE = Source(
    dataset=Dataset.USER_ANIMELIST,
    snapshot_date=date(2025, 6, 30),
    files=(
        RawFile(
            name="animes.csv",
            columns=(
                *("animeID", "title", "alternative_title", "type", "year", "score", "episodes"),
                *("mal_url", "sequel", "image_url", "genres", "genres_detailed"),
            ),
            tables={
                "anime": {
                    "animeID": cell(parsing.anime_id, "anime_id"),
                    "mal_url": cell(parsing.mal_page, "mal_id"),
                    "title": cell(parsing.title, "title"),
                    "alternative_title": cell(parsing.one_title, "title_synonyms"),
                    "type": cell(parsing.anime_type, "type"),
                    "year": cell(parsing.year, "year"),
                    "score": cell(parsing.score, "score"),
                    "episodes": cell(parsing.episodes, "episodes"),
                    "image_url": cell(parsing.text, "image_url"),
                    "genres": cell(parsing.names, "genres"),
                }
            },
            required=True,
        ),
        RawFile(
            name="ratings.csv",
            columns=("userID", "animeID", "rating"),
            entries=Entries(user_id="userID", anime_id="animeID", scale=10),
        ),
    ),
)
