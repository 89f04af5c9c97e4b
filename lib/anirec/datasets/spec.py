"""Datasets of one's own, told in a few lines of TOML: which files, and what their columns mean.

The lines are those of a source module: for each file the canonical columns and the raw ones they
are read from. `data/README.md` has an example.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

from anirec.config import Dataset, InputError, data_dir
from anirec.datasets import parsing
from anirec.datasets.source import Cell, Entries, RawFile, Source, by_name

DATASET_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
FILE_NAME = "dataset.toml"
"""What a specification is called where it is kept, in the folder of the dataset's tables."""

Parser = Callable[[str], object]

ANIME_PARSERS: Mapping[str, Parser] = {
    "anime_id": parsing.anime_id,
    "mal_id": parsing.mal_page,
    "title": parsing.title,
    "title_english": parsing.text,
    "title_japanese": parsing.text,
    "title_synonyms": parsing.titles,
    "genres": parsing.names,
    "synopsis": parsing.synopsis,
    "type": parsing.anime_type,
    "episodes": parsing.episodes,
    "duration_min": parsing.minutes,
    "aired_from": parsing.day,
    "aired_to": parsing.day,
    "year": parsing.year,
    "season": parsing.season,
    "status": parsing.text,
    "source": parsing.text,
    "age_rating": parsing.text,
    "producers": parsing.names,
    "licensors": parsing.names,
    "studios": parsing.names,
    "score": parsing.score,
    "scored_by": parsing.count,
    "rank": parsing.rank_number,
    "popularity": parsing.rank_number,
    "members": parsing.count,
    "favorites": parsing.count,
    "image_url": parsing.text,
    "related": parsing.related,
}
"""Columns of the anime table -> how they are read."""

USER_PARSERS: Mapping[str, Parser] = {
    "user_id": parsing.user_id,
    "gender": parsing.gender,
    "birth_date": parsing.day,
    "location": parsing.text,
    "joined": parsing.day,
    "days_watched": parsing.real_number(0),
    "mean_score": parsing.score,
    **dict.fromkeys(
        (
            *("watching", "completed", "on_hold", "dropped", "plan_to_watch", "total_entries"),
            *("rewatched", "episodes_watched"),
        ),
        parsing.count,
    ),
}
"""Columns of the users table -> how they are read."""

TABLE_PARSERS = {"anime": ANIME_PARSERS, "users": USER_PARSERS}
FILE_KINDS = (*TABLE_PARSERS, "entries")
ENTRY_KEYS = {field.name for field in fields(Entries)}


def read_spec(file: Path) -> tuple[Source, Path]:
    """Return the dataset that a file specifies, and the folder its raw files are in.

    The folder is the file's own, unless it names one.

    Raises
    ------
    InputError
        If the file is missing, or something in it is wrong; the message says what and where.
    """
    try:
        text = file.read_text(encoding="utf-8")
        told = tomllib.loads(text)
    except FileNotFoundError:
        raise InputError(
            f"{file} is missing: pass the one that says what your files hold"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is no TOML: {error}") from None
    known = {"name", "snapshot", "folder", "files"}
    _check_known(file, "", told, known)
    name = told.get("name")
    if not isinstance(name, str) or not DATASET_NAME.fullmatch(name):
        raise InputError(f'{file}: name = "..." is needed: small letters, digits and hyphens')
    if name in set(Dataset):
        raise InputError(f"{file}: {name} is the name of a public dataset: choose another")
    snapshot = told.get("snapshot", date.today())
    if type(snapshot) is not date:
        raise InputError(f"{file}: snapshot is a day, such as 2026-05-01")
    files = told.get("files")
    if not isinstance(files, dict) or not files:
        raise InputError(f'{file} names no file: add [files."ratings.csv".entries]')
    named = _named(files)
    raw_files = tuple(_raw_file(file, name, what, named) for name, what in files.items())
    folder = Path(told.get("folder", "."))
    source = Source(name, raw_files, snapshot)
    return source, (file.parent / folder.expanduser()).resolve()


def _named(files: Mapping[str, Any]) -> set[str]:
    """Return which ids are names, of those that entries may name: ``user_id``, ``anime_id``."""
    told = [what.get("entries") for what in files.values() if isinstance(what, dict)]
    entries = [one for one in told if isinstance(one, dict)]
    keys = {"named": "user_id", "anime_named": "anime_id"}
    return {column for key, column in keys.items() if any(one.get(key) for one in entries)}


def _raw_file(file: Path, name: str, what: object, named: set[str]) -> RawFile:
    at = f'files."{name}"'
    if not isinstance(what, dict) or not what:
        raise InputError(f"{file}: {at} says nothing of its columns: add [{at}.entries] or .anime")
    _check_known(file, at, what, set(FILE_KINDS))
    entries, tables = None, {}
    for kind, columns in what.items():
        if not isinstance(columns, dict):
            raise InputError(f"{file}: {at}.{kind} is no table of columns")
        if kind == "entries":
            entries = _entries(file, f"{at}.entries", columns)
        else:
            tables[kind] = _cells(file, f"{at}.{kind}", kind, columns, named)
    if entries is None and len(tables) > 1:
        raise InputError(
            f"{file}: {at} is of anime or of users, not of both, unless of entries too"
        )
    names = [entries.user_id] if entries and entries.named else []
    names += [raw for raw, one in tables.get("users", {}).items() if one.parse is by_name]
    raw = RawFile(name, (), tables, entries, required=True)
    shown = [column for column in raw.used if column not in names]
    if entries and entries.title:
        shown.append(entries.title)
    return replace(raw, columns=tuple(shown), username=names[0] if names else None)


def _entries(file: Path, at: str, columns: Mapping[str, Any]) -> Entries:
    _check_known(file, at, columns, ENTRY_KEYS)
    for key in ("user_id", "anime_id", "rating"):
        if not isinstance(columns.get(key, key), str):
            raise InputError(f"{file}: {at}.{key} is the name of a column")
    statuses = columns.get("statuses", {})
    if columns.get("status") and not statuses:
        raise InputError(f"{file}: {at}.statuses is needed: which word stands for which status")
    wrong = [word for word in statuses.values() if word not in parsing.STATUSES]
    if columns.get("all_status", parsing.STATUSES[0]) not in parsing.STATUSES:
        wrong.append(columns["all_status"])
    if wrong:
        raise InputError(
            f"{file}: {at}: {wrong[0]!r} is no status: choose of {', '.join(parsing.STATUSES)}"
        )
    scale = columns.get("scale")
    if scale is not None and (not isinstance(scale, int | float) or not 0 < scale <= 1000):
        raise InputError(f"{file}: {at}.scale is the greatest rating, such as 5 or 100")
    codes = {word.strip().lower(): status for word, status in statuses.items()}
    if codes and all(re.fullmatch(r"-?\d+", word) for word in codes):
        codes = {int(word): status for word, status in codes.items()}
    return Entries(**{**columns, "statuses": codes})


def _cells(
    file: Path, at: str, kind: str, columns: Mapping[str, Any], named: set[str]
) -> dict[str, Cell]:
    parsers = TABLE_PARSERS[kind]
    _check_known(file, at, columns, set(parsers))
    key = f"{kind.removesuffix('s')}_id"
    if key not in columns:
        raise InputError(f'{file}: {at} lacks its key: add {key} = "..." with the column of ids')
    cells: dict[str, Cell] = {}
    for canonical, raw in columns.items():
        if not isinstance(raw, str):
            raise InputError(f"{file}: {at}.{canonical} is the name of a column")
        if raw in cells:
            raise InputError(f"{file}: {at} reads the column {raw!r} twice")
        parse = by_name if canonical == key and key in named else parsers[canonical]
        cells[raw] = Cell((canonical,), parse)
    return cells


def _check_known(file: Path, at: str, told: Mapping[str, Any], known: set[str]) -> None:
    unknown = [key for key in told if key not in known]
    if unknown:
        inside = f" in [{at}]" if at else ""
        raise InputError(
            f"{file}: {unknown[0]!r}{inside} is not known: choose of {', '.join(sorted(known))}"
        )


# --- where they are kept ------------------------------------------------------------------------


def kept_spec(dataset: str) -> Path:
    """Return where the specification of a dataset of one's own is kept."""
    return data_dir() / "processed" / dataset / FILE_NAME


def own_datasets() -> list[str]:
    """Return the names of the datasets of one's own that were ingested."""
    return sorted(file.parent.name for file in (data_dir() / "processed").glob(f"*/{FILE_NAME}"))


def keep_spec(file: Path, source: Source, folder: Path) -> None:
    """Keep a specification where `kept_spec` says, with the folder of its raw files."""
    from anirec.files import written_whole  # loads pandas, which naming datasets does without

    lines = file.read_text(encoding="utf-8").splitlines()
    tables = (i for i, line in enumerate(lines) if line.lstrip().startswith("["))
    first = next(tables, len(lines))
    head = [line for line in lines[:first] if not re.match(r"\s*folder\s*=", line)]
    text = "\n".join([f"folder = {json.dumps(str(folder))}", *head, *lines[first:], ""])
    with written_whole(kept_spec(source.dataset)) as beside:
        beside.write_text(text, encoding="utf-8")
