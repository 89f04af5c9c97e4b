"""Other names of anime: what people call them, from a file written by hand.

``other_names.csv`` ties names to a romaji title. The id beside it is MyAnimeList's: where the
catalogue knows that id of its anime of this title, it must be the same one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import pandas as pd

from anirec.catalogue.title_forms import form_of, normalized

SEPARATOR = "|"


@cache
def written_by_hand() -> tuple[tuple[str, int | None, tuple[str, ...]], ...]:
    """Return the file's rows: a title, MyAnimeList's id where it is noted, and the other names."""
    text = files(__package__).joinpath("other_names.csv").read_text(encoding="utf-8")
    return tuple(
        (
            row["title"],
            int(row["mal_id"]) if row["mal_id"] else None,
            tuple(filter(None, map(str.strip, row["names"].split(SEPARATOR)))),
        )
        for row in csv.DictReader(text.splitlines())
    )


def other_names(anime: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Yield anime ids and names that people use for them, those that are titles of it left out.

    Parameters
    ----------
    anime : frame with ``anime_id``, ``title``, ``title_english``, ``title_japanese``, ``members``
        and, where it is known, ``mal_id``.
    """
    ids = anime["anime_id"].tolist()
    mal_ids = dict(zip(ids, anime["mal_id"].tolist(), strict=True)) if "mal_id" in anime else {}
    members = dict(zip(ids, anime["members"].fillna(0).tolist(), strict=True))
    called: dict[str, list[tuple[int, str]]] = {}
    for column in ("title", "title_english"):
        for anime_id, title in zip(ids, anime[column].tolist(), strict=True):
            if isinstance(title, str):
                called.setdefault(normalized(title), []).append((anime_id, title))
    for title, mal_id, names in written_by_hand():
        owner = _owner(title, mal_id, called.get(normalized(title), []), mal_ids, members)
        if owner is not None:
            taken = {normalized(title)}
            yield from ((owner, name) for name in names if normalized(name) not in taken)


def _owner(
    title: str,
    mal_id: int | None,
    called: list[tuple[int, str]],
    mal_ids: dict[int, object],
    members: dict[int, float],
) -> int | None:
    """Return the anime of this title, the most popular one if an id does not tell."""
    tail = form_of(title).tail
    possible = []
    for anime_id, name in called:
        known = mal_ids.get(anime_id)
        if mal_id is not None and known is not None and not pd.isna(known):
            if int(known) == mal_id:
                return anime_id
        elif form_of(name).tail == tail:
            possible.append(anime_id)
    return max(possible, key=members.__getitem__, default=None)
