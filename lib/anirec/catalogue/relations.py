"""What a dataset says of how anime are related: what belongs together, and what comes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

COMES_BEFORE = ("prequel", "parent_story", "full_story")
"""Relations of an anime to one that comes before it, the most telling first."""

COMES_AFTER = {"sequel": "prequel", "side_story": "parent_story", "summary": "full_story"}
"""Relation of an anime to one that comes after it -> the relation of that one to it."""

SAME_FRANCHISE = frozenset(
    [*COMES_BEFORE, *COMES_AFTER, "spin_off", "alternative_version", "alternative_setting"]
)
"""Relations within a franchise. Others, such as a character in common, join what is apart."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Relations:
    """How the anime of a table are related, as far as the table says.

    Attributes
    ----------
    pairs : positions of two anime of one franchise each.
    before : position of an anime -> those that come before it -> places in `COMES_BEFORE`.
    told : positions of the anime of whose franchise something is said.
    """

    pairs: tuple[tuple[int, int], ...]
    before: Mapping[int, Mapping[int, int]]
    told: frozenset[int]

    @classmethod
    def of(cls, anime: pd.DataFrame) -> Relations:
        """Read the column ``related`` of an anime table; without it nothing is related.

        Relations to anime that the table lacks, and of an anime to itself, are left out.
        """
        pairs: list[tuple[int, int]] = []
        before: dict[int, dict[int, int]] = defaultdict(dict)
        column = anime["related"].tolist() if "related" in anime else []
        position = {number: row for row, number in enumerate(anime["anime_id"].tolist())}
        for row, relations in enumerate(column):
            for one in relations if isinstance(relations, list | np.ndarray) else ():
                relation, other = one["relation"], position.get(one["anime_id"])
                if other is None or other == row or relation not in SAME_FRANCHISE:
                    continue
                pairs.append((row, other))
                later, earlier = row, other
                if relation in COMES_AFTER:
                    later, earlier, relation = other, row, COMES_AFTER[relation]
                if relation in COMES_BEFORE:
                    rank = COMES_BEFORE.index(relation)
                    before[later][earlier] = min(rank, before[later].get(earlier, rank))
        return cls(
            pairs=tuple(pairs),
            before=before,
            told=frozenset(row for pair in pairs for row in pair),
        )

    def in_turn(self, parts: Iterable[Part], index: Callable[[Part], int]) -> list[Part]:
        """Return parts in their order, but each after those that are said to come before it.

        ``index`` tells a part's position in the table. Of parts that are said to come before each
        other the order is kept.
        """
        parts = list(parts)
        of_index = {index(part): part for part in parts}
        placed: dict[int, Part] = {}
        waiting: set[int] = set()
        for first in of_index:
            pending = [first]
            while pending:
                at = pending[-1]
                ahead = [
                    row
                    for row in self.before.get(at, ())
                    if row in of_index and row not in placed and row not in waiting
                ]
                if at not in placed and ahead and at not in waiting:
                    waiting.add(at)
                    pending += reversed(ahead)
                else:
                    placed.setdefault(at, of_index[at])
                    pending.pop()
        return list(placed.values())

    def previous(self, row: int, earlier: Mapping[int, Part]) -> Part | None:
        """Return the part among ``earlier`` ones (by position in the table) that comes before one.

        Of several that are equally telling it is the last.
        """
        places = {at: place for place, at in enumerate(earlier)}
        told = {at: rank for at, rank in self.before.get(row, {}).items() if at in places}
        if not told:
            return None
        return earlier[min(told, key=lambda at: (told[at], -places[at]))]
