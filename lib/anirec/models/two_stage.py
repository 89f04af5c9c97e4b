"""TwoStage: HybridEASE finds candidates, a learned ranker orders them."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.files import written_whole
from anirec.interactions import Interactions, hold_out
from anirec.models.base import Model, copied, incomplete
from anirec.models.candidates import FEATURES, Knowledge, block
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.item_knn import ItemKNN
from anirec.models.pure_svd import PureSVD

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

RANKER = {
    "objective": "rank:ndcg",
    "lambdarank_pair_method": "topk",
    "lambdarank_num_pair_per_sample": 20,
    "min_child_weight": 10,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "reg_lambda": 5,
    "tree_method": "hist",
}
"""XGBoost's parameters beyond those of `TwoStage`."""

MAX_BIN = 128
"""Bins of a feature in the ranker's histograms."""

N_FEATURES = sum(map(len, FEATURES.values()))
RANKER_FILE = "ranker.ubj"
KNOWLEDGE = "knowledge.npz"

OPINION_LISTS = 50_000
"""Lists that neighbours and latent factors are learned from at most, drawn at random."""

CHUNK = 64
"""Profiles whose candidates are ranked at once."""


class LikedEASE(HybridEASE):
    """HybridEASE on lists where what was liked counts 1 and the rest less: the second opinion.

    Parameters
    ----------
    liked_from : the least rating that is a like.
    rest : what any other entry counts.
    dropout, l2, tag_weights, tag_discount, user_discount, n_neighbours : see `HybridEASE`.
    """

    NAME = "liked-ease"

    def __init__(
        self,
        liked_from: float = 8.0,
        rest: float = 0.3,
        dropout: float = 0.22,
        l2: float = 50.0,
        tag_weights: Mapping[str, float] | None = None,
        tag_discount: float = 0.5,
        user_discount: float = 0.2,
        n_neighbours: int | None = 200,
    ) -> None:
        super().__init__(
            dropout=dropout,
            l2=l2,
            tag_weights=tag_weights,
            tag_discount=tag_discount,
            user_discount=user_discount,
            n_neighbours=n_neighbours,
        )
        self.liked_from = liked_from
        self.rest = rest

    def _preferences(self, lists: Interactions, weight: float, unscored: float) -> np.ndarray:
        liked = np.nan_to_num(lists.ratings, nan=-np.inf) >= self.liked_from
        return np.where(liked, 1, self.rest).astype(np.float32)


class Stage(NamedTuple):
    """What candidates are found and described with, fitted to the same lists."""

    retriever: HybridEASE
    liked_retriever: LikedEASE
    neighbours: ItemKNN
    latent: PureSVD
    knowledge: Knowledge


PARTS: dict[str, type[Model]] = {
    "retriever": HybridEASE,
    "liked_retriever": LikedEASE,
    "neighbours": ItemKNN,
    "latent": PureSVD,
}
"""The models of a `Stage`."""

ITEM_ITEM = ("retriever", "liked_retriever", "neighbours")
"""Those of them that can be pruned."""


class TwoStage(Model):
    """Retrieval by `HybridEASE`, ranking by LambdaMART (Burges, "From RankNet to LambdaRank to
    LambdaMART", 2010; XGBoost's ``rank:ndcg``) with graded relevance: liked 2, watched 1.

    The ranker learns from people whose lists were in nothing its features are made from
    (cross-fitting): for each fold of them the retrievers, popularities, means and like rates are
    those of the other lists. A part of each list is shown, the rest is what it has to find.

    Candidates score what the ranker says; every other anime scores less than all candidates, in
    the retriever's order. With too few lists to learn from, all is the retriever's; so it is for a
    profile of fewer than ``min_entries``: who names a title or two asks for what is like them, and
    the ranker would put first what most people watch.

    Parameters
    ----------
    n_candidates : how many the retriever passes on.
    n_neighbours : weights kept per anime by the first stage's models.
    n_folds : folds of the cross-fitting.
    max_users : lists the ranker learns from at most, drawn at random.
    n_draws : how many times each list is parted at random.
    n_few_draws : how many times more with few entries shown, ``min_entries`` to `MOST_FEW`.
    min_entries : profiles of fewer entries keep the retriever's order.
    n_rounds, learning_rate, max_depth : trees, their shrinkage and depth.
    liked_from : the least rating that is a like.
    without : groups of features left out (see `candidates.FEATURES`).
    n_threads : of the ranker; results are the same bits for the same number.
    seed : of the folds, the parting of lists and the trees' samples.

    Attributes
    ----------
    stage_ : `Stage`, what candidates are found and described with.
    ranker_ : the XGBoost booster, None where there were too few lists.
    n_learned_ : int (1,), the partings of lists the ranker learned from.
    """

    NAME = "two-stage"
    FORMAT = 3
    ARRAYS = ("n_learned_",)

    def __init__(
        self,
        n_candidates: int = 150,
        n_neighbours: int = 200,
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
        self.n_candidates = n_candidates
        self.n_neighbours = n_neighbours
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
            if group not in FEATURES:
                raise InputError(
                    f"unknown group of features {group!r}: choose from {', '.join(FEATURES)}"
                )
        self.n_threads = n_threads
        self.seed = seed

    def _fit(self, train: Interactions, features: ItemFeatures | None) -> None:
        learners = np.flatnonzero(train.lengths >= MIN_ENTRIES)
        self.ranker_, self.n_learned_ = None, np.array([0])
        samples, stage = [], None
        if len(learners) < MIN_USERS:
            log.info("two-stage: %d lists are too few to learn a ranker from", len(learners))
        else:
            for fold in self._folds(learners):
                others = np.setdiff1d(np.arange(train.shape[0]), fold)
                stage = self._stage(train.users(others), features)
                samples.append(self._sample(stage, train.users(fold)))
            # A few lists among very many change nothing: the retrievers without them can stay.
            if len(others) < ENOUGH * train.shape[0]:
                stage = None
        self.stage_ = stage or self._stage(train, features)
        samples = [np.concatenate(parts) for parts in zip(*samples, strict=True)]
        if samples and len(samples[2]):
            self._learn(*samples)

    def _folds(self, learners: np.ndarray) -> list[np.ndarray]:
        """Return disjoint users to learn from; one fold where enough others are left for it."""
        drawn = np.random.default_rng(self.seed).permutation(learners)[: self.max_users]
        n_folds = 1 if len(drawn) * 2 <= len(learners) else self.n_folds
        return [np.sort(drawn[fold::n_folds]) for fold in range(n_folds)]

    def _stage(self, train: Interactions, features: ItemFeatures | None) -> Stage:
        """Return what candidates are found and described with, from some lists."""
        start = time.perf_counter()
        retriever = HybridEASE(n_neighbours=self.n_neighbours).fit(train, features=features)
        liked = LikedEASE(self.liked_from, n_neighbours=self.n_neighbours)
        liked.fit(train, features=features)
        some = train
        if train.shape[0] > OPINION_LISTS:
            rng = np.random.default_rng(self.seed)
            drawn = rng.choice(train.shape[0], OPINION_LISTS, replace=False)
            some = train.users(np.sort(drawn))
        neighbours = ItemKNN(k=self.n_neighbours, shrinkage=10.0).fit(some)
        latent = PureSVD(n_factors=64).fit(some)
        seconds = time.perf_counter() - start
        log.info("two-stage: first stage of %d lists in %.1f s", train.shape[0], seconds)
        knowledge = Knowledge.of(train, features, self.liked_from)
        return Stage(retriever, liked, neighbours, latent, knowledge)

    def _sample(self, stage: Stage, lists: Interactions) -> tuple[np.ndarray, ...]:
        """Return features (n, n_features), relevance (n,) and candidates per list (n_lists,) of
        lists whose candidates hold something to find."""
        described, relevances, sizes = [], [], []
        for draw in range(self.n_draws + self.n_few_draws):
            share = GIVEN_FRACTION if draw < self.n_draws else self._few(lists, draw)
            given, hidden = hold_out(lists, share, seed=self.seed + draw)
            liked = np.nan_to_num(hidden.ratings, nan=-np.inf) >= self.liked_from
            relevance = np.zeros(hidden.shape[1], dtype=np.int8)
            for row, candidates, features in self._described(stage, given):
                entries = slice(*hidden.indptr[row : row + 2])
                relevance[hidden.indices[entries]] = 1 + liked[entries]
                found = relevance[candidates]
                if found.any():
                    described.append(features)
                    relevances.append(found)
                    sizes.append(len(found))
                relevance[hidden.indices[entries]] = 0
        if not sizes:
            return np.zeros((0, N_FEATURES), np.float32), np.zeros(0, np.int8), np.zeros(0, int)
        return np.concatenate(described), np.concatenate(relevances), np.array(sizes)

    def _few(self, lists: Interactions, draw: int) -> np.ndarray:
        """Return the shares of lists that are few entries, (n_users,): ``min_entries`` to
        `MOST_FEW`, the fewer the likelier (uniform logarithms)."""
        rng = np.random.default_rng([self.seed, draw])
        numbers = np.exp(rng.uniform(*np.log([self.min_entries, MOST_FEW]), lists.shape[0]))
        return numbers / np.maximum(lists.lengths, 1)

    def _described(
        self,
        stage: Stage,
        profiles: Interactions,
        allowed: np.ndarray | None = None,
        scores: np.ndarray | None = None,
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield per profile its row, its candidates (n,), best first, and their features.

        Profiles of fewer than ``min_entries`` or without a candidate are left out. ``scores``, the
        retriever's, are computed if not given.
        """
        liked_values = stage.liked_retriever._values(profiles)
        for row in np.flatnonzero(profiles.lengths >= max(self.min_entries, 1)):
            here = slice(*profiles.indptr[row : row + 2])
            entries = profiles.indices[here]
            if scores is None:
                found = stage.retriever._score(profiles.users(np.array([row])))[0]
            else:
                found = scores[row].copy()
            found[entries] = -np.inf
            if allowed is not None:
                found[~np.broadcast_to(allowed, profiles.shape)[row]] = -np.inf
            candidates = _best(found, self.n_candidates)
            if len(candidates):
                liked_terms = block(stage.liked_retriever.weights_, entries, candidates)
                factors = stage.latent.factors_
                features = stage.knowledge.describe(
                    entries,
                    profiles.ratings[here],
                    candidates,
                    scores=found[candidates],
                    liked_scores=liked_values[here] @ liked_terms,
                    latent_scores=factors[candidates] @ factors[entries].sum(axis=0),
                    terms=block(stage.retriever.weights_, entries, candidates),
                    similarities=block(stage.neighbours.weights_, entries, candidates),
                )
                yield row, candidates, features

    def _learn(self, features: np.ndarray, relevance: np.ndarray, sizes: np.ndarray) -> None:
        xgboost = _xgboost()
        start = time.perf_counter()
        matrix = xgboost.QuantileDMatrix(
            features[:, self._used()],
            label=relevance,
            qid=np.repeat(np.arange(len(sizes)), sizes),
            max_bin=MAX_BIN,
            nthread=self.n_threads,
        )
        parameters = RANKER | {
            "eta": self.learning_rate,
            "max_depth": self.max_depth,
            "max_bin": MAX_BIN,
            "nthread": self.n_threads,
            "seed": self.seed,
        }
        self.ranker_ = xgboost.train(parameters, matrix, self.n_rounds)
        self.ranker_.set_param({"nthread": 1})
        self.n_learned_ = np.array([len(sizes)])
        log.info("two-stage: ranker of %d lists in %.1f s", len(sizes), time.perf_counter() - start)

    def _used(self) -> np.ndarray:
        """Return the positions of the features used."""
        groups = [group for group, names in FEATURES.items() for _ in names]
        return np.flatnonzero(~np.isin(groups, self.without))

    def _score(self, profiles: Interactions) -> np.ndarray:
        return self._score_among(profiles, None)

    def _score_among(self, profiles: Interactions, allowed: np.ndarray | None) -> np.ndarray:
        scores = self.stage_.retriever._score(profiles)
        if self.ranker_ is None:
            return scores
        chunk: list[tuple[int, np.ndarray, np.ndarray]] = []
        for one in self._described(self.stage_, profiles, allowed, scores):
            chunk.append(one)
            if len(chunk) == CHUNK:
                self._place(scores, chunk)
                chunk = []
        if chunk:
            self._place(scores, chunk)
        return scores

    def _place(self, scores: np.ndarray, chunk: list[tuple[int, np.ndarray, np.ndarray]]) -> None:
        """Give candidates what the ranker says, all others less, in place."""
        table = np.concatenate([features[:, self._used()] for _, _, features in chunk])
        said = self.ranker_.inplace_predict(table)
        stops = np.cumsum([len(candidates) for _, candidates, _ in chunk])
        for (row, candidates, _), ranked in zip(chunk, np.split(said, stops[:-1]), strict=True):
            rest = scores[row]
            rest[candidates] = -np.inf
            rest -= rest.max(initial=-1e9) - ranked.min() + 1
            rest[candidates] = ranked

    def similar(self, anime_id: int, k: int = 10) -> pd.DataFrame:
        """Return the retriever's ``k`` most similar anime: ``anime_id``, ``similarity``."""
        self._check_fitted()
        return self.stage_.retriever.similar(anime_id, k=k)

    def explain(self, profile: Interactions, anime_id: int) -> pd.DataFrame:
        """Return the retriever's terms for an anime; they sum to its score: see `ItemItem.explain`.

        What the ranker adds is told by `explain_ranking`.
        """
        self._check_fitted()
        return self.stage_.retriever.explain(profile, anime_id)

    def contributions(self, profile: Interactions, columns: np.ndarray) -> np.ndarray:
        """Return the retriever's terms for several anime: see `ItemItem.contributions`."""
        self._check_fitted()
        return self.stage_.retriever.contributions(profile, columns)

    def explain_ranking(
        self, profile: Interactions, anime_id: int, allowed: np.ndarray | None = None
    ) -> pd.DataFrame:
        """Return what each feature adds to a candidate's score; the contributions sum to it.

        The contributions are the ranker's exact Shapley values (Lundberg et al., "Consistent
        Individualized Feature Attribution for Tree Ensembles", 2018).

        Parameters
        ----------
        allowed : as given to `score`.

        Returns
        -------
        pandas.DataFrame
            ``group``, ``feature``, ``value``, ``contribution``, the greatest in size first; the
            last row is the constant (``group`` and ``feature`` "constant").

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
        """Return what `explain_ranking` says of the anime in several columns, None where the ranker
        had no say; much faster than one after the other.

        Raises InputError if there is not exactly one profile.
        """
        if profile.shape[0] != 1:
            raise InputError(f"explain takes one profile, not {profile.shape[0]}: pick one of them")
        told: list[pd.DataFrame | None] = [None] * len(columns)
        if self.ranker_ is None:
            return told
        used = self._used()
        for _, candidates, features in self._described(self.stage_, profile, allowed):
            asked, places = np.nonzero(columns[:, None] == candidates)
            if len(asked):
                values = features[places][:, used]
                matrix = _xgboost().DMatrix(values)
                parts = self.ranker_.predict(matrix, pred_contribs=True)
                for which, value, part in zip(asked.tolist(), values, parts, strict=True):
                    told[which] = _contributions(used, value, part)
        return told

    def prune(self, k: int) -> Self:
        """Return a fitted copy whose retrievers keep ``k`` weights per anime."""
        self._check_fitted()
        pruned = copied(self)
        parts = {part: getattr(self.stage_, part).prune(k) for part in ITEM_ITEM}
        pruned.stage_ = self.stage_._replace(**parts)
        return pruned

    def _save_more(self, folder: Path) -> None:
        for part in PARTS:
            getattr(self.stage_, part).save(folder / part)
        self.stage_.knowledge.save(folder / KNOWLEDGE)
        (folder / RANKER_FILE).unlink(missing_ok=True)
        if self.ranker_ is not None:
            with written_whole(folder / RANKER_FILE) as beside:
                beside.write_bytes(self.ranker_.save_raw("ubj"))

    def _load_more(self, folder: Path) -> None:
        xgboost = _xgboost()
        parts = {part: kind.load(folder / part) for part, kind in PARTS.items()}
        self.stage_ = Stage(knowledge=Knowledge.load(folder / KNOWLEDGE), **parts)
        self.ranker_ = None
        if self.n_learned_[0]:
            file = folder / RANKER_FILE
            if not file.is_file():
                raise incomplete(file)
            self.ranker_ = xgboost.Booster(model_file=bytearray(file.read_bytes()))
            self.ranker_.set_param({"nthread": 1})


class _Remembering(TwoStage):
    """A TwoStage that keeps what its ranker learned from."""

    samples: tuple[np.ndarray, ...] = ()

    def _learn(self, *samples: np.ndarray) -> None:
        self.samples = samples
        super()._learn(*samples)


def ablations(
    model: TwoStage, train: Interactions, features: ItemFeatures | None = None
) -> Iterator[tuple[str, TwoStage]]:
    """Yield a model fitted, and fitted without each group of features, with a name.

    The retrievers are fitted once; each variant costs a ranker.

    Raises
    ------
    InputError
        If there are too few lists to learn a ranker from.
    """
    whole = _Remembering(**model.parameters).fit(train, features=features)
    if whole.ranker_ is None:
        raise InputError("there is no ranker to take features from: too few lists")
    yield "all", whole
    for group in FEATURES:
        if group not in model.without:
            variant = copied(whole)
            variant.without = [*model.without, group]
            variant._learn(*whole.samples)
            yield f"without {group}", variant


def _xgboost():
    """Import XGBoost, but not scikit-learn with it: serving needs none of its estimators."""
    if "sklearn" in sys.modules:
        import xgboost
    else:
        sys.modules["sklearn"] = None  # an import of it fails, which XGBoost allows for
        try:
            import xgboost
        finally:
            del sys.modules["sklearn"]
    return xgboost


def _best(scores: np.ndarray, n: int) -> np.ndarray:
    """Return the columns of the ``n`` greatest finite scores, best first."""
    best = np.argpartition(-scores, n)[:n] if n < len(scores) else np.arange(len(scores))
    best = best[np.isfinite(scores[best])]
    return best[np.lexsort((best, -scores[best]))]


def _contributions(used: np.ndarray, values: np.ndarray, parts: np.ndarray) -> pd.DataFrame:
    names = [(group, name) for group, names in FEATURES.items() for name in names]
    groups, features = zip(*(names[position] for position in used), strict=True)
    frame = pd.DataFrame(
        {"group": groups, "feature": features, "value": values, "contribution": parts[:-1]}
    )
    frame = frame.iloc[np.argsort(-np.abs(parts[:-1]), kind="stable")]
    constant = pd.DataFrame(
        {"group": "constant", "feature": "constant", "value": np.nan, "contribution": parts[-1:]}
    )
    return pd.concat([frame, constant], ignore_index=True)
