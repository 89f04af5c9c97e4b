"""What a ranker is told about a candidate: features of (profile, anime) pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.files import written_whole
from anirec.interactions import Interactions
from anirec.models.base import incomplete

SHRINKAGE = 5.0
"""Scores' worth of the overall mean in what is said about an anime's scores."""

NUMBERS = ("members", "score", "episodes", "duration_min", "year")
TAGS = ("genres", "type", "studios", "source", "age_rating", "era")

FEATURES: dict[str, tuple[str, ...]] = {
    "retrieval": ("score", "place", "share of best score", "lead over top 20"),
    "terms": (
        "sum of all", "sum of liked", "sum of disliked", "sum of not scored",
        "sum by rating", "sum of negative", "mean rating by term",
        "greatest", "second greatest", "third greatest", "greatest of liked",
        "rating of greatest",
    ),
    "liked": ("liked score", "liked place", "liked share of best score"),
    "neighbours": ("similarity to all", "greatest similarity", "rating of similar"),
    "latent": ("latent score", "latent share of best score"),
    "community": (
        "popularity", "deviation", "mean rating", "like rate", "share that like it",
        "share not scored",
    ),
    "catalogue": NUMBERS,
    "person": ("entries", "person's mean", "person's spread", "person's like rate", "share scored"),
    "distance": (
        "popularity above usual", "members above usual", "score above usual",
        "year above usual", "expected rating",
    ),
    "franchise": (
        "parts on list", "share on list", "parts liked", "rating of parts", "part before on list",
        "rating of part before", "parts left out before", "later part on list",
        "first part on list", "parts", "part", "popularity above parts on list",
        "popularity above strongest",
    ),
    "tags": tuple(f"{kind} {what}" for kind in TAGS for what in ("match", "liked", "rating")),
}  # fmt: skip
"""Names of the features by group, in the order of `Knowledge.describe`'s columns."""


ARRAYS = ("community", "numbers", "kinds", "franchises", "constants")
"""What a file of `Knowledge` holds, beside the three arrays of its tags."""


@dataclass(frozen=True)
class Knowledge:
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
    def of(cls, train: Interactions, features: ItemFeatures | None, liked_from: float) -> Knowledge:
        """Gather it from lists and side information."""
        ratings = train.ratings[train.scored].astype(np.float64)
        mean, sd = (ratings.mean(), ratings.std()) if len(ratings) else (0.0, 1.0)
        n_anime = train.shape[1]
        numbers = dict(features.numbers) if features is not None else {}
        if "members" in numbers:
            numbers["members"] = np.log1p(numbers["members"])
        unknown = np.full(n_anime, np.nan, dtype=np.float32)
        known = features.matrices if features is not None else {}
        parts = [_of_length_one(known[kind]) for kind in TAGS if kind in known]
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
        with written_whole(file) as beside, beside.open("wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                **{name: getattr(self, name) for name in ARRAYS},
                data=self.tags.data,
                indices=self.tags.indices,
                indptr=self.tags.indptr,
            )

    @classmethod
    def load(cls, file: Path) -> Knowledge:
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

    def describe(
        self,
        entries: np.ndarray,
        ratings: np.ndarray,
        candidates: np.ndarray,
        scores: np.ndarray,
        liked_scores: np.ndarray,
        latent_scores: np.ndarray,
        terms: np.ndarray,
        similarities: np.ndarray,
    ) -> np.ndarray:
        """Return the features of one person's candidates, float32 (n_candidates, n_features).

        Parameters
        ----------
        entries, ratings : the columns on the person's list, and their ratings, NaN if not scored.
        candidates : columns, in the order of the first stage.
        scores, liked_scores, latent_scores : of each candidate by the two retrievers and by the
            latent factors.
        terms, similarities : (n_entries, n_candidates), what having each entry says for each
            candidate by the retriever, and how similar they are.
        """
        mean, sd, liked_from = self.constants
        scored = ~np.isnan(ratings)
        n_scored = scored.sum()
        own_mean = (ratings[scored].sum() + SHRINKAGE * mean) / (n_scored + SHRINKAGE)
        # Deviations are in standard deviations of all ratings: other scales will do.
        rating = np.where(scored, (ratings - own_mean) / sd, 0).astype(np.float32)
        weights = np.stack(
            [
                np.ones(len(entries)),
                np.nan_to_num(ratings, nan=-np.inf) >= liked_from,
                scored & (rating < -0.5),
                ~scored,
                rating,
                scored,
            ]
        ).astype(np.float32)
        person = np.array(
            [
                len(entries),
                own_mean,
                rating[scored].std() if n_scored else np.nan,
                weights[1].sum() / max(n_scored, 1),
                n_scored / len(entries),
            ]
        )
        n = len(candidates)
        columns = [
            *_places(scores),
            scores - scores[:20].mean(),
            *_terms(terms, weights),
            *_places(liked_scores),
            *self._neighbours(entries, candidates, own_mean, sd, similarities, weights),
            *_places(latent_scores)[::2],
            *self.community[candidates].T,
            *self.numbers[candidates].T,
            *np.broadcast_to(person[:, None], (len(person), n)),
            *self._distances(entries, candidates, own_mean, sd, terms, weights),
            *self._parts(entries, candidates, terms, weights),
            *self._matches(entries, candidates, weights),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def _distances(self, entries, candidates, own_mean, sd, terms, weights) -> list[np.ndarray]:
        """Return how far candidates are from what the person usually has, 5 of (n_candidates,)."""
        popularity = np.log(self.community[:, 0] + 1e-4)
        usual = [popularity[entries].mean()]
        for name in ("members", "score", "year"):
            known = self.numbers[entries, NUMBERS.index(name)]
            known = known[~np.isnan(known)]
            usual.append(known.mean() if len(known) else np.nan)
        there = [popularity[candidates]]
        there += [
            self.numbers[candidates, NUMBERS.index(name)] for name in ("members", "score", "year")
        ]
        support = np.maximum(terms, 0)
        expected = self._expected(entries, candidates, own_mean, sd, support, weights, 0.1)
        return [*(t - u for t, u in zip(there, usual, strict=True)), expected]

    def _neighbours(
        self, entries, candidates, own_mean, sd, similarities, weights
    ) -> list[np.ndarray]:
        """Return what the similarities to the entries say, 3 of (n_candidates,)."""
        expected = self._expected(entries, candidates, own_mean, sd, similarities, weights, 0.3)
        return [similarities.sum(axis=0), similarities.max(axis=0), expected]

    def _expected(
        self, entries, candidates, own_mean, sd, support, weights, shrinkage
    ) -> np.ndarray:
        """Return the rating expected of each candidate from its support among the entries: what
        these were rated beyond what everybody rates them."""
        beyond = weights[4] * sd - self.community[entries, 1] * weights[5]
        more = beyond @ support / (weights[5] @ support + shrinkage)
        return own_mean + self.community[candidates, 1] + more

    def _parts(self, entries, candidates, terms, weights) -> list[np.ndarray]:
        """Return how candidates stand to the parts of their franchise on the list, 13 of
        (n_candidates,); NaN where none is."""
        number, part, before = self.franchises.T
        n = len(number)
        theirs = number[candidates]
        on, liked, rating, scored = (
            np.bincount(number[entries], w, n)[theirs] for w in weights[[0, 1, 4, 5]]
        )
        last, first, usual = np.full((3, n), np.nan)
        popularity = np.log(self.community[:, 0] + 1e-4)
        np.fmax.at(last, number[entries], part[entries])
        np.fmin.at(first, number[entries], part[entries])
        np.fmax.at(usual, number[entries], popularity[entries])
        # One more than all columns: where there is no part before.
        known, ratings = np.zeros(n + 1, dtype=bool), np.full(n + 1, np.nan)
        known[entries] = True
        ratings[entries] = np.where(weights[5] > 0, weights[4], np.nan)
        previous, place = before[candidates], part[candidates]
        n_parts = np.bincount(number)[theirs]
        return [
            on,
            on / n_parts,
            liked,
            np.where(scored > 0, rating / (scored + 0.5), np.nan),
            known[previous],
            ratings[previous],
            place - np.nan_to_num(last[theirs], nan=-1) - 1,
            last[theirs] > place,
            first[theirs] == 0,
            n_parts,
            place,
            popularity[candidates] - usual[theirs],
            popularity[candidates] - popularity[entries[terms.argmax(axis=0)]],
        ]

    def _matches(self, entries, candidates, weights) -> np.ndarray:
        """Return per kind of tag how the list matches, (3 · len(TAGS), n_candidates).

        The mean cosine with the entries, the same counting only those liked, and the mean rating of
        the entries weighted by cosine; NaN for a kind unknown here.
        """
        wanted = weights[[0, 1, 4, 5]]
        here, owner = entries_of(self.tags.indptr, entries)
        tags, data = self.tags.indices[here], self.tags.data[here]
        n_tags, n_kinds, n = len(self.kinds), len(TAGS), len(candidates)
        tastes = [np.bincount(tags, data * w[owner], n_tags) for w in wanted]
        here, owner = entries_of(self.tags.indptr, candidates)
        tags, data = self.tags.indices[here], self.tags.data[here]
        cells = self.kinds[tags].astype(np.int64) * n + owner
        match, liked, rating, scored = (
            np.bincount(cells, data * taste[tags], n_kinds * n).reshape(n_kinds, n)
            for taste in tastes
        )
        rating = rating / (scored + 0.5)
        matches = np.stack([match / len(entries), liked / len(entries), rating], axis=1)
        matches[~np.isin(np.arange(n_kinds), self.kinds)] = np.nan
        return matches.reshape(3 * n_kinds, n)


def entries_of(indptr: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where some rows' entries lie in a CSR matrix, and which of ``rows`` each is of."""
    lengths = indptr[rows + 1] - indptr[rows]
    owner = np.repeat(np.arange(len(rows)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + (indptr[rows] - before)[owner], owner


def block(weights: sparse.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return ``weights[rows][:, columns]``, float32 (len(rows), len(columns)), dense."""
    place = np.full(weights.shape[1], -1, dtype=np.int32)
    place[columns] = np.arange(len(columns))
    chosen = weights[rows]
    places = place[chosen.indices]
    wanted = np.flatnonzero(places >= 0)
    owner = np.searchsorted(chosen.indptr, wanted, side="right") - 1
    result = np.zeros((len(rows), len(columns)), dtype=np.float32)
    result[owner, places[wanted]] = chosen.data[wanted]
    return result


def _places(scores: np.ndarray) -> list[np.ndarray]:
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return [scores, places, scores / max(scores.max(), 1e-6)]


def _terms(terms: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Return what the retriever's terms say, 12 of (n_candidates,); see `FEATURES`."""
    everything, liked, disliked, unscored, by_rating = weights[:5] @ terms
    support = np.maximum(terms, 0)
    rated = weights[4] @ support / (weights[5] @ support + 0.1)
    top = np.zeros((3, terms.shape[1]), dtype=np.float32)
    n = min(3, len(terms))
    top[:n] = -np.sort(np.partition(-terms, n - 1, axis=0)[:n], axis=0)
    strongest = terms.argmax(axis=0)
    return [
        everything,
        liked,
        disliked,
        unscored,
        by_rating,
        np.minimum(terms, 0).sum(axis=0),
        rated,
        *top,
        (terms * weights[1][:, None]).max(axis=0),
        np.where(weights[5][strongest] > 0, weights[4][strongest], np.nan),
    ]


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
    """Return what `Knowledge.franchises` holds; an anime of none known is alone in its own."""
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


def _of_length_one(tags: sparse.csr_array) -> sparse.csr_array:
    """Return tags, the rarer the heavier (inverse document frequency), in rows of length one."""
    numbers = np.asarray(tags.sum(axis=0))
    rarity = np.log((tags.shape[0] + 1) / np.maximum(numbers, 1))
    weighted = tags @ sparse.diags_array(rarity)
    norms = np.sqrt(np.asarray(weighted.power(2).sum(axis=1)))
    scaled = sparse.diags_array(1 / np.maximum(norms, 1e-12)) @ weighted
    return sparse.csr_array(scaled, dtype=np.float32)
