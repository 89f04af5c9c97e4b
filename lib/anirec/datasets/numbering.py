"""Which anime of a table are which of MyAnimeList's: what lists, links and exports go by.

``known_anime.csv`` names some hundred well-known anime with MyAnimeList's ids, titles and types,
written by hand. Where a table's ids agree with them, its numbering is MyAnimeList's; where they do
not, one of these titles, spelled exactly so and of the same type, tells the id, and nothing else
does.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pyarrow as pa

from anirec.datasets.cells import STUB_TITLE

LEAST_RIGHT = 3
LEAST_SHARE_RIGHT = 0.5
"""A numbering is MyAnimeList's if so many known anime, and this share of those that are there, have
the right title. Some were renamed between the snapshots; numbers given at random agree on none."""


@dataclass(frozen=True)
class KnownAnime:
    """One of the anime that are known by hand."""

    mal_id: int
    title: str
    type: str


@cache
def known_anime() -> tuple[KnownAnime, ...]:
    """Return the anime that are known by hand, in order of ids."""
    text = files("anirec.datasets").joinpath("known_anime.csv").read_text(encoding="utf-8")
    return tuple(
        KnownAnime(int(row["mal_id"]), row["title"], row["type"])
        for row in csv.DictReader(text.splitlines())
    )


def with_mal_ids(anime: pa.Table, own_from: int | None = None) -> pa.Table:
    """Return the anime table with ``mal_id`` filled as far as it is known.

    Parameters
    ----------
    anime : the canonical table. Ids that its source states are left as they are.
    own_from : from this id on the numbering is the source's own, whatever it is below.
    """
    stated = anime["mal_id"].to_pylist()
    if any(mal_id is not None for mal_id in stated):
        found = stated
    else:
        ids = anime["anime_id"].to_pylist()
        own = [own_from is not None and number >= own_from for number in ids]
        mals = numbered_as_mal(anime, own)
        found = [
            number if mals and not mine else None for number, mine in zip(ids, own, strict=True)
        ]
        found = _told_by_title(anime, found)
    column = pa.array(_once_each(found), pa.int32())
    return anime.set_column(anime.schema.get_field_index("mal_id"), "mal_id", column)


def numbered_as_mal(anime: pa.Table, left_out: list[bool] | None = None) -> bool:
    """Return whether the ids of an anime table are MyAnimeList's, as far as known anime tell.

    ``left_out`` marks rows that do not count.
    """
    title_of = {one.mal_id: one.title.casefold() for one in known_anime()}
    agreeing = compared = 0
    names = ("title", "title_english", "title_japanese")
    columns = [anime["anime_id"].to_pylist(), *(anime[name].to_pylist() for name in names)]
    for row, (number, *spelled) in enumerate(zip(*columns, strict=True)):
        if number not in title_of or spelled[0] == STUB_TITLE.format(number):
            continue
        if left_out and left_out[row]:
            continue
        compared += 1
        agreeing += title_of[number] in {name.casefold() for name in spelled if name}
    return agreeing >= LEAST_RIGHT and agreeing >= LEAST_SHARE_RIGHT * compared


def _told_by_title(anime: pa.Table, found: list[int | None]) -> list[int | None]:
    """Return the ids with those added that an exact title and the type tell."""
    titles, types = anime["title"].to_pylist(), anime["type"].to_pylist()
    times = Counter(titles)
    taken = set(found)
    known = {one.title: one for one in known_anime() if one.mal_id not in taken}
    told = list(found)
    for row, (title, kind) in enumerate(zip(titles, types, strict=True)):
        one = known.get(title)
        if told[row] is None and one and times[title] == 1 and kind in (None, one.type):
            told[row] = one.mal_id
    return told


def _once_each(ids: list[int | None]) -> list[int | None]:
    """Return the ids with all but the first of equal ones left out."""
    first = {mal_id: row for row, mal_id in reversed(list(enumerate(ids)))}
    return [mal_id if first[mal_id] == row else None for row, mal_id in enumerate(ids)]
