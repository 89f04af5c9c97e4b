"""TwoStage: HybridEASE finds candidates, a learned ranker orders them."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions, hold_out
from anirec.models.base import Ability, Model, copied
from anirec.models.first_stage import FirstStage
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.item_knn import ItemKNN
from anirec.models.liked_ease import LikedEASE
from anirec.models.pure_svd import PureSVD
from anirec.models.ranker import Ranker, Sample
from anirec.models.ranking_features import GROUPS, Case, described, table

log = logging.getLogger(__name__)

MIN_USERS = 100
"""Lists to learn the ranker from at least: with fewer the retriever's order stands."""

MIN_ENTRIES = 5
"""Entries on a list that the ranker learns from, at least."""

GIVEN_FRACTION = 0.8
"""Share of a list that the ranker is shown when it learns to find the rest."""

MOST_FEW = 10
"""Entries shown at most where the ranker learns from few."""

ENOUGH = 0.9
"""Share of the lists at which retrievers learned from them stand for all."""

PARTS = ("retriever", "second", "neighbours", "latent")
"""The hyper-parameters of `TwoStage` that are models."""

RANKER_FILE = "ranker.ubj"

CHUNK = 64
"""Profiles whose candidates are ranked at once."""


class TwoStage(Model):
    """Retrieval by `HybridEASE`, ranking by LambdaMART (Burges, "From RankNet to LambdaRank to
    LambdaMART", 2010; XGBoost's ``rank:ndcg``) with graded relevance: liked 2, watched 1.

    The ranker learns from people whose lists were in nothing its features are made from
    (cross-fitting): for each fold of them copies of the parts are fitted to the other lists. A part
    of each list is shown, the rest is what it has to find.

    Candidates score what the ranker says; every other anime scores less than all candidates, in
    the retriever's order. With too few lists to learn from, all is the retriever's; so it is for a
    profile of fewer than ``min_entries``: who names a title or two asks for what is like them, and
    the ranker would put first what most people watch.

    Parameters
    ----------
    retriever : finds the candidates. One that was fitted to the lists learned from is taken as it
        is, like the other parts.
    second : the second opinion.
    neighbours, latent : tell how similar anime are.
    n_candidates : how many the retriever passes on.
    n_folds : folds of the cross-fitting.
    max_users : lists the ranker learns from at most, drawn at random.
    n_draws : how many times each list is parted at random.
    n_few_draws : how many times more with few entries shown, ``min_entries`` to `MOST_FEW`.
    min_entries : profiles of fewer entries keep the retriever's order.
    n_rounds, learning_rate, max_depth : trees, their shrinkage and depth.
    liked_from : the least rating that is a like.
    without : groups of features left out (see `ranking_features.GROUPS`).
    n_threads : of the ranker; results are the same bits for the same number.
    seed : of the folds, the parting of lists and the trees' samples.

    Attributes
    ----------
    stage_ : `FirstStage`, what candidates are found and described with.
    ranker_ : `Ranker`, None where there were too few lists.
    n_learned_ : int (1,), the partings of lists the ranker learned from.
    """

    NAME = "two-stage"
    FORMAT = 4
    CAN = frozenset(Ability)
    ARRAYS = ("n_learned_",)

    def __init__(
        self,
        retriever: HybridEASE | None = None,
        second: LikedEASE | None = None,
        neighbours: ItemKNN | None = None,
        latent: PureSVD | None = None,
        n_candidates: int = 150,
        n_folds: int = 4,
        max_users: int = 6000,
        n_draws: int = 2,
        n_few_draws: int = 1,
        min_entries: int = 4,
        n_rounds: int = 160,
        learning_rate: float = 0.1,
        max_depth: int = 6,
        liked_from: float = 8.0,
        without: Sequence[str] = (),
        n_threads: int = 2,
        seed: int = 0,
    ) -> None:
        self.retriever = retriever or HybridEASE()
        self.second = second or LikedEASE()
        self.neighbours = neighbours or ItemKNN(k=200, shrinkage=10.0)
        self.latent = latent or PureSVD(n_factors=64)
        self.n_candidates = n_candidates
        self.n_folds = n_folds
        self.max_users = max_users
        self.n_draws = n_draws
        self.n_few_draws = n_few_draws
        self.min_entries = min_entries
        self.n_rounds = n_rounds
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.liked_from = liked_from
        self.without = list(without)
        for group in self.without:
            if group not in GROUPS:
                raise InputError(
                    f"unknown group of features {group!r}: choose from {', '.join(GROUPS)}"
                )
        self.n_threads = n_threads
        self.seed = seed

    @property
    def parts(self) -> dict[str, Model]:
        """The models it is made of, as passed in."""
        return {name: getattr(self, name) for name in PARTS}

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        sample, stage = self._sampled(train, features)
        self.stage_ = stage or self._stage(train, features)
        self._learn(sample)

    def _sampled(
        self, train: Interactions, features: ItemFeatures | None
    ) -> tuple[Sample | None, FirstStage | None]:
        """Return what the ranker is to learn from, None where that is too little; and the first
        stage of nearly all lists, if there was one."""
        learners = np.flatnonzero(train.lengths >= MIN_ENTRIES)
        if len(learners) < MIN_USERS:
            log.info("two-stage: %d lists are too few to learn a ranker from", len(learners))
            return None, None
        samples = []
        for fold in self._folds(learners):
            others = np.setdiff1d(np.arange(train.shape[0]), fold)
            stage = self._stage(train.users(others), features)
            samples.append(self.sample(stage, train.users(fold)))
        # A few lists among very many change nothing: the retrievers without them can stay.
        nearly_all = len(others) >= ENOUGH * train.shape[0]
        samples = [sample for sample in samples if sample is not None]
        return Sample.joined(samples) if samples else None, stage if nearly_all else None

    def _folds(self, learners: np.ndarray) -> list[np.ndarray]:
        """Return disjoint users to learn from; one fold where enough others are left for it."""
        drawn = np.random.default_rng(self.seed).permutation(learners)[: self.max_users]
        n_folds = 1 if len(drawn) * 2 <= len(learners) else self.n_folds
        return [np.sort(drawn[fold::n_folds]) for fold in range(n_folds)]

    def _stage(self, train: Interactions, features: ItemFeatures | None) -> FirstStage:
        return FirstStage.fit(self.parts, train, features, self.liked_from, self.seed)

    def partings(self, lists: Interactions) -> Iterator[tuple[Interactions, Interactions]]:
        """Yield what is given of the lists and what is hidden, each time the ranker learns from
        them: a share of each list, then few entries, ``min_entries`` to `MOST_FEW`, the fewer the
        likelier (uniform logarithms)."""
        for draw in range(self.n_draws + self.n_few_draws):
            share: float | np.ndarray = GIVEN_FRACTION
            if draw >= self.n_draws:
                rng = np.random.default_rng([self.seed, draw])
                numbers = np.exp(rng.uniform(*np.log([self.min_entries, MOST_FEW]), lists.shape[0]))
                share = numbers / np.maximum(lists.lengths, 1)
            yield hold_out(lists, share, seed=self.seed + draw)

    def sample(self, stage: FirstStage, lists: Interactions) -> Sample | None:
        """Return what is to be learned from lists whose candidates hold something to find; None
        where none does. The stage learned from other lists."""
        tables, relevances = [], []
        for given, hidden in self.partings(lists):
            liked = np.nan_to_num(hidden.ratings, nan=-np.inf) >= self.liked_from
            relevance = np.zeros(hidden.shape[1], dtype=np.int8)
            for row, case in self._cases(stage, given):
                entries = slice(*hidden.indptr[row : row + 2])
                relevance[hidden.indices[entries]] = 1 + liked[entries]
                found = relevance[case.candidates]
                if found.any():
                    columns = described(case, self.without)
                    tables.append(table(columns))
                    relevances.append(found)
                relevance[hidden.indices[entries]] = 0
        if not tables:
            return None
        sizes = np.array([len(found) for found in relevances])
        return Sample(np.concatenate(tables), np.concatenate(relevances), sizes, tuple(columns))

    def _cases(
        self,
        stage: FirstStage,
        profiles: Interactions,
        allowed: np.ndarray | None = None,
        scores: np.ndarray | None = None,
    ) -> Iterator[tuple[int, Case]]:
        """Yield per profile of at least ``min_entries`` its row and candidates."""
        asked = np.flatnonzero(profiles.lengths >= self.min_entries)
        if len(asked) < profiles.shape[0]:
            allowed = allowed[asked] if allowed is not None and allowed.ndim == 2 else allowed
            scores = scores[asked] if scores is not None else None
            profiles = profiles.users(asked)
        for place, case in stage.cases(profiles, self.n_candidates, allowed, scores):
            yield int(asked[place]), case

    def _learn(self, sample: Sample | None) -> None:
        self.ranker_, self.n_learned_ = None, np.array([0])
        if sample is None:
            return
        start = time.perf_counter()
        self.ranker_ = Ranker.learn(
            sample, self.n_rounds, self.learning_rate, self.max_depth, self.n_threads, self.seed
        )
        self.n_learned_ = np.array([len(sample.sizes)])
        seconds = time.perf_counter() - start
        log.info("two-stage: ranker of %d lists in %.1f s", len(sample.sizes), seconds)

    def _score(self, profiles: Interactions) -> np.ndarray:
        return self._score_among(profiles, None)

    def _score_among(self, profiles: Interactions, allowed: np.ndarray | None) -> np.ndarray:
        scores = self.stage_.retriever._score(profiles)
        if self.ranker_ is None:
            return scores
        cases = self._cases(self.stage_, profiles, allowed, scores)
        while chunk := list(itertools.islice(cases, CHUNK)):
            self._place(scores, chunk)
        return scores

    def _place(self, scores: np.ndarray, chunk: Sequence[tuple[int, Case]]) -> None:
        """Give candidates what the ranker says, all others less, in place."""
        tables = [table(described(case, self.without)) for _, case in chunk]
        said = self.ranker_.scores(np.concatenate(tables))
        stops = np.cumsum([len(case.candidates) for _, case in chunk])
        for (row, case), ranked in zip(chunk, np.split(said, stops[:-1]), strict=True):
            rest = scores[row]
            rest[case.candidates] = -np.inf
            rest -= rest.max(initial=-1e9) - ranked.min() + 1
            rest[case.candidates] = ranked

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the retriever's ``k`` most similar anime: ``anime_id``, ``similarity``."""
        self._check_fitted()
        return self.stage_.retriever.similar(anime_id, k=k)

    def contributions(self, profile: Interactions, columns: np.ndarray) -> np.ndarray:
        """See `Model.contributions`: the terms of the retriever's score, which is the match.

        What the ranker adds is told by `rankings`.
        """
        self._check_fitted()
        return self.stage_.retriever.contributions(profile, columns)

    def explain_ranking(
        self, profile: Interactions, anime_id: int, allowed: np.ndarray | None = None
    ) -> pd.DataFrame:
        """Return what each feature adds to a candidate's score: see `Ranker.contributions`.

        Parameters
        ----------
        allowed : as given to `score`.

        Raises
        ------
        InputError
            If there is not exactly one profile, it has fewer than ``min_entries``, there is no
            ranker, or the anime is no candidate for it.
        """
        columns = np.array([self.column(anime_id)])
        if self.ranker_ is None:
            raise InputError("there is no ranker: too few lists were learned from; use explain")
        if profile.nnz < self.min_entries:
            raise InputError(f"the ranker needs {self.min_entries} entries or more: use explain")
        told = self.rankings(profile, columns, allowed)[0]
        if told is None:
            raise InputError(
                f"anime {anime_id} is no candidate for this profile: "
                "its score is the retriever's alone"
            )
        return told

    def rankings(
        self, profile: Interactions, columns: np.ndarray, allowed: np.ndarray | None = None
    ) -> list[pd.DataFrame | None]:
        """See `Model.rankings`. Raises InputError if there is not exactly one profile."""
        if profile.shape[0] != 1:
            raise InputError(f"explain takes one profile, not {profile.shape[0]}: pick one of them")
        told: list[pd.DataFrame | None] = [None] * len(columns)
        if self.ranker_ is None:
            return told
        for _, case in self._cases(self.stage_, profile, allowed):
            asked, places = np.nonzero(columns[:, None] == case.candidates)
            if len(asked):
                features = table(described(case, self.without))[places]
                for which, frame in zip(asked, self.ranker_.contributions(features), strict=True):
                    told[which] = frame
        return told

    def prune(self, k: int) -> Self:
        """Return a fitted copy whose retrievers keep ``k`` weights per anime."""
        self._check_fitted()
        pruned = copied(self)
        pruned.stage_ = self.stage_.prune(k)
        return pruned

    def _save_more(self, folder: Path) -> None:
        self.stage_.save(folder)
        (folder / RANKER_FILE).unlink(missing_ok=True)
        if self.ranker_ is not None:
            self.ranker_.save(folder / RANKER_FILE)

    def _load_more(self, folder: Path) -> None:
        self.stage_ = FirstStage.load(folder, self.parts)
        self.ranker_ = Ranker.load(folder / RANKER_FILE) if self.n_learned_[0] else None


def without_each_group(
    model: TwoStage, train: Interactions, features: ItemFeatures | None = None
) -> Iterator[tuple[str, TwoStage]]:
    """Yield a model fitted, and fitted without each group of features, with a name.

    The first stage is fitted once; each variant costs a ranker.

    Raises
    ------
    InputError
        If there are too few lists to learn a ranker from.
    """
    whole = model.unfitted().fit(train, features=features)
    if whole.ranker_ is None:
        raise InputError("there is no ranker to take features from: too few lists")
    yield "all", whole
    sample, _ = whole._sampled(train, features)
    for group in GROUPS:
        if group not in model.without:
            variant = copied(whole)
            variant.without = [*model.without, group]
            variant._learn(sample.without(variant.without))
            yield f"without {group}", variant
