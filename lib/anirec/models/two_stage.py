"""TwoStage: HybridEASE finds candidates, a learned ranker orders them."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import (
    Interactions,
    give_few,
    hold_out,
    least_liked,
)
from anirec.models.base import Ability, Model, copied
from anirec.models.chance import Chance
from anirec.models.first_stage import FirstStage
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.item_knn import ItemKNN
from anirec.models.leaning import GROUP, NAMES, leanings
from anirec.models.liked_ease import LikedEASE
from anirec.models.pure_svd import PureSVD
from anirec.models.ranker import Ranker, Sample
from anirec.models.ranking_features import GROUPS, Case, described, table
from anirec.partitions import Lists
from anirec.progress import progress

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
"""Share of the lists at which a first stage learned from them stands for all."""

MIN_LONG = 15
"""Entries on a list that the ranker learns from by few of its titles, at least."""

SILENT = 0.5
"""Share of those by few of whose titles the ranker learns whose ratings it is not shown."""

PARTS = ("retriever", "second", "neighbours", "latent")
"""The hyper-parameters of `TwoStage` that are models."""

RANKER_FILE = "ranker.ubj"

CHUNK = 64
"""Profiles whose candidates are ranked at once."""


class TwoStage(Model):
    """Retrieval by `HybridEASE`, ranking by LambdaMART (Burges, "From RankNet to LambdaRank to
    LambdaMART", 2010; XGBoost's ``rank:ndcg``) with graded relevance: liked 2, watched 1.

    The ranker learns from people whose lists were in nothing its features are made from
    (cross-fitting): for each fold of them the parts are what they would be without it, the
    retrievers in closed form. A part of each list is shown, the rest is what it has to find. To
    leave out one person at a time instead, which has a closed form too, makes it worse: what a
    single list adds tells it from the others, and the trees find out.

    Candidates score what the ranker says and what its order leans to (see `leaning`); every other
    anime scores less than all candidates, in the retriever's order. The ranker learns from few
    titles as from whole lists: who names one is answered by it too. With too few lists to learn
    from, all is the retriever's.

    Parameters
    ----------
    retriever : finds the candidates. One that was fitted to the lists learned from is taken as it
        is, like the other parts.
    second : the second opinion. What it leaves open is as the retriever has it.
    neighbours, latent : tell how similar anime are.
    n_candidates : how many the retriever passes on.
    n_company : how many more candidates are what is most often on the same lists.
    n_folds : folds of the cross-fitting.
    max_users : lists the ranker learns from at most, drawn at random.
    n_draws : how many times each list is parted at random.
    n_few_draws : how many times more with few of the titles liked shown, 1 to `MOST_FEW`.
    n_rounds, learning_rate, max_depth : trees, their shrinkage and depth.
    liked_from : the least rating that is a like; four fifths of the greatest one by default.
    without : groups of features left out (see `ranking_features.GROUPS`).
    n_threads : of the ranker; results are the same bits for the same number.
    seed : of the folds, the parting of lists and the trees' samples.

    Attributes
    ----------
    stage_ : `FirstStage`, what candidates are found and described with.
    ranker_ : `Ranker`, None where there were too few lists.
    chance_ : `Chance`, None where too little was liked.
    n_learned_ : int (2,), the partings of lists the ranker learned from, and whether a chance was.
    """

    NAME = "two-stage"
    IN_PARTS = True
    FORMAT = 5
    CAN = frozenset(Ability)
    ARRAYS = ("n_learned_",)

    def __init__(
        self,
        retriever: HybridEASE | None = None,
        second: LikedEASE | None = None,
        neighbours: ItemKNN | None = None,
        latent: PureSVD | None = None,
        n_candidates: int = 150,
        n_company: int = 100,
        n_folds: int = 4,
        max_users: int = 6000,
        n_draws: int = 1,
        n_few_draws: int = 1,
        n_rounds: int = 120,
        learning_rate: float = 0.12,
        max_depth: int = 6,
        liked_from: float | None = None,
        without: Sequence[str] = (),
        n_threads: int = 2,
        seed: int = 0,
    ) -> None:
        self.retriever = retriever or HybridEASE()
        self.second = second or LikedEASE()
        self.neighbours = neighbours or ItemKNN(k=200, shrinkage=10.0, n_company=300)
        self.latent = latent or PureSVD(n_factors=64)
        self.n_candidates = n_candidates
        self.n_company = n_company
        self.n_folds = n_folds
        self.max_users = max_users
        self.n_draws = n_draws
        self.n_few_draws = n_few_draws
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

    def _fit(self, train: Lists, features: ItemFeatures | None) -> None:
        learners = self._learners(train)
        if not _are_few(learners, train):  # each fold is learned from, so they have to be at hand
            train = train.in_memory()
        # A few lists among very many change nothing: the first stage can do without them.
        taught = train
        if _are_few(learners, train):
            taught = train.all_but(learners)
        self.stage_ = FirstStage.fit(
            self.parts, taught, features, self.least_liked(train), self.seed
        )
        self.chosen_ = {
            f"{name}.{setting}": value
            for name, model in self.stage_.models.items()
            for setting, value in model.chosen_.items()
        }
        self._learn(self._sampled(train, features, learners))

    def _sampled(
        self, train: Lists, features: ItemFeatures | None, learners: np.ndarray
    ) -> Sample | None:
        """Return what the ranker is to learn from, None where there is nothing."""
        if _are_few(learners, train):
            samples = [self.sample(self.stage_, train.users(learners))]
        else:
            folds = [learners[fold :: self.n_folds] for fold in range(self.n_folds)]
            samples = []
            with progress("two-stage: describing candidates") as task:
                for place, fold in enumerate(folds):
                    task.at(place / self.n_folds, f"fold {place + 1} of {self.n_folds}")
                    if len(fold):
                        samples.append(self._left_out(train, features, fold))
        samples = [sample for sample in samples if sample is not None]
        return Sample.joined(samples) if samples else None

    def _left_out(
        self, train: Interactions, features: ItemFeatures | None, fold: np.ndarray
    ) -> Sample | None:
        """Return what is to be learned from a fold of the lists, which the stage learned from."""
        start = time.perf_counter()
        stage = self.stage_.without(train, features, fold)
        apart = time.perf_counter()
        sample = self.sample(stage, train.users(fold))
        log.info(
            "two-stage: %d lists taken out in %.1f s and described in %.1f s",
            len(fold),
            apart - start,
            time.perf_counter() - apart,
        )
        return sample

    def _learners(self, train: Lists) -> np.ndarray:
        """Return the rows of the lists to learn from, shuffled; none where they are too few."""
        able = np.flatnonzero(train.lengths >= MIN_ENTRIES)
        if len(able) < MIN_USERS:
            log.info("two-stage: %d lists are too few to learn a ranker from", len(able))
            return able[:0]
        return np.random.default_rng(self.seed).permutation(able)[: self.max_users]

    def least_liked(self, lists: Lists) -> float:
        """Return the least rating that is a like in some lists."""
        if self.liked_from is not None:
            return self.liked_from
        return least_liked(lists.figures.greatest)

    def partings(self, lists: Interactions) -> Iterator[tuple[Interactions, Interactions]]:
        """Yield what is given of the lists and what is hidden, each time the ranker learns from
        them.

        First a share of each list is given, then few of what was liked on long ones: 1 to
        `MOST_FEW`, the fewer the likelier (uniform logarithms), by some without their ratings.
        """
        for draw in range(self.n_draws):
            yield hold_out(lists, GIVEN_FRACTION, seed=self.seed + draw)
        liked = np.nan_to_num(lists.ratings, nan=-np.inf) >= self.least_liked(lists)
        long = (lists.lengths >= MIN_LONG) & (np.bincount(lists.rows, liked, lists.shape[0]) > 0)
        some, liked = lists.users(long), liked[long[lists.rows]]
        for draw in range(self.n_few_draws):
            rng = np.random.default_rng([self.seed, draw])
            numbers = np.exp(rng.uniform(np.log(0.6), np.log(MOST_FEW + 0.5), some.shape[0]))
            numbers = np.maximum(np.round(numbers), 1)
            given, hidden = give_few(some, numbers, liked, [self.seed, draw, 1])
            # Who names a few titles may rate them or not.
            silent = (rng.random(given.shape[0]) < SILENT)[given.rows]
            yield replace(given, ratings=np.where(silent, np.nan, given.ratings)), hidden

    def sample(self, stage: FirstStage, lists: Interactions) -> Sample | None:
        """Return what is to be learned from lists whose candidates hold something to find; None
        where none does. The stage learned from other lists."""
        tables, relevances, people = [], [], []
        for given, hidden in self.partings(lists):
            liked = np.nan_to_num(hidden.ratings, nan=-np.inf) >= self.least_liked(lists)
            relevance = np.zeros(hidden.shape[1], dtype=np.int8)
            for row, case in stage.cases(given, self.n_candidates, self.n_company):
                entries = slice(*hidden.indptr[row : row + 2])
                relevance[hidden.indices[entries]] = 1 + liked[entries]
                found = relevance[case.candidates]
                if found.any():
                    columns = described(case, self.without)
                    tables.append(table(columns))
                    relevances.append(found)
                    people.append(np.searchsorted(lists.user_ids, given.user_ids[row]))
                relevance[hidden.indices[entries]] = 0
        if not tables:
            return None
        sizes = np.array([len(found) for found in relevances])
        return Sample(
            np.concatenate(tables),
            np.concatenate(relevances),
            sizes,
            np.array(people),
            tuple(columns),
        )

    def _learn(self, sample: Sample | None) -> None:
        self.ranker_, self.chance_, self.n_learned_ = None, None, np.array([0, 0])
        if sample is None:
            return
        start = time.perf_counter()
        self.ranker_ = Ranker.learn(
            sample, self.n_rounds, self.learning_rate, self.max_depth, self.n_threads, self.seed
        )
        self.chance_ = Chance.learn(sample, self.n_threads, self.seed)
        self.n_learned_ = np.array([len(sample.sizes), self.chance_ is not None], dtype=np.int64)
        seconds = time.perf_counter() - start
        log.info("two-stage: ranker of %d lists in %.1f s", len(sample.sizes), seconds)

    def _score(self, profiles: Interactions) -> np.ndarray:
        return self._score_among(profiles, None)

    def _score_among(self, profiles: Interactions, allowed: np.ndarray | None) -> np.ndarray:
        scores = self.stage_.retriever._score(profiles)
        if self.ranker_ is None:
            return scores
        cases = self._cases(profiles, allowed, scores)
        while chunk := list(itertools.islice(cases, CHUNK)):
            self._place(scores, chunk)
        return scores

    def _cases(
        self,
        profiles: Interactions,
        allowed: np.ndarray | None = None,
        scores: np.ndarray | None = None,
    ) -> Iterator[tuple[int, Case]]:
        return self.stage_.cases(profiles, self.n_candidates, self.n_company, allowed, scores)

    def _place(self, scores: np.ndarray, chunk: Sequence[tuple[int, Case]]) -> None:
        """Give candidates what the ranker says and leans to, all others less, in place."""
        tables = [table(described(case, self.without)) for _, case in chunk]
        said = self.ranker_.scores(np.concatenate(tables))
        stops = np.cumsum([len(case.candidates) for _, case in chunk])
        for (row, case), ranked in zip(chunk, np.split(said, stops[:-1]), strict=True):
            ranked = ranked + leanings(case, ranked).sum(axis=0)
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
        """Return what each feature adds to a candidate's score, and what its order leans to.

        See `Ranker.contributions` and `leaning`; the contributions sum to the score.

        Parameters
        ----------
        allowed : as given to `score`.

        Raises
        ------
        InputError
            If there is not exactly one profile, there is no ranker, or the anime is no candidate
            for it.
        """
        columns = np.array([self.column(anime_id)])
        if self.ranker_ is None:
            raise InputError("there is no ranker: too few lists were learned from; use explain")
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
        for _, case in self._cases(profile, allowed):
            asked, places = np.nonzero(columns[:, None] == case.candidates)
            if len(asked):
                features = table(described(case, self.without))
                leaning = leanings(case, self.ranker_.scores(features))[:, places].T
                frames = self.ranker_.contributions(features[places])
                for which, frame, added in zip(asked, frames, leaning, strict=True):
                    told[which] = pd.concat([frame, _leaning_frame(added)], ignore_index=True)
        return told

    def chances(
        self, profile: Interactions, columns: np.ndarray, allowed: np.ndarray | None = None
    ) -> np.ndarray:
        """See `Model.chances`. Raises InputError if there is not exactly one profile."""
        if profile.shape[0] != 1:
            raise InputError(f"chances are of one profile, not {profile.shape[0]}: pick one")
        chances = np.full(len(columns), np.nan, dtype=np.float32)
        if self.chance_ is None:
            return chances
        for _, case in self._cases(profile, allowed):
            asked, places = np.nonzero(columns[:, None] == case.candidates)
            features = table(described(case, self.without))[places]
            if len(asked):
                chances[asked] = self.chance_.of(features)
        return chances

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
        if self.chance_ is not None:
            self.chance_.save(folder)

    def _load_more(self, folder: Path) -> None:
        self.stage_ = FirstStage.load(folder, self.parts)
        ranked, chance = self.n_learned_
        self.ranker_ = Ranker.load(folder / RANKER_FILE) if ranked else None
        self.chance_ = Chance.load(folder) if chance else None


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
    sample = whole._sampled(train, features, whole._learners(train))
    for group in GROUPS:
        if group not in model.without:
            variant = copied(whole)
            variant.without = [*model.without, group]
            variant._learn(sample.without(variant.without))
            yield f"without {group}", variant


def _are_few(learners: np.ndarray, train: Lists) -> bool:
    return 0 < len(learners) <= (1 - ENOUGH) * train.shape[0]


def _leaning_frame(added: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame({"group": GROUP, "feature": NAMES, "value": np.nan, "contribution": added})
    return frame[frame["contribution"] != 0]
