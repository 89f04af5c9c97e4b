"""What a ranker can know of each anime, whoever asks: community figures, numbers, tags, parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.engine import Arrays, Sums
from anirec.files import write_arrays
from anirec.interactions import Interactions
from anirec.models.base import incomplete
from anirec.partitions import Lists
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
    def of(cls, train: Lists, features: ItemFeatures | None, liked_from: float) -> AnimeFacts:
        """Gather it from lists and side information."""
        known = train.figures
        mean, sd = (known.mean, known.sd) if known.n_scored else (0.0, 1.0)
        sums = train.total(CommunitySums(train.shape[1], liked_from, mean))["community"]
        return cls.of_figures(
            community_figures(sums, train.shape[0]),
            features,
            np.array([mean, max(sd, 1e-6), liked_from], dtype=np.float32),
        )

    @classmethod
    def of_figures(
        cls, figures: np.ndarray, features: ItemFeatures | None, constants: np.ndarray
    ) -> AnimeFacts:
        """Gather it from figures of the community (see ``community``) and side information."""
        n_anime = len(figures)
        numbers = dict(features.numbers) if features is not None else {}
        if "members" in numbers:
            numbers["members"] = np.log1p(numbers["members"])
        unknown = np.full(n_anime, np.nan, dtype=np.float32)
        known = features.matrices if features is not None else {}
        parts = [_weighted_by_rarity(known[kind]) for kind in TAGS if kind in known]
        kinds = [code for code, kind in enumerate(TAGS) if kind in known]
        nothing = sparse.csr_array((n_anime, 0), dtype=np.float32)
        return cls(
            community=figures,
            numbers=np.stack([numbers.get(name, unknown) for name in NUMBERS], axis=1),
            tags=sparse.csr_array(sparse.hstack([nothing, *parts], format="csr")),
            kinds=np.repeat(kinds, [part.shape[1] for part in parts]).astype(np.int8),
            franchises=_franchises(features, n_anime),
            constants=constants,
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


def community_sums(lists: Interactions, liked_from: float, mean: float | None = None) -> np.ndarray:
    """Return what `community` is made of, float64 (5, n_anime), sums over lists: entries, scores,
    likes, ratings and their deviations from each person's mean.

    ``mean`` is the overall mean rating that a person's is shrunk to; that of the lists by default.
    """
    scored = lists.scored
    columns, ratings = lists.indices[scored], lists.ratings[scored].astype(np.float64)
    deviations = ratings - lists.user_means(SHRINKAGE, mean)[lists.rows[scored]]
    weights = np.ones(len(ratings)), ratings >= liked_from, ratings, deviations
    n = lists.shape[1]
    entries = np.bincount(lists.indices, minlength=n)
    return np.stack([entries, *(np.bincount(columns, weight, n) for weight in weights)])


class CommunitySums(Sums):
    """`community_sums` of lists a chunk at a time: ``community``."""

    WHAT = "figures of the community"

    def __init__(self, n_anime: int, liked_from: float, mean: float) -> None:
        self.n_anime = n_anime
        self.liked_from = liked_from
        self.mean = mean

    def start(self) -> Arrays:
        """See `Sums.start`."""
        return {"community": np.zeros((5, self.n_anime))}

    def add(self, sums: Arrays, chunk: Interactions) -> None:
        """See `Sums.add`."""
        sums["community"] += community_sums(chunk, self.liked_from, self.mean)


def community_figures(sums: np.ndarray, n_users: int) -> np.ndarray:
    """Return `AnimeFacts.community` from its sums over ``n_users`` lists."""
    entries, scores, likes, ratings, deviations = sums
    n_scores = max(scores.sum(), 1)
    total, like_rate = ratings.sum() / n_scores, likes.sum() / n_scores
    return np.stack(
        [
            entries / n_users,
            deviations / (scores + SHRINKAGE),
            (ratings + SHRINKAGE * total) / (scores + SHRINKAGE),
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
