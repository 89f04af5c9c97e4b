"""The three canonical tables: names and types of their columns."""

from __future__ import annotations

import json

import pyarrow as pa

CATEGORY = pa.dictionary(pa.int32(), pa.string())
NAMES = pa.list_(pa.string())

ANIME = pa.schema(
    {
        "anime_id": pa.int32(),
        "title": pa.string(),
        "title_english": pa.string(),
        "title_japanese": pa.string(),
        "genres": NAMES,
        "synopsis": pa.string(),
        "type": CATEGORY,
        "episodes": pa.int16(),
        "duration_min": pa.float32(),
        "aired_from": pa.date32(),
        "aired_to": pa.date32(),
        "year": pa.int16(),
        "season": CATEGORY,
        "status": CATEGORY,
        "source": CATEGORY,
        "age_rating": CATEGORY,
        "is_adult": pa.bool_(),
        "producers": NAMES,
        "licensors": NAMES,
        "studios": NAMES,
        "score": pa.float32(),
        "scored_by": pa.int32(),
        "rank": pa.int32(),
        "popularity": pa.int32(),
        "members": pa.int32(),
        "favorites": pa.int32(),
        "image_url": pa.string(),
    }
)
USERS = pa.schema(
    {
        "user_id": pa.int32(),
        "gender": CATEGORY,
        "birth_date": pa.date32(),
        "location": pa.string(),
        "country": CATEGORY,
        "joined": pa.date32(),
        "days_watched": pa.float32(),
        "mean_score": pa.float32(),
        "watching": pa.int32(),
        "completed": pa.int32(),
        "on_hold": pa.int32(),
        "dropped": pa.int32(),
        "plan_to_watch": pa.int32(),
        "total_entries": pa.int32(),
        "rewatched": pa.int32(),
        "episodes_watched": pa.int32(),
    }
)
STATUSES = ("watching", "completed", "on_hold", "dropped", "plan_to_watch")
RATINGS = pa.schema(
    {
        "user_id": pa.int32(),
        "anime_id": pa.int32(),
        "rating": pa.int8(),
        "status": CATEGORY,
        "episodes_watched": pa.int16(),
    }
)
TABLES = {"anime": ANIME, "users": USERS, "ratings": RATINGS}
KEYS = {"anime": ("anime_id",), "users": ("user_id",), "ratings": ("user_id", "anime_id")}


def with_pandas_types(table: str) -> pa.Schema:
    """Return a table's schema with the metadata by which pandas gives whole numbers that may be
    null the types ``Int8``, ``Int16`` and ``Int32``."""
    schema = TABLES[table]
    columns = []
    for column in schema:
        kind = str(column.type)
        if pa.types.is_integer(column.type) and column.name not in KEYS[table]:
            columns.append(
                {
                    "name": column.name,
                    "field_name": column.name,
                    "pandas_type": kind,
                    "numpy_type": kind.capitalize(),
                    "metadata": None,
                }
            )
    pandas = {"index_columns": [], "column_indexes": [], "columns": columns}
    return schema.with_metadata({"pandas": json.dumps(pandas)})
