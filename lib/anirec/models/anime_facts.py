"""What a ranker can know of each anime, whoever asks: community figures, numbers, tags, parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.files import write_arrays
from anirec.interactions import Interactions
from anirec.models.base import incomplete
from anirec.vectors import unit_rows

SHRINKAGE = 5.0
"""Scores' worth of the overall mean in what is said about an anime's scores."""

NUMBERS = ("members", "score", "episodes", "duration_min", "year")
TAGS = ("genres", "type", "studios", "source", "age_rating", "era")

COMMUNITY = (
    "popularity", "deviation", "mean rating", "like rate", "share that like it", "share not scored",
)  # fmt: skip
"""The columns of `AnimeFacts.community`."""

ARRAYS = ("community", "numbers", "kinds", "franchises", "constants")
"""What a file of `AnimeFacts` holds, beside the three arrays of its tags."""


@dataclass(frozen=True)
class AnimeFacts:
    """What is known of each anime, from the lists learned from and from the catalogue.

    Attributes
    ----------
    community : float32 (n_anime, 6): the share of lists it is on; the mean deviation of its scores
        from each person's mean; its mean rating; the share of its scores that are likes; the share
        of lists that like it; the share of its entries without a score.
    numbers : float32 (n_anime, len(NUMBERS)), NaN where unknown; members as logarithm.
    tags : CSR float32 (n_anime, n_tags), of each kind a row of length one or zero.
    kinds : int8 (n_tags,), the position in `TAGS` of each tag's kind.
    franchises : int32 (n_anime, 3), the franchise of each anime, its place in the order of watching
        from 0, and the column of the part before it, or -1.
    constants : float32 (3,): mean and standard deviation of all ratings, the least that is a like.
    """

    community: np.ndarray
    numbers: np.ndarray
    tags: sparse.csr_array
    kinds: np.ndarray
    franchises: np.ndarray
    constants: np.ndarray

    @classmethod
    def of(
        cls, train: Interactions, features: ItemFeatures | None, liked_from: float
    ) -> AnimeFacts:
        """Gather it from lists and side information."""
        ratings = train.ratings[train.scored].astype(np.float64)
        mean, sd = (ratings.mean(), ratings.std()) if len(ratings) else (0.0, 1.0)
        n_anime = train.shape[1]
        numbers = dict(features.numbers) if features is not None else {}
        if "members" in numbers:
            numbers["members"] = np.log1p(numbers["members"])
        unknown = np.full(n_anime, np.nan, dtype=np.float32)
        known = features.matrices if features is not None else {}
        parts = [_weighted_by_rarity(known[kind]) for kind in TAGS if kind in known]
        kinds = [code for code, kind in enumerate(TAGS) if kind in known]
        nothing = sparse.csr_array((n_anime, 0), dtype=np.float32)
        return cls(
            community=_community(train, liked_from),
            numbers=np.stack([numbers.get(name, unknown) for name in NUMBERS], axis=1),
            tags=sparse.csr_array(sparse.hstack([nothing, *parts], format="csr")),
            kinds=np.repeat(kinds, [part.shape[1] for part in parts]).astype(np.int8),
            franchises=_franchises(features, n_anime),
            constants=np.array([mean, max(sd, 1e-6), liked_from], dtype=np.float32),
        )

    def save(self, file: Path) -> None:
        """Write to an ``.npz`` file, without pickle."""
        tags = {"data": self.tags.data, "indices": self.tags.indices, "indptr": self.tags.indptr}
        write_arrays(file, **{name: getattr(self, name) for name in ARRAYS}, **tags)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote. Raises InputError if it is missing."""
        if not file.is_file():
            raise incomplete(file)
        with np.load(file, allow_pickle=False) as kept:
            shape = len(kept["community"]), len(kept["kinds"])
            arrays = kept["data"], kept["indices"], kept["indptr"]
            return cls(
                tags=sparse.csr_array(arrays, shape=shape),
                **{name: kept[name] for name in ARRAYS},
            )


def _community(train: Interactions, liked_from: float) -> np.ndarray:
    n_users, n_anime = train.shape
    scored = train.scored
    columns, ratings = train.indices[scored], train.ratings[scored].astype(np.float64)
    deviations = ratings - train.user_means(SHRINKAGE)[train.rows[scored]]
    liked = ratings >= liked_from
    entries = np.bincount(train.indices, minlength=n_anime)
    scores = np.bincount(columns, minlength=n_anime)
    likes = np.bincount(columns, liked, n_anime)
    total, like_rate = (ratings.mean(), liked.mean()) if len(ratings) else (0, 0)
    return np.stack(
        [
            entries / n_users,
            np.bincount(columns, deviations, n_anime) / (scores + SHRINKAGE),
            (np.bincount(columns, ratings, n_anime) + SHRINKAGE * total) / (scores + SHRINKAGE),
            (likes + SHRINKAGE * like_rate) / (scores + SHRINKAGE),
            likes / n_users,
            (entries - scores + 1) / (entries + SHRINKAGE),
        ],
        axis=1,
    ).astype(np.float32)


def _franchises(features: ItemFeatures | None, n_anime: int) -> np.ndarray:
    """Return what `AnimeFacts.franchises` holds; an anime of none known is alone in its own."""
    number, part, before = np.arange(n_anime), np.zeros(n_anime), np.full(n_anime, -1)
    if features is not None and "franchise" in features.matrices:
        tags = features.matrices["franchise"]
        tagged = np.diff(tags.indptr) > 0
        number += tags.shape[1]
        number[tagged] = tags.indices
        number = np.unique(number, return_inverse=True)[1]
        part = np.nan_to_num(features.numbers["part"])
        order = np.lexsort((part, number))
        follows = np.diff(number[order]) == 0
        before[order[1:][follows]] = order[:-1][follows]
    return np.stack([number, part, before], axis=1).astype(np.int32)


def _weighted_by_rarity(tags: sparse.csr_array) -> sparse.csr_array:
    """Return tags, the rarer the heavier (inverse document frequency), in rows of length one."""
    numbers = np.asarray(tags.sum(axis=0))
    rarity = np.log((tags.shape[0] + 1) / np.maximum(numbers, 1))
    return sparse.csr_array(unit_rows(tags @ sparse.diags_array(rarity)), dtype=np.float32)
