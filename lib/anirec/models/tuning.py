"""Settings that a model leaves open, chosen on people set aside from the lists it learns from."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, Self

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions, hold_out, least_liked
from anirec.metrics import ndcg_at
from anirec.models.base import popularity
from anirec.models.csr import keep_greatest
from anirec.models.item_item import autoencoder
from anirec.models.sums import GramSums, mirrored
from anirec.partitions import Lists
from anirec.progress import progress

log = logging.getLogger(__name__)

MIN_PEOPLE = 40
"""People to choose by at least: with fewer the settings stay where the search starts."""

MIN_ENTRIES = 5
"""Entries on the list of somebody who is chosen by, at least."""

MOST_PEOPLE = 1000
"""People who are chosen by, at most."""

ASIDE = 0.34
"""Share of the lists set aside at once, at most; where that is few people, it is done in turns."""

MOST_ANIME = 1500
"""Anime that settings are chosen on, those on most lists: what a solve costs grows as the cube."""

MOST_LISTS = 20_000
"""Lists learned from while choosing, at most."""

GIVEN_FRACTION = 0.8
"""Share of a list that is given, the rest is to be found."""

K = 10
"""Places that count: NDCG@K."""

SURE = 1.0
"""Standard errors that a setting has to be better by before it is left for another."""


class ClosedForm(Protocol):
    """A model whose settings can be chosen here: `HybridEASE` and its like say what these mean."""

    NAME: ClassVar[str]
    scale_: np.ndarray
    popularity_: np.ndarray

    @property
    def parameters(self) -> dict[str, object]: ...
    @property
    def open_settings(self) -> list[str]: ...
    @property
    def learned_by(self) -> tuple[object, ...]: ...
    def setting(self, name: str) -> object: ...
    def unfitted(self) -> Self: ...
    def gram_sums(self, columns: np.ndarray, usual_length: float) -> GramSums: ...
    def penalty(self, squares: np.ndarray) -> np.ndarray: ...
    def tag_rows(self, features: ItemFeatures | None, n_anime: int) -> sparse.csr_array: ...
    def values(self, profiles: Interactions) -> np.ndarray: ...


@dataclass
class _Turn:
    """One turn of setting people aside.

    Attributes
    ----------
    learned : the lists learned from: of half the people set aside what they are given is among
        them, as it is of people who are known, the other half are strangers.
    given, hidden : what the people set aside are given, and have to find.
    popularity : float32 (n_anime,), the share of the lists learned from that each anime is on.
    grams : ``ZᵀZ`` of ``learned`` by the settings that make ``Z``.
    """

    learned: Interactions
    given: Interactions
    hidden: Interactions
    popularity: np.ndarray
    grams: dict[tuple[object, ...], np.ndarray] = field(default_factory=dict)
    solved: tuple[tuple[object, ...], np.ndarray | None] = ((), None)


class Bench:
    """People set aside from some lists, by whom settings of a closed form are judged.

    Only the anime on most lists take part. The Gram matrix is made once for each way of making
    preferences of lists; any other setting costs a solve.

    Parameters
    ----------
    train, features : what is to be learned from.
    constants : of the model on these: see `HybridEASE.constants`.
    seed : of the draw of people.
    """

    def __init__(
        self,
        train: Lists,
        features: ItemFeatures | None,
        constants: tuple[np.ndarray, float],
        seed: int = 0,
    ) -> None:
        self._constants = constants
        rng = np.random.default_rng(seed)
        some = rng.permutation(train.shape[0])[:MOST_LISTS]
        lists = train.users(np.sort(some))
        counts = lists.counts
        part = np.sort(np.argsort(-counts, kind="stable")[:MOST_ANIME])
        lists = _on(lists, part[counts[part] > 0])
        self._features, self._part = features, np.isin(train.anime_ids, lists.anime_ids)
        able = rng.permutation(np.flatnonzero(lists.lengths >= MIN_ENTRIES))
        self.n_people = min(len(able), MOST_PEOPLE)
        at_once = max(1, min(self.n_people, int(ASIDE * len(able))))
        turns = -(-self.n_people // at_once)
        self._turns = [
            _turn(lists, people, seed) for people in np.array_split(able[: self.n_people], turns)
        ]
        self._liked_from = least_liked(float(constants[0][2]))
        self.n_solves = 0

    @property
    def whole(self) -> bool:
        """Whether all anime take part."""
        return bool(self._part.all())

    def judge(self, model: ClosedForm) -> np.ndarray:
        """Return NDCG@10 of who was set aside, for what they watched and for what they liked.

        float64 (n_people, 2), NaN where there was nothing to find.
        """
        model.scale_ = self._constants[0]
        return np.concatenate([self._judged(model, turn) for turn in self._turns])

    def _judged(self, model: ClosedForm, turn: _Turn) -> np.ndarray:
        model.popularity_ = turn.popularity
        weights = self._weights(model, turn)
        if kept := model.setting("n_neighbours"):
            by_target = np.ascontiguousarray(weights.T)
            keep_greatest(by_target, kept, np.abs(by_target) * np.sqrt(turn.popularity))
            weights = by_target.T
        given, hidden = turn.given, turn.hidden
        scores = given.matrix(model.values(given)) @ weights
        scores[given.rows, given.indices] = -np.inf
        best = _best(scores, K)
        relevance = np.zeros(hidden.shape, dtype=np.int8)
        liked = np.nan_to_num(hidden.ratings, nan=-np.inf) >= self._liked_from
        relevance[hidden.rows, hidden.indices] = 1 + liked
        found = np.take_along_axis(relevance, best, axis=1)
        return np.stack(
            [ndcg_at(found >= least, (relevance >= least).sum(axis=1), K) for least in (1, 2)],
            axis=1,
        )

    def _weights(self, model: ClosedForm, turn: _Turn) -> np.ndarray:
        """Return ``W`` unpruned; that of the settings asked for last is kept."""
        tag_weights = tuple(sorted(model.setting("tag_weights").items()))
        key = *model.learned_by, model.setting("dropout"), model.setting("l2"), tag_weights
        if turn.solved[0] != key:
            system = self._gram(model, turn).copy(order="F")
            penalty = model.penalty(system.diagonal())
            tags = model.tag_rows(self._features, len(self._part))[self._part]
            system += (tags @ tags.T).toarray()
            turn.solved = key, autoencoder(system, penalty)[0]
            self.n_solves += 1
        return turn.solved[1]

    def tagged(self, model: ClosedForm) -> bool:
        """Whether any of the kinds of tags that count for a model is known."""
        known = self._features.matrices if self._features is not None else {}
        return any(
            weight and kind in known for kind, weight in model.setting("tag_weights").items()
        )

    def _gram(self, model: ClosedForm, turn: _Turn) -> np.ndarray:
        key = model.learned_by
        if key not in turn.grams:
            everything = np.ones(turn.learned.shape[1], dtype=bool)
            total = turn.learned.total(model.gram_sums(everything, self._constants[1]))
            turn.grams[key] = mirrored(total["gram"])
        return turn.grams[key]


def _turn(lists: Interactions, people: np.ndarray, seed: int) -> _Turn:
    """Return a turn in which some people (rows) are set aside."""
    given, hidden = hold_out(lists.users(people), GIVEN_FRACTION, seed)
    known = np.zeros(lists.shape[0], dtype=bool)
    known[people[::2]] = True
    strange = np.zeros(lists.shape[0], dtype=bool)
    strange[people[1::2]] = True
    # Of those known, the entries that they have to find are taken out of what is learned from.
    cells = lists.rows * np.int64(lists.shape[1]) + lists.indices
    to_find = people[hidden.rows] * np.int64(lists.shape[1]) + hidden.indices
    left = ~strange[lists.rows] & ~np.isin(cells, to_find)
    learned = lists.entries(left)
    return _Turn(learned, given, hidden, popularity(learned))


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of the k greatest scores of each row, greatest first."""
    k = min(k, scores.shape[1])
    some = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def _on(lists: Interactions, columns: np.ndarray) -> Interactions:
    """Return lists on some of the anime only, ascending columns."""
    place = np.full(lists.shape[1], -1, dtype=np.int32)
    place[columns] = np.arange(len(columns))
    kept = lists.entries(place[lists.indices] >= 0)
    return replace(kept, anime_ids=lists.anime_ids[columns], indices=place[kept.indices])


GRIDS: Mapping[str, tuple[object, ...]] = {
    "l2": tuple(3.0 * 2.0**step for step in range(15)),
    "dropout": (0.0, 0.1, 0.22, 0.35, 0.5, 0.65),
    "n_neighbours": (12, 20, 35, 60, 100, 150, 200, 300, 500, 0),
    "user_discount": (0.0, 0.19, 0.4, 0.6),
    "rest": (0.0, 0.1, 0.2, 0.3, 0.45, 0.6),
    "item_discount": (0.0, 0.1, 0.2, 0.3, 0.4),
    "profile_rating_weight": (0.0, 0.06, 0.12, 0.24, 0.35, 0.5),
}
"""Values tried, in order."""

TAG_SCALES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Multiples of the kinds of tags' weights that are tried."""

NO_SOLVE = ("n_neighbours", "item_discount", "profile_rating_weight")
"""Settings that cost no solve: all their values are tried."""

WINDOW = 1
"""Of the others, so many values on either side of the one in use are; farther if that is best."""

STEPS = (
    "l2", "dropout", "preferences", "n_neighbours", "item_discount", "profile_rating_weight",
    "tag_weights", "user_discount", "rest", "l2", "n_neighbours", "item_discount",
)  # fmt: skip
"""What is gone through one after the other."""


def choose_settings(model: ClosedForm, bench: Bench) -> dict[str, object]:
    """Choose the settings that a model leaves open, by name.

    From where the search starts each is changed in turn if that finds more: the mean over people
    of NDCG@10 for watched and for liked, each beside what the start reaches. What is not surely
    better (see `SURE`) is not taken.
    """
    left = set(model.open_settings)
    now = {name: model.setting(name) for name in left}
    if bench.n_people < MIN_PEOPLE:
        log.info("%s: %d lists are too few to choose settings by", model.NAME, bench.n_people)
        return now
    start = time.perf_counter()
    search = _Search(model, bench, now)
    steps = [name for name in STEPS if name in left or name == "preferences"]
    with progress(f"{model.NAME}: choosing settings") as task:
        for place, name in enumerate(steps):
            task.at(place / len(steps), name)
            if name == "preferences":
                if left >= set(_BINARY):
                    search.line([{}, *_preferences(model.scale_)], 0, whole=True)
            elif name == "tag_weights":
                if bench.tagged(model):
                    search.line(_scaled(now[name]), TAG_SCALES.index(1.0))
            else:
                values = {*GRIDS[name], search.now[name]}
                if name == "n_neighbours" and not bench.whole:
                    values.discard(0)  # all of a large catalogue would not be served from memory
                values = sorted(values, key=_all_last(name))
                options = [{name: value} for value in values]
                search.line(options, values.index(search.now[name]), name in NO_SOLVE)
    log.info(
        "%s: chose %s in %.1f s by %d people and %d solves (%+.1f %%)",
        model.NAME,
        ", ".join(f"{name} {_told(search.now[name])}" for name in sorted(left)),
        time.perf_counter() - start,
        bench.n_people,
        bench.n_solves,
        100 * search.gain,
    )
    return search.now


class _Search:
    """A search that goes from one setting to the next."""

    def __init__(self, model: ClosedForm, bench: Bench, now: dict[str, object]) -> None:
        self._model, self._bench = model, bench
        self.now = now
        self._first = self._best = self._judge({})
        there = ~np.isnan(self._first)
        total = np.where(there, self._first, 0).sum(axis=0)
        self._scale = np.where(total > 0, total, 1) / np.maximum(there.sum(axis=0), 1)

    @property
    def gain(self) -> float:
        """By what share more is found than at the start."""
        return float(self._more(self._best, self._first).mean())

    def line(self, options: list[dict[str, object]], place: int, whole: bool = False) -> None:
        """Take the best of some options in order, if it is surely better than the one in use.

        Parameters
        ----------
        place : of the option in use.
        whole : try all, and not only those near it.
        """
        found = {place: (0.0, self._best)}
        width = len(options) if whole else WINDOW
        best = place
        while True:
            near = range(max(0, best - width), min(len(options), best + width + 1))
            for at in [at for at in near if at not in found]:
                values = self._judge(options[at])
                found[at] = float(self._more(values, self._best).mean()), values
            best, before = max(found, key=lambda at: found[at][0]), best
            if best == before:
                break
        if not self._sure(found[best][1], self._best):
            return
        # Of those that are hardly worse than the best, the nearest to what was in use.
        near = [at for at in found if not self._sure(found[best][1], found[at][1])]
        best = min(near, key=lambda at: abs(at - place))
        self.now, self._best = self.now | options[best], found[best][1]

    def _sure(self, found: np.ndarray, than: np.ndarray) -> bool:
        more = self._more(found, than)
        return more.mean() > SURE * more.std() / np.sqrt(len(more))

    def _judge(self, option: dict[str, object]) -> np.ndarray:
        settings = self._model.unfitted().parameters | self.now | option
        return self._bench.judge(type(self._model)(**settings))

    def _more(self, found: np.ndarray, than: np.ndarray) -> np.ndarray:
        """Return what each person finds more, in shares of the first mean, (n_people,)."""
        more = (found - than) / self._scale
        more = more[~np.isnan(more).all(axis=1)]
        return np.nanmean(more, axis=1)


def _scaled(tag_weights: Mapping[str, float]) -> list[dict[str, object]]:
    return [
        {"tag_weights": {kind: scale * weight for kind, weight in tag_weights.items()}}
        for scale in TAG_SCALES
    ]


def _all_last(name: str):
    """Return a key that orders values, 0 last where it stands for all."""
    return (lambda value: value or np.inf) if name == "n_neighbours" else float


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{kind} {weight:.3g}" for kind, weight in value.items()) + ")"
    return f"{value:.3g}"


_BINARY: Mapping[str, object] = {
    "rating_weight": 0.0,
    "unscored": 1.0,
    "profile_rating_weight": 0.0,
    "profile_unscored": 1.0,
    "mean_shrinkage": 12.0,
}


def _preferences(scale: np.ndarray) -> Iterator[dict[str, object]]:
    """Yield ways to make preferences of lists: binary, in proportion to the rating, signed."""
    yield dict(_BINARY)
    mean, sd, _ = (float(number) for number in scale)
    if 0 < sd < mean:
        share = {"rating_weight": sd / mean, "profile_rating_weight": sd / mean}
        yield {**_BINARY, **share, "mean_shrinkage": 1e6}
    for weight in (0.1, 0.35):
        yield {
            "rating_weight": weight,
            "unscored": 1.0,
            "profile_rating_weight": weight,
            "profile_unscored": 1.0,
            "mean_shrinkage": 12.0,
        }
