"""The 2018 dataset (azathoth42): catalogue with other names and relations, users, dated lists.

Its publisher ships each file in three states, as crawled, filtered and cleaned; the fullest that is
there is read. List entries name their users; these are numbered as they come.
"""

from __future__ import annotations

from datetime import date

from anirec.config import Dataset
from anirec.datasets import parsing
from anirec.datasets.source import Entries, RawFile, Source, by_name, cell

CRAWLED = date(2018, 5, 31)

SOURCE = Source(
    dataset=Dataset.MAL_2018,
    snapshot_date=CRAWLED,
    files=(
        RawFile(
            name="AnimeList.csv",
            variants=("anime_filtered.csv", "anime_cleaned.csv"),
            columns=(
                *("anime_id", "title", "title_english", "title_japanese", "title_synonyms"),
                *("image_url", "type", "source", "episodes", "status", "airing", "aired_string"),
                *("aired", "duration", "rating", "score", "scored_by", "rank", "popularity"),
                *("members", "favorites", "background", "premiered", "broadcast", "related"),
                *("producer", "licensor", "studio", "genre", "opening_theme", "ending_theme"),
                *("duration_min", "aired_from_year"),
            ),
            tables={
                "anime": {
                    "anime_id": cell(parsing.anime_id, "anime_id"),
                    "title": cell(parsing.title, "title"),
                    "title_english": cell(parsing.text, "title_english"),
                    "title_japanese": cell(parsing.text, "title_japanese"),
                    "title_synonyms": cell(parsing.titles, "title_synonyms"),
                    "image_url": cell(parsing.text, "image_url"),
                    "type": cell(parsing.anime_type, "type"),
                    "source": cell(parsing.text, "source"),
                    "episodes": cell(parsing.episodes, "episodes"),
                    "status": cell(parsing.text, "status"),
                    "aired_string": cell(parsing.aired, "aired_from", "aired_to"),
                    "duration": cell(parsing.duration, "duration_min"),
                    "rating": cell(parsing.text, "age_rating"),
                    "score": cell(parsing.score, "score"),
                    "scored_by": cell(parsing.count, "scored_by"),
                    "rank": cell(parsing.rank_number, "rank"),
                    "popularity": cell(parsing.rank_number, "popularity"),
                    "members": cell(parsing.count, "members"),
                    "favorites": cell(parsing.count, "favorites"),
                    "premiered": cell(parsing.premiered, "year", "season"),
                    "related": cell(parsing.related, "related"),
                    "producer": cell(parsing.names, "producers"),
                    "licensor": cell(parsing.names, "licensors"),
                    "studio": cell(parsing.names, "studios"),
                    "genre": cell(parsing.names, "genres"),
                }
            },
            required=True,
        ),
        RawFile(
            name="UserList.csv",
            variants=("users_filtered.csv", "users_cleaned.csv"),
            columns=(
                *("username", "user_id", "user_watching", "user_completed", "user_onhold"),
                *("user_dropped", "user_plantowatch", "user_days_spent_watching", "gender"),
                *("location", "birth_date", "access_rank", "join_date", "last_online"),
                *("stats_mean_score", "stats_rewatched", "stats_episodes"),
            ),
            tables={
                "users": {
                    "username": cell(by_name, "user_id"),
                    "user_watching": cell(parsing.count, "watching"),
                    "user_completed": cell(parsing.count, "completed"),
                    "user_onhold": cell(parsing.count, "on_hold"),
                    "user_dropped": cell(parsing.count, "dropped"),
                    "user_plantowatch": cell(parsing.count, "plan_to_watch"),
                    "user_days_spent_watching": cell(parsing.real_number(0), "days_watched"),
                    "gender": cell(parsing.gender, "gender"),
                    "location": cell(parsing.text, "location"),
                    "birth_date": cell(
                        parsing.day_between(date(1900, 1, 1), CRAWLED), "birth_date"
                    ),
                    "join_date": cell(parsing.day_between(date(2004, 1, 1), CRAWLED), "joined"),
                    "stats_mean_score": cell(parsing.score, "mean_score"),
                    "stats_rewatched": cell(parsing.count, "rewatched"),
                    "stats_episodes": cell(parsing.count, "episodes_watched"),
                }
            },
            username="username",
        ),
        RawFile(
            name="UserAnimeList.csv",
            variants=("animelists_filtered.csv", "animelists_cleaned.csv"),
            # Not my_tags: what people write there is shown masked, as all that is not named here.
            columns=(
                *("username", "anime_id", "my_watched_episodes", "my_start_date"),
                *("my_finish_date", "my_score", "my_status", "my_rewatching"),
                *("my_rewatching_ep", "my_last_updated"),
            ),
            entries=Entries(
                user_id="username",
                named=True,
                rating="my_score",
                status="my_status",
                statuses={
                    1: "watching",
                    2: "completed",
                    3: "on_hold",
                    4: "dropped",
                    6: "plan_to_watch",
                },
                episodes_watched="my_watched_episodes",
                times_watched="my_rewatching",
                started="my_start_date",
                finished="my_finish_date",
                updated="my_last_updated",
            ),
            username="username",
        ),
    ),
)
