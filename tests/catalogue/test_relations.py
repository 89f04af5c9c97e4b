"""Relations a dataset states: they tell franchises and their order before titles do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anirec.catalogue import Catalogue
from anirec.catalogue.franchise_finding import find_franchises
from anirec.catalogue.franchises import Franchises
from anirec.catalogue.indices import FRANCHISES
from anirec.config import ROOT, Paths
from anirec.datasets.ingest import ingest

ROWS = [
    # id, title, year, members, related
    (1, "Night Rain", 2001, 900, [("sequel", 3), ("side_story", 2), ("character", 7)]),
    (2, "The Umbrella Shop", 2000, 300, [("parent_story", 1)]),
    (3, "What Came After", 1999, 500, [("prequel", 1), ("adaptation", 99)]),
    (4, "Night Rain Recap", 2002, 100, [("full_story", 3)]),
    (5, "Night Rain", 2020, 950, [("alternative_version", 50)]),
    (6, "Night Rain Gaiden", 2003, 50, None),
    (7, "Sunny Meadow", 2005, 400, [("character", 1)]),
    (50, "Rain at Night", 2021, 200, [("alternative_version", 5)]),
]


def table(rows: list[tuple] = ROWS) -> pd.DataFrame:
    anime = pd.DataFrame(rows, columns=["anime_id", "title", "year", "members", "related"])
    anime["related"] = [
        None
        if relations is None
        else np.array([{"relation": kind, "anime_id": other} for kind, other in relations])
        for relations in anime["related"]
    ]
    return anime.assign(type="TV", genres=[["Drama"]] * len(anime))


def groups(franchises: Franchises) -> set[tuple[int, ...]]:
    """Return the franchises of two or more parts, each in the order of watching."""
    found = set()
    for number in np.unique(franchises.number):
        position = int(np.flatnonzero(franchises.number == number)[0])
        ids = tuple(franchises.anime_ids[franchises.parts(position)].tolist())
        found |= {ids} if len(ids) > 1 else set()
    return found


def previous(franchises: Franchises) -> dict[int, int]:
    ids = franchises.anime_ids
    return {
        int(number): int(ids[before])
        for number, before in zip(ids, franchises.previous, strict=True)
        if before >= 0
    }


def test_relations_tell_franchises_and_titles_the_rest() -> None:
    franchises = find_franchises(table())
    # The one that says nothing goes with its name; the other series of that name is another's.
    assert groups(franchises) == {(1, 3, 2, 4, 6), (5, 50)}


def test_order_is_that_of_the_relations_whatever_the_days() -> None:
    franchises = find_franchises(table())
    before = previous(franchises)
    assert {number: before.get(number) for number in (1, 2, 3, 4)} == {1: None, 2: 1, 3: 1, 4: 3}
    seen = np.zeros(len(ROWS), dtype=bool)
    early = franchises.anime_ids[franchises.too_early(seen)].tolist()
    assert {2, 3, 4} <= set(early) and 1 not in early


@pytest.mark.parametrize("kind", ["character", "other", "adaptation"])
def test_what_is_merely_in_common_joins_nothing(kind: str) -> None:
    rows = [(1, "Apple Tree", 2001, 9, [(kind, 2)]), (2, "Stone Bridge", 2002, 9, [(kind, 1)])]
    assert groups(find_franchises(table(rows))) == set()


def test_related_titles_without_a_word_in_common_are_one_franchise() -> None:
    rows = [(1, "Apple Tree", 2001, 9, [("sequel", 2)]), (2, "Stone Bridge", 2002, 8, None)]
    franchises = find_franchises(table(rows))
    assert groups(franchises) == {(1, 2)}
    assert previous(franchises) == {2: 1} and franchises.sequel.tolist() == [False, True]


def test_circle_of_prequels_ends() -> None:
    rows = [
        (1, "Apple Tree", 2001, 9, [("prequel", 3)]),
        (2, "Stone Bridge", 2002, 8, [("prequel", 1)]),
        (3, "Paper Moon", 2003, 7, [("prequel", 2)]),
    ]
    (order,) = groups(find_franchises(table(rows)))
    assert sorted(order) == [1, 2, 3]
    assert len(previous(find_franchises(table(rows)))) == 2


def test_without_relations_titles_tell_as_before() -> None:
    plain = table()
    without = find_franchises(plain.drop(columns="related"))
    nothing = find_franchises(plain.assign(related=None))
    np.testing.assert_array_equal(without.number, nothing.number)
    np.testing.assert_array_equal(without.previous, nothing.previous)


def test_relations_reach_the_catalogue_from_raw_files(tmp_path: Path) -> None:
    paths = Paths.of("mal-2018", ROOT / "tests" / "data" / "mal-2018", tmp_path)
    ingest(paths)
    franchises = FRANCHISES.load(tmp_path / "anime.parquet")
    assert groups(franchises) == {(21, 459)}
    assert previous(Catalogue.load(tmp_path / "anime.parquet").franchises) == {459: 21}
