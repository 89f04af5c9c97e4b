"""The 2023 dataset: a full catalogue, the users' details, and scores with names and titles."""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Entries, RawFile, Source, cell

SNAPSHOT = date(2023, 7, 20)

FILES = (
    RawFile(
        name="anime-dataset-2023.csv",
        columns=(
            *("anime_id", "Name", "English name", "Other name", "Score", "Genres", "Synopsis"),
            *("Type", "Episodes", "Aired", "Premiered", "Status", "Producers", "Licensors"),
            *("Studios", "Source", "Duration", "Rating", "Rank", "Popularity", "Favorites"),
            *("Scored By", "Members", "Image URL"),
        ),
        tables={
            "anime": {
                "anime_id": cell(parsing.anime_id, "anime_id"),
                "Name": cell(parsing.title, "title"),
                "English name": cell(parsing.text, "title_english"),
                "Other name": cell(parsing.text, "title_japanese"),
                "Score": cell(parsing.score, "score"),
                "Genres": cell(parsing.names, "genres"),
                "Synopsis": cell(parsing.synopsis, "synopsis"),
                "Type": cell(parsing.anime_type, "type"),
                "Episodes": cell(parsing.episodes, "episodes"),
                "Aired": cell(parsing.aired, "aired_from", "aired_to"),
                "Premiered": cell(parsing.premiered, "year", "season"),
                "Status": cell(parsing.text, "status"),
                "Producers": cell(parsing.names, "producers"),
                "Licensors": cell(parsing.names, "licensors"),
                "Studios": cell(parsing.names, "studios"),
                "Source": cell(parsing.text, "source"),
                "Duration": cell(parsing.duration, "duration_min"),
                "Rating": cell(parsing.text, "age_rating"),
                "Rank": cell(parsing.rank_number, "rank"),
                "Popularity": cell(parsing.rank_number, "popularity"),
                "Favorites": cell(parsing.count, "favorites"),
                "Scored By": cell(parsing.count, "scored_by"),
                "Members": cell(parsing.count, "members"),
                "Image URL": cell(parsing.text, "image_url"),
            }
        },
        required=True,
    ),
    RawFile(
        name="users-details-2023.csv",
        columns=(
            *("Mal ID", "Username", "Gender", "Birthday", "Location", "Joined", "Days Watched"),
            *("Mean Score", "Watching", "Completed", "On Hold", "Dropped", "Plan to Watch"),
            *("Total Entries", "Rewatched", "Episodes Watched"),
        ),
        tables={
            "users": {
                "Mal ID": cell(parsing.user_id, "user_id"),
                "Gender": cell(parsing.gender, "gender"),
                "Birthday": cell(parsing.day_between(date(1900, 1, 1), SNAPSHOT), "birth_date"),
                "Location": cell(parsing.text, "location"),
                "Joined": cell(parsing.day_between(date(2004, 1, 1), SNAPSHOT), "joined"),
                "Days Watched": cell(parsing.real_number(0), "days_watched"),
                "Mean Score": cell(parsing.score, "mean_score"),
                "Watching": cell(parsing.count, "watching"),
                "Completed": cell(parsing.count, "completed"),
                "On Hold": cell(parsing.count, "on_hold"),
                "Dropped": cell(parsing.count, "dropped"),
                "Plan to Watch": cell(parsing.count, "plan_to_watch"),
                "Total Entries": cell(parsing.count, "total_entries"),
                "Rewatched": cell(parsing.count, "rewatched"),
                "Episodes Watched": cell(parsing.count, "episodes_watched"),
            }
        },
        username="Username",
    ),
    RawFile(
        name="users-score-2023.csv",
        columns=("user_id", "Username", "anime_id", "Anime Title", "rating"),
        entries=Entries(title="Anime Title"),
        username="Username",
    ),
)

SOURCE = Source(dataset=Dataset.MAL_2023, snapshot_date=SNAPSHOT, files=FILES)
