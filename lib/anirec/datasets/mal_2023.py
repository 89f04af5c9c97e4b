"""The 2023 dataset: a full catalogue, the users' details, and scores with names and titles."""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Cell, RawFile, Source

SNAPSHOT = date(2023, 7, 20)
COUNT = parsing.whole()

FILES = (
    RawFile(
        name="anime-dataset-2023.csv",
        table="anime",
        columns=(
            *("anime_id", "Name", "English name", "Other name", "Score", "Genres", "Synopsis"),
            *("Type", "Episodes", "Aired", "Premiered", "Status", "Producers", "Licensors"),
            *("Studios", "Source", "Duration", "Rating", "Rank", "Popularity", "Favorites"),
            *("Scored By", "Members", "Image URL"),
        ),
        cells={
            "anime_id": Cell(("anime_id",), parsing.whole(1)),
            "Name": Cell(("title",), parsing.title),
            "English name": Cell(("title_english",), parsing.text),
            "Other name": Cell(("title_japanese",), parsing.text),
            "Score": Cell(("score",), parsing.score),
            "Genres": Cell(("genres",), parsing.names),
            "Synopsis": Cell(("synopsis",), parsing.synopsis),
            "Type": Cell(("type",), parsing.anime_type),
            "Episodes": Cell(("episodes",), parsing.episodes),
            "Aired": Cell(("aired_from", "aired_to"), parsing.aired),
            "Premiered": Cell(("year", "season"), parsing.premiered),
            "Status": Cell(("status",), parsing.text),
            "Producers": Cell(("producers",), parsing.names),
            "Licensors": Cell(("licensors",), parsing.names),
            "Studios": Cell(("studios",), parsing.names),
            "Source": Cell(("source",), parsing.text),
            "Duration": Cell(("duration_min",), parsing.duration),
            "Rating": Cell(("age_rating",), parsing.text),
            "Rank": Cell(("rank",), parsing.rank),
            "Popularity": Cell(("popularity",), parsing.rank),
            "Favorites": Cell(("favorites",), COUNT),
            "Scored By": Cell(("scored_by",), COUNT),
            "Members": Cell(("members",), COUNT),
            "Image URL": Cell(("image_url",), parsing.text),
        },
        required=True,
    ),
    RawFile(
        name="users-details-2023.csv",
        table="users",
        columns=(
            *("Mal ID", "Username", "Gender", "Birthday", "Location", "Joined", "Days Watched"),
            *("Mean Score", "Watching", "Completed", "On Hold", "Dropped", "Plan to Watch"),
            *("Total Entries", "Rewatched", "Episodes Watched"),
        ),
        cells={
            "Mal ID": Cell(("user_id",), parsing.whole(1)),
            "Gender": Cell(("gender",), parsing.gender),
            "Birthday": Cell(("birth_date",), parsing.day_between(date(1900, 1, 1), SNAPSHOT)),
            "Location": Cell(("location",), parsing.text),
            "Joined": Cell(("joined",), parsing.day_between(date(2004, 1, 1), SNAPSHOT)),
            "Days Watched": Cell(("days_watched",), parsing.number(0)),
            "Mean Score": Cell(("mean_score",), parsing.score),
            "Watching": Cell(("watching",), COUNT),
            "Completed": Cell(("completed",), COUNT),
            "On Hold": Cell(("on_hold",), COUNT),
            "Dropped": Cell(("dropped",), COUNT),
            "Plan to Watch": Cell(("plan_to_watch",), COUNT),
            "Total Entries": Cell(("total_entries",), COUNT),
            "Rewatched": Cell(("rewatched",), COUNT),
            "Episodes Watched": Cell(("episodes_watched",), COUNT),
        },
        username="Username",
    ),
    RawFile(
        name="users-score-2023.csv",
        table="ratings",
        columns=("user_id", "Username", "anime_id", "Anime Title", "rating"),
        fields={
            "user_id": "user_id",
            "anime_id": "anime_id",
            "rating": "rating",
            "title": "Anime Title",
        },
        username="Username",
    ),
)

SOURCE = Source(dataset=Dataset.MAL_2023, snapshot_date=SNAPSHOT, files=FILES)
