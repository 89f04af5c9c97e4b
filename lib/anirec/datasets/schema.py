"""The three canonical tables as pandera schemas: what is checked is also what is documented.

The schemas describe Arrow columns (`pandas.ArrowDtype`), so that a table is checked without being
copied. `dictionary` turns them into the data dictionary in ``data/README.md``.
"""

from __future__ import annotations

import json
from datetime import date

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.errors import SchemaErrors

from anirec.datasets.parsing import FIRST_YEAR, GENDERS, LAST_YEAR, SEASONS, STATUSES, TYPES

CATEGORY = pa.dictionary(pa.int32(), pa.string())
NAME_LIST = pa.list_(pa.string())
RELATED = pa.list_(pa.struct({"relation": pa.string(), "anime_id": pa.int32()}))
MOMENT = pa.timestamp("ms")
FIRST_MEMBER = date(2004, 1, 1)
"""MyAnimeList opened in 2004."""

_FIRST_DAY, _LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
_COUNT = pandera.Check.ge(0)
_FROM_ONE = pandera.Check.ge(1)
_DAY = pandera.Check.in_range(_FIRST_DAY, _LAST_DAY)
_MOMENT = pandera.Check.ge(pd.Timestamp(FIRST_MEMBER))
_MEAN = pandera.Check.in_range(1, 10)


def _column(
    kind: pa.DataType, description: str, *checks: pandera.Check, nullable: bool = True
) -> pandera.Column:
    return pandera.Column(
        pd.ArrowDtype(kind), list(checks), nullable=nullable, description=description
    )


def _count(description: str) -> pandera.Column:
    return _column(pa.int32(), description, _COUNT)


def _key(description: str, least: int) -> pandera.Column:
    return _column(pa.int32(), description, pandera.Check.ge(least), nullable=False)


def _word(description: str, *known: str) -> pandera.Column:
    checks = [pandera.Check.isin(known)] if known else []
    return _column(CATEGORY, description, *checks)


ANIME = pandera.DataFrameSchema(
    {
        "anime_id": _key("the anime's id in this dataset", 1),
        "mal_id": _column(
            pa.int32(), "MyAnimeList's id of the anime; null where it is not known", _FROM_ONE
        ),
        "title": _column(
            pa.string(), "romaji title; `Anime #<id>` where no file gives one", nullable=False
        ),
        "title_english": _column(pa.string(), "English title"),
        "title_japanese": _column(pa.string(), "Japanese title"),
        "title_synonyms": _column(NAME_LIST, "other names people use"),
        "genres": _column(NAME_LIST, "genres, in the source's order"),
        "synopsis": _column(pa.string(), "what it is about"),
        "type": _word("kind of release", *TYPES),
        "episodes": _column(pa.int16(), "number of episodes", pandera.Check.ge(1)),
        "duration_min": _column(pa.float32(), "minutes per episode", pandera.Check.gt(0)),
        "aired_from": _column(
            pa.date32(),
            "first day; the first of the month or year where only these are known",
            _DAY,
        ),
        "aired_to": _column(
            pa.date32(), "last day; null while it runs; that of `aired_from` if one day", _DAY
        ),
        "year": _column(
            pa.int16(),
            "year of the season, else of `aired_from`",
            pandera.Check.in_range(FIRST_YEAR, LAST_YEAR),
        ),
        "season": _word("season of the first episode", *SEASONS),
        "status": _word("whether it has aired, in the source's words"),
        "source": _word("what it was adapted from, in the source's words"),
        "age_rating": _word("audience it is rated for, in the source's words"),
        "is_adult": _column(
            pa.bool_(),
            "rated Rx or of the genre Hentai; false where neither is known",
            nullable=False,
        ),
        "producers": _column(NAME_LIST, "producers"),
        "licensors": _column(NAME_LIST, "licensors"),
        "studios": _column(NAME_LIST, "studios"),
        "score": _column(pa.float32(), "mean score on MyAnimeList", _MEAN),
        "scored_by": _count("number of people who scored it"),
        "rank": _column(pa.int32(), "rank by score, 1 the best", _FROM_ONE),
        "popularity": _column(pa.int32(), "rank by members, 1 the most", _FROM_ONE),
        "members": _count("people who have it on their lists"),
        "favorites": _count("people who name it a favourite"),
        "image_url": _column(pa.string(), "address of the cover image"),
        "related": _column(
            RELATED,
            "anime it belongs to or with, and how: `sequel`, `prequel`, `side_story`, "
            "`parent_story`, ...; the table may lack some of them",
        ),
    },
    name="anime",
    description="One row per anime. An anime with list entries that no catalogue file names has a "
    "row with its id and title alone.",
    unique=["anime_id"],
    strict=True,
    ordered=True,
)

USERS = pandera.DataFrameSchema(
    {
        "user_id": _key("the user's id in this dataset", 0),
        "gender": _word("as stated by the user", *GENDERS),
        "birth_date": _column(
            pa.date32(),
            "as stated by the user; from 1900 to the snapshot",
            pandera.Check.in_range(_FIRST_DAY, _LAST_DAY),
        ),
        "location": _column(pa.string(), "as stated by the user, free text"),
        "country": _word("ISO 3166 alpha-2 code read from `location`"),
        "joined": _column(
            pa.date32(), "day of registration", pandera.Check.in_range(FIRST_MEMBER, _LAST_DAY)
        ),
        "days_watched": _column(pa.float32(), "days spent watching", _COUNT),
        "mean_score": _column(pa.float32(), "mean of the user's scores", _MEAN),
        "watching": _count("entries with this status"),
        "completed": _count("entries with this status"),
        "on_hold": _count("entries with this status"),
        "dropped": _count("entries with this status"),
        "plan_to_watch": _count("entries with this status"),
        "total_entries": _count("entries on the list"),
        "rewatched": _count("anime watched again"),
        "episodes_watched": _count("episodes watched"),
    },
    name="users",
    description="One row per user; no rows where the dataset says nothing of its users. "
    "User names are not kept.",
    unique=["user_id"],
    strict=True,
    ordered=True,
)

RATINGS = pandera.DataFrameSchema(
    {
        "user_id": _key("the user", 0),
        "anime_id": _key("the anime; `anime` has a row for each", 1),
        "rating": _column(
            pa.int8(), "score; null for an entry that is on the list and not scored", _MEAN
        ),
        "status": _word("list status; null where the source has none", *STATUSES),
        "episodes_watched": _column(
            pa.int16(), "episodes watched; null where the source does not say", _COUNT
        ),
        "times_watched": _column(
            pa.int16(), "times watched again, as the source counts; null where it does not", _COUNT
        ),
        "started": _column(pa.date32(), "day on which watching began, as stated by the user", _DAY),
        "finished": _column(pa.date32(), "day on which it ended, as stated by the user", _DAY),
        "updated": _column(MOMENT, "when the entry was last changed (UTC)", _MOMENT),
    },
    name="ratings",
    description="One row per list entry, sorted by user and anime; no pair occurs twice.",
    strict=True,
    ordered=True,
)

SCHEMAS = {"anime": ANIME, "users": USERS, "ratings": RATINGS}
KEYS = {"anime": ("anime_id",), "users": ("user_id",), "ratings": ("user_id", "anime_id")}


def arrow_schema(table: str) -> pa.Schema:
    """Return a table's Arrow schema, with the metadata that tells pandas its nullable types.

    pandas then reads whole numbers that may be null as ``Int8``, ``Int16`` and ``Int32``.
    """
    columns = SCHEMAS[table].columns
    schema = pa.schema(
        [(name, column.dtype.type.pyarrow_dtype) for name, column in columns.items()]
    )
    told = [
        {
            "name": field.name,
            "field_name": field.name,
            "pandas_type": str(field.type),
            "numpy_type": str(field.type).capitalize(),
            "metadata": None,
        }
        for field in schema
        if pa.types.is_integer(field.type) and columns[field.name].nullable
    ]
    pandas = {"index_columns": [], "column_indexes": [], "columns": told}
    return schema.with_metadata({"pandas": json.dumps(pandas)})


def validated(name: str, table: pa.Table) -> pa.Table:
    """Return a table as it is if it keeps to the schema of its name.

    Raises
    ------
    AssertionError
        If it does not: what the readers let through is then not what they promise.
    """
    try:
        SCHEMAS[name].validate(table.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases[["column", "check", "failure_case"]].head(3)
        raise AssertionError(f"{name}: {cases.to_dict('records')}") from None
    return table


def dictionary() -> str:
    """Return the data dictionary: the tables, their columns, types and bounds, in Markdown."""
    parts = []
    for name, schema in SCHEMAS.items():
        parts += [f"### `{name}.parquet`", "", schema.description, ""]
        parts += ["| column | type | null | values | meaning |", "| --- | --- | --- | --- | --- |"]
        for column, rules in schema.columns.items():
            kind = _plain_type(rules.dtype.type.pyarrow_dtype)
            null = "yes" if rules.nullable else "no"
            values = "; ".join(_plain_check(check) for check in rules.checks)
            parts.append(f"| `{column}` | {kind} | {null} | {values} | {rules.description} |")
        parts.append("")
    return "\n".join(parts)


def _plain_type(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return "category"
    if pa.types.is_list(kind):
        inner = kind.value_type
        fields = ", ".join(field.name for field in inner) if pa.types.is_struct(inner) else ""
        return f"list of ({fields})" if fields else f"list of {inner}"
    known = {"date32[day]": "date", "float": "float32", "timestamp[ms]": "timestamp"}
    return known.get(str(kind), str(kind))


def _plain_check(check: pandera.Check) -> str:
    bounds = check.statistics
    if check.name == "isin":
        return ", ".join(bounds["allowed_values"])
    if check.name == "in_range":
        return f"{bounds['min_value']} to {bounds['max_value']}"
    least = bounds["min_value"]
    least = least.date() if isinstance(least, pd.Timestamp) else least
    return f"{'> ' if check.name == 'greater_than' else '≥ '}{least}"


BEGIN, END = "<!-- data dictionary: begin -->", "<!-- data dictionary: end -->"


def with_dictionary(text: str) -> str:
    """Return a page with what lies between `BEGIN` and `END` replaced by the data dictionary."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{dictionary()}\n{END}{after}"


if __name__ == "__main__":
    from anirec.config import ROOT

    page = ROOT / "data" / "README.md"
    page.write_text(with_dictionary(page.read_text(encoding="utf-8")), encoding="utf-8")
