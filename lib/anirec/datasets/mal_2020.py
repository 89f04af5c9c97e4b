"""The 2020 dataset: a full catalogue, synopses apart, and lists with their statuses.

``rating_complete.csv`` holds those entries of ``animelist.csv`` that are completed and scored; it
is read where the list is not there.
"""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Entries, RawFile, Source, cell

ANIME_CELLS = {
    "Name": cell(parsing.title, "title"),
    "Score": cell(parsing.score, "score"),
    "Genres": cell(parsing.names, "genres"),
    "English name": cell(parsing.text, "title_english"),
    "Japanese name": cell(parsing.text, "title_japanese"),
    "Type": cell(parsing.anime_type, "type"),
    "Episodes": cell(parsing.episodes, "episodes"),
    "Aired": cell(parsing.aired, "aired_from", "aired_to"),
    "Premiered": cell(parsing.premiered, "year", "season"),
    "Producers": cell(parsing.names, "producers"),
    "Licensors": cell(parsing.names, "licensors"),
    "Studios": cell(parsing.names, "studios"),
    "Source": cell(parsing.text, "source"),
    "Duration": cell(parsing.duration, "duration_min"),
    "Rating": cell(parsing.text, "age_rating"),
    "Ranked": cell(parsing.rank_number, "rank"),
    "Popularity": cell(parsing.rank_number, "popularity"),
    "Members": cell(parsing.count, "members"),
    "Favorites": cell(parsing.count, "favorites"),
}
"""Columns that the publisher's files of 2020 share."""

LIST_COUNTS = ("Watching", "Completed", "On-Hold", "Dropped")
SOURCE = Source(
    dataset=Dataset.MAL_2020,
    snapshot_date=date(2020, 8, 1),
    files=(
        RawFile(
            name="anime.csv",
            columns=(
                "MAL_ID",
                *ANIME_CELLS,
                *LIST_COUNTS,
                "Plan to Watch",
                *(f"Score-{score}" for score in range(10, 0, -1)),
            ),
            tables={"anime": {"MAL_ID": cell(parsing.anime_id, "anime_id"), **ANIME_CELLS}},
            required=True,
        ),
        RawFile(
            name="anime_with_synopsis.csv",
            columns=("MAL_ID", "Name", "Score", "Genres", "sypnopsis"),
            tables={
                "anime": {
                    "MAL_ID": cell(parsing.anime_id, "anime_id"),
                    "Name": ANIME_CELLS["Name"],
                    "Score": ANIME_CELLS["Score"],
                    "Genres": ANIME_CELLS["Genres"],
                    "sypnopsis": cell(parsing.synopsis, "synopsis"),
                }
            },
        ),
        RawFile(
            name="animelist.csv",
            columns=("user_id", "anime_id", "rating", "watching_status", "watched_episodes"),
            entries=Entries(
                status="watching_status",
                episodes_watched="watched_episodes",
                statuses={
                    1: "watching",
                    2: "completed",
                    3: "on_hold",
                    4: "dropped",
                    6: "plan_to_watch",
                },
            ),
        ),
        RawFile(
            name="rating_complete.csv",
            columns=("user_id", "anime_id", "rating"),
            entries=Entries(all_status="completed"),
            unless="animelist.csv",
        ),
    ),
)
