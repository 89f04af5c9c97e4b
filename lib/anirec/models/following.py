"""The served models of one run, following lists and catalogue as they change."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions, least_liked, positions
from anirec.models.anime_facts import AnimeFacts, community_figures, community_sums
from anirec.models.base import Model, copied
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.incremental import WORST_DRIFT, HybridSums
from anirec.models.popularity import Popularity
from anirec.models.snapshot import read_snapshot, write_snapshot
from anirec.models.two_stage import TwoStage

log = logging.getLogger(__name__)

CHECKED_EVERY = 50
"""Low-rank updates after which the drift is measured."""


class FollowingModels:
    """HybridEASE, TwoStage and Popularity, kept up with changed lists and new anime.

    The retrievers follow exactly (see `HybridSums`). The ranker goes on with what it learned; what
    it is told of each anime by the community follows the sums. Neighbours and latent factors stay
    as they were learned: an anime that came since has none.

    Parameters
    ----------
    sums : `HybridSums` by ``retriever`` and, for a `TwoStage`, ``second``.
    figures : float64 (5, n_anime), see `anime_facts.community_sums`, in the order of the
        retriever's ``sorted_ids``.
    two_stage : the run's, whose ranker is gone on with; None where there is none.
    """

    def __init__(
        self, sums: dict[str, HybridSums], figures: np.ndarray, two_stage: TwoStage | None
    ) -> None:
        self.sums = sums
        self.figures = figures
        self.two_stage = two_stage
        self.features: ItemFeatures | None = None

    @classmethod
    def begin(
        cls,
        models: Mapping[str, Model],
        lists: Interactions,
        features: ItemFeatures,
    ) -> Self:
        """Sum all lists up, with the settings of a run's fitted models by name."""
        two_stage = models.get(TwoStage.NAME)
        settings: dict[str, HybridEASE] = {"retriever": models[HybridEASE.NAME]}
        if two_stage is not None:
            settings = {part: getattr(two_stage.stage_, part) for part in ("retriever", "second")}
        sums = {}
        for part, model in settings.items():
            log.info("following: %s: summing up %d lists", part, lists.shape[0])
            sums[part] = HybridSums.begin(model, lists, features)
        liked_from, mean = _constants(two_stage, sums["retriever"])
        following = cls(sums, community_sums(lists, liked_from, mean), two_stage)
        following.features = features
        return following

    @property
    def anime_ids(self) -> np.ndarray:
        """The anime known, ascending."""
        return self.sums["retriever"].sorted_ids

    @property
    def n_users(self) -> int:
        return self.sums["retriever"].n_users

    def partial_fit(self, added: Interactions | None, removed: Interactions | None) -> str:
        """Take lists out and put others in: see `HybridSums.partial_fit`."""
        done = {sums.partial_fit(added, removed) for sums in self.sums.values()}
        constants = _constants(self.two_stage, self.sums["retriever"])
        for lists, sign in ((removed, -1), (added, 1)):
            if lists is not None and lists.nnz:
                self.figures += sign * community_sums(lists, *constants)
        for part, sums in self.sums.items():
            if sums.n_updates >= CHECKED_EVERY and (drift := sums.drift()) > WORST_DRIFT:
                log.info("following: %s: drifted by %.1e: solving anew", part, drift)
                sums.solve()
                done.add("solve")
        return "solve" if "solve" in done else "low rank" if "low rank" in done else "nothing"

    def follow_catalogue(self, features: ItemFeatures) -> None:
        """Take in anime that are new, and what is known of all: see `HybridSums`."""
        old = self.anime_ids
        for sums in self.sums.values():
            sums.follow_catalogue(features)
        grown = np.zeros((len(self.figures), len(self.anime_ids)))
        grown[:, positions(self.anime_ids, old)[0]] = self.figures
        self.figures, self.features = grown, features

    def models(self) -> dict[str, Model]:
        """Return the models as they are now, by name."""
        hybrid = self.sums["retriever"].model()
        popularity = Popularity()
        popularity.anime_ids_, popularity.popularity_ = hybrid.anime_ids_, hybrid.popularity_
        served: dict[str, Model] = {Popularity.NAME: popularity, HybridEASE.NAME: hybrid}
        if self.two_stage is not None:
            served[TwoStage.NAME] = self._two_stage(hybrid)
        return served

    def _two_stage(self, retriever: HybridEASE) -> TwoStage:
        stage = self.two_stage.stage_
        old, new = self.two_stage.anime_ids_, retriever.anime_ids_
        facts = AnimeFacts.of_figures(
            community_figures(self.figures, max(self.n_users, 1)),
            self.features,
            stage.facts.constants,
        )
        served = copied(self.two_stage)
        served.anime_ids_, served.popularity_ = new, retriever.popularity_
        served.stage_ = replace(
            stage,
            retriever=retriever,
            second=self.sums["second"].model(),
            neighbours=_widened(stage.neighbours, old, new),
            latent=_widened(stage.latent, old, new),
            facts=facts,
        )
        return served

    def save(self, folder: Path) -> None:
        """Write a snapshot of all sums to a folder."""
        write_snapshot(folder / "figures", {"figures": self.figures}, {"parts": list(self.sums)})
        for part, sums in self.sums.items():
            sums.save(folder / part)

    @classmethod
    def load(cls, folder: Path, two_stage: TwoStage | None, features: ItemFeatures | None) -> Self:
        """Read what `save` wrote. Raises InputError if it is missing or damaged."""
        arrays, about = read_snapshot(folder / "figures")
        sums = {part: HybridSums.load(folder / part) for part in about["parts"]}
        following = cls(sums, np.array(arrays["figures"]), two_stage)
        following.features = features
        return following


def _constants(two_stage: TwoStage | None, sums: HybridSums) -> tuple[float, float]:
    """Return the least rating that is a like, and the overall mean rating, both frozen."""
    if two_stage is not None:
        liked_from = float(two_stage.stage_.facts.constants[2])
    else:
        liked_from = least_liked(float(sums.settings.scale_[2]))
    return liked_from, float(sums.settings.scale_[0])


def _widened(model: Model, old: np.ndarray, new: np.ndarray) -> Model:
    """Return a copy of a model on more anime, of which it knows nothing: zeros.

    Every fitted array with a row per anime is widened, sparse ones in both directions.
    """
    at, known = positions(old, new)
    twin = copied(model)
    pick = sparse.csr_array(
        (np.ones(known.sum(), np.float32), (np.flatnonzero(known), at[known])),
        shape=(len(new), len(old)),
    )
    for name, array in vars(model).items():
        if not name.endswith("_") or getattr(array, "shape", (0,))[:1] != (len(old),):
            continue
        if sparse.issparse(array):
            wide = sparse.csr_array(pick @ array @ pick.T, dtype=array.dtype)
            wide.sort_indices()
        else:
            wide = np.zeros((len(new), *array.shape[1:]), array.dtype)
            wide[known] = array[at[known]]
        setattr(twin, name, wide)
    twin.anime_ids_ = new
    return twin
