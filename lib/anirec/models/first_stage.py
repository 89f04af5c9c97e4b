"""What candidates are found and described with: models fitted to the same lists, and facts."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

import numpy as np

from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions
from anirec.models.anime_facts import AnimeFacts
from anirec.models.base import Model, save_part
from anirec.models.hybrid_ease import HybridEASE
from anirec.models.item_item import ItemItem
from anirec.models.item_knn import ItemKNN
from anirec.models.liked_ease import LikedEASE
from anirec.models.pure_svd import PureSVD
from anirec.models.ranking_features import Case, Person, Together
from anirec.partitions import Lists

log = logging.getLogger(__name__)

FACTS = "facts.npz"

OPINION_LISTS = 50_000
"""Lists that neighbours and latent factors are learned from at most, drawn at random."""

MANY = 200
"""Profiles at once for which looking weights up is made quicker first."""


@dataclass(frozen=True)
class FirstStage:
    """The models that find candidates and tell of them, fitted.

    Attributes
    ----------
    retriever : finds the candidates.
    second : a second opinion on them, which learned from what was liked.
    neighbours : how similar two anime are.
    latent : latent factors of the anime.
    facts : what is known of each anime.
    """

    retriever: HybridEASE
    second: LikedEASE
    neighbours: ItemKNN
    latent: PureSVD
    facts: AnimeFacts

    @classmethod
    def fit(
        cls,
        parts: Mapping[str, Model],
        train: Lists,
        features: ItemFeatures | None,
        liked_from: float,
        seed: int,
    ) -> Self:
        """Fit copies of the parts to the same lists.

        Parameters
        ----------
        parts : by the names of the attributes; one that is fitted to these lists already is taken
            as it is. What the second leaves open is as the retriever has it.
        liked_from : the least rating that is a like.
        seed : of the draw of lists for neighbours and latent factors, where there are many.
        """
        start = time.perf_counter()
        some = train
        if train.shape[0] > OPINION_LISTS:
            rng = np.random.default_rng(seed)
            some = train.users(np.sort(rng.choice(train.shape[0], OPINION_LISTS, replace=False)))
        retriever = _fitted(parts["retriever"], train, features)
        parts = {**parts, "second": _following(parts["second"], retriever)}
        fitted = {
            name: _fitted(part, train if isinstance(part, HybridEASE) else some, features)
            for name, part in parts.items()
            if name != "retriever"
        }
        facts = AnimeFacts.of(train, features, liked_from)
        seconds = time.perf_counter() - start
        log.info("two-stage: first stage of %d lists in %.1f s", train.shape[0], seconds)
        return cls(retriever, **fitted, facts=facts)

    @property
    def models(self) -> dict[str, Model]:
        """The models by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, Model)}

    def scores(self, one: Interactions) -> np.ndarray:
        """Return the retriever's scores for one profile, float32 (n_anime,)."""
        return self.retriever.score(one)[0]

    def case(self, one: Interactions, candidates: np.ndarray, scores: np.ndarray) -> Case:
        """Return what is to be told of one profile's candidates (columns).

        ``scores`` are the retriever's of all anime, (n_anime,).
        """
        entries, neighbours = one.indices, self.neighbours
        return made_case(
            one,
            candidates,
            scores[candidates],
            second_scores=self.second.values(one)
            @ self.second.weights_between(entries, candidates),
            terms=self.retriever.weights_between(entries, candidates),
            together=Together(
                neighbours.together(entries, candidates),
                neighbours.counts_[entries],
                neighbours.counts_[candidates],
                int(neighbours.n_lists_[0]),
                neighbours.shrinkage,
            ),
            factors=self.latent.factors_,
            facts=self.facts,
        )

    def cases(
        self,
        profiles: Interactions,
        n_candidates: int,
        n_company: int = 0,
        allowed: np.ndarray | None = None,
        scores: np.ndarray | None = None,
    ) -> Iterator[tuple[int, Case]]:
        """Yield per profile its row and its candidates: the ``n_candidates`` best of the retriever
        and the ``n_company`` that are most often on the same lists as what is on this one.

        Empty profiles and those without a candidate are left out.

        Parameters
        ----------
        allowed : as given to `Model.score`.
        scores : the retriever's, computed if not given; (n_profiles, n_anime).
        """
        if profiles.shape[0] >= MANY:
            for model in (self.retriever, self.second, self.neighbours):
                model.hasten()
        for row in np.flatnonzero(profiles.lengths):
            one = profiles.users(np.array([row]))
            found = self.scores(one) if scores is None else scores[row].copy()
            found[one.indices] = -np.inf
            if allowed is not None:
                found[~np.broadcast_to(allowed, profiles.shape)[row]] = -np.inf
            candidates = best_columns(found, n_candidates)
            if n_company:
                company = self.neighbours.company(one.indices)
                company[~np.isfinite(found) | (company == 0)] = -np.inf
                more = np.setdiff1d(best_columns(company, n_company), candidates)
                candidates = np.concatenate([candidates, more])
                candidates = candidates[np.lexsort((candidates, -found[candidates]))]
            if len(candidates):
                yield row, self.case(one, candidates, found)

    def without(
        self, train: Interactions, features: ItemFeatures | None, users: np.ndarray
    ) -> Self:
        """Return it as it would be had it not learned from some users (rows of ``train``).

        The retrievers in closed form (see `HybridEASE.without`), the rest fitted anew.
        """
        others = train.all_but(users)
        return type(self)(
            retriever=self.retriever.without(train, features, users),
            second=self.second.without(train, features, users),
            neighbours=self.neighbours.unfitted().fit(others),
            latent=self.latent.unfitted().fit(others),
            facts=AnimeFacts.of(others, features, float(self.facts.constants[2])),
        )

    def prune(self, k: int) -> Self:
        """Return it with ``k`` weights per anime in each item-item model."""
        pruned = {
            name: model.prune(k)
            for name, model in self.models.items()
            if isinstance(model, ItemItem)
        }
        return replace(self, **pruned)

    def save(self, folder: Path) -> None:
        """Write to a folder; a part that lies elsewhere already is linked."""
        for name, model in self.models.items():
            save_part(model, folder / name)
        self.facts.save(folder / FACTS)

    @classmethod
    def load(cls, folder: Path, parts: Mapping[str, Model]) -> Self:
        """Read what `save` wrote, given the parts by name. Raises InputError if one is missing."""
        fitted = {name: type(part).load(folder / name) for name, part in parts.items()}
        return cls(**fitted, facts=AnimeFacts.load(folder / FACTS))


def _fitted(part: Model, train: Lists, features: ItemFeatures | None) -> Model:
    """Return a part fitted to some lists: itself if it is so already, else a copy."""
    return part if part.learned_from(train) else part.unfitted().fit(train, features=features)


def _following(second: LikedEASE, retriever: HybridEASE) -> LikedEASE:
    """Return the second opinion with the settings that it leaves open as the retriever has them,
    and those that this has not as a search would start."""
    settled = {
        name: (retriever.setting(name) if name in retriever.STARTS else second.STARTS[name])
        for name in second.open_settings
    }
    return second.with_settings(settled) if settled else second


def made_case(
    one: Interactions,
    candidates: np.ndarray,
    scores: np.ndarray,
    second_scores: np.ndarray,
    terms: np.ndarray,
    together: Together,
    factors: np.ndarray,
    facts: AnimeFacts,
) -> Case:
    """Return what is to be told of one profile's candidates, given what the models say."""
    return Case(
        person=Person.of(one.indices, one.ratings, facts),
        candidates=candidates,
        scores=scores,
        second_scores=second_scores,
        latent_scores=factors[candidates] @ factors[one.indices].sum(axis=0),
        terms=terms,
        together=together,
        facts=facts,
    )


def best_columns(scores: np.ndarray, n: int) -> np.ndarray:
    """Return the columns of the ``n`` greatest finite scores, best first."""
    best = np.argpartition(-scores, n)[:n] if n < len(scores) else np.arange(len(scores))
    best = best[np.isfinite(scores[best])]
    return best[np.lexsort((best, -scores[best]))]
