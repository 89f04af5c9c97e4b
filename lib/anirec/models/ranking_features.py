"""What a ranker is told about a candidate: features of (person, anime) pairs, by name.

Each group is a function from a `Case` to named columns, one value per candidate; `GROUPS` lists
them. A feature is added, renamed or dropped in its function alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anirec.models.anime_facts import COMMUNITY, NUMBERS, SHRINKAGE, TAGS, AnimeFacts
from anirec.models.csr import entries_of
from anirec.models.item_knn import FEW_LISTS

Columns = dict[str, np.ndarray]
"""Features by name, each (n_candidates,)."""

LOW = -0.5
"""A rating so many standard deviations from the person's mean is a dislike."""

TOP = 20
"""Candidates whose mean score the others' lead is told over."""


@dataclass(frozen=True)
class Person:
    """A person's list as the features see it.

    Attributes
    ----------
    entries : the columns on the list, (n,).
    mean : the person's mean rating, shrunk to everybody's.
    deviations : float32 (n,), ratings less the mean, in standard deviations of all ratings (other
        scales will do); 0 where not scored.
    liked, scored : bool (n,).
    sd : the standard deviation of all ratings.
    """

    entries: np.ndarray
    mean: float
    deviations: np.ndarray
    liked: np.ndarray
    scored: np.ndarray
    sd: float

    @classmethod
    def of(cls, entries: np.ndarray, ratings: np.ndarray, facts: AnimeFacts) -> Person:
        """Return the person with these columns on the list and ratings, NaN if not scored."""
        mean, sd, liked_from = facts.constants
        scored = ~np.isnan(ratings)
        own_mean = (ratings[scored].sum() + SHRINKAGE * mean) / (scored.sum() + SHRINKAGE)
        return cls(
            entries=entries,
            mean=own_mean,
            deviations=np.where(scored, (ratings - own_mean) / sd, 0).astype(np.float32),
            liked=np.nan_to_num(ratings, nan=-np.inf) >= liked_from,
            scored=scored,
            sd=sd,
        )

    @cached_property
    def disliked(self) -> np.ndarray:
        return self.scored & (self.deviations < LOW)


@dataclass(frozen=True)
class Together:
    """How often the anime on a list and the candidates go together.

    Attributes
    ----------
    both : float32 (n_entries, n_candidates), lists that have both; 0 where they are no neighbours.
    entries, candidates : (n_entries,) and (n_candidates,), lists that have each.
    n_lists : all lists.
    shrinkage : of the cosines, in lists.
    """

    both: np.ndarray
    entries: np.ndarray
    candidates: np.ndarray
    n_lists: int
    shrinkage: float

    @cached_property
    def similarities(self) -> np.ndarray:
        """The shrunk cosines of `ItemKNN`, (n_entries, n_candidates)."""
        roots = np.sqrt(np.outer(self.entries, self.candidates)) + max(self.shrinkage, 1e-9)
        return self.both / roots.astype(np.float32)

    @cached_property
    def shares(self) -> np.ndarray:
        """Of the lists with an entry, the share that has the candidate, shrunk."""
        return self.both / (self.entries[:, None] + np.float32(FEW_LISTS))

    @cached_property
    def information(self) -> np.ndarray:
        """The normalised pointwise mutual information of each pair, from -1 (never together) to 1
        (Bouma, "Normalized (Pointwise) Mutual Information in Collocation Extraction", 2009)."""
        share = np.maximum(self.both, 0.5) / self.n_lists
        alone = np.outer(np.maximum(self.entries, 1), np.maximum(self.candidates, 1))
        lift = np.log(share * np.float32(self.n_lists) ** 2 / alone)
        bits = -np.log(np.minimum(share, 1 - 1e-6))
        return np.where(self.both > 0, np.clip(lift / bits, -1, 1), -1).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """A person's candidates and what the models of the first stage say of them.

    Attributes
    ----------
    person : whose they are.
    candidates : columns (n_candidates,), in the order of the retriever.
    scores, second_scores, latent_scores : (n_candidates,), by the two retrievers and by the latent
        factors.
    terms : (n_entries, n_candidates), what having each entry says for each candidate by the
        retriever.
    together : how often entries and candidates go together.
    facts : what is known of each anime.
    """

    person: Person
    candidates: np.ndarray
    scores: np.ndarray
    second_scores: np.ndarray
    latent_scores: np.ndarray
    terms: np.ndarray
    together: Together
    facts: AnimeFacts

    @cached_property
    def popularity(self) -> np.ndarray:
        """The logarithm of the share of lists each anime is on, (n_anime,)."""
        return np.log(self.facts.community[:, 0] + 1e-4)

    def expected(self, support: np.ndarray, shrinkage: float) -> np.ndarray:
        """Return the rating expected of each candidate from its support among the entries: what
        these were rated beyond what everybody rates them."""
        person, deviation = self.person, self.facts.community[:, 1]
        scored = person.scored.astype(np.float32)
        beyond = person.deviations * person.sd - deviation[person.entries] * scored
        more = beyond @ support / (scored @ support + shrinkage)
        return person.mean + deviation[self.candidates] + more


def retrieval(case: Case) -> Columns:
    score, place, share = _places(case.scores)
    return {
        "score": score,
        "place": place,
        "share of best score": share,
        "lead over top 20": case.scores - case.scores[:TOP].mean(),
    }


def terms(case: Case) -> Columns:
    """What the retriever's terms say: who of the list speaks for a candidate."""
    person, terms = case.person, case.terms
    kinds = [np.ones(len(terms)), person.liked, person.disliked, ~person.scored, person.deviations]
    everything, liked, disliked, unscored, by_rating = np.stack(kinds).astype(np.float32) @ terms
    support = np.maximum(terms, 0)
    scored = person.scored.astype(np.float32)
    top = np.zeros((3, terms.shape[1]), dtype=np.float32)
    n = min(3, len(terms))
    top[:n] = -np.sort(np.partition(-terms, n - 1, axis=0)[:n], axis=0)
    strongest = terms.argmax(axis=0)
    return {
        "sum of all": everything,
        "sum of liked": liked,
        "sum of disliked": disliked,
        "sum of not scored": unscored,
        "sum by rating": by_rating,
        "sum of negative": np.minimum(terms, 0).sum(axis=0),
        "mean rating by term": person.deviations @ support / (scored @ support + 0.1),
        "greatest": top[0],
        "second greatest": top[1],
        "third greatest": top[2],
        "greatest of liked": (terms * person.liked[:, None].astype(np.float32)).max(axis=0),
        "rating of greatest": np.where(
            person.scored[strongest], person.deviations[strongest], np.nan
        ),
    }


def liked(case: Case) -> Columns:
    """What the second opinion says, which learned from what was liked."""
    score, place, share = _places(case.second_scores)
    return {"liked score": score, "liked place": place, "liked share of best score": share}


def neighbours(case: Case) -> Columns:
    """What the similarities to the entries say."""
    similarities = case.together.similarities
    return {
        "similarity to all": similarities.sum(axis=0),
        "greatest similarity": similarities.max(axis=0),
        "rating of similar": case.expected(similarities, 0.3),
    }


def together(case: Case) -> Columns:
    """How often candidates and entries are on the same lists."""
    shares, information = case.together.shares, case.together.information
    liked = case.person.liked
    return {
        "mean share": shares.mean(axis=0),
        "greatest share": shares.max(axis=0),
        "mean information": information.mean(axis=0),
        "greatest information": information.max(axis=0),
        "information of liked": information[liked].mean(axis=0)
        if liked.any()
        else np.full(len(case.candidates), np.nan),
    }


def latent(case: Case) -> Columns:
    score, _, share = _places(case.latent_scores)
    return {"latent score": score, "latent share of best score": share}


def community(case: Case) -> Columns:
    return dict(zip(COMMUNITY, case.facts.community[case.candidates].T, strict=True))


def catalogue(case: Case) -> Columns:
    return dict(zip(NUMBERS, case.facts.numbers[case.candidates].T, strict=True))


def person(case: Case) -> Columns:
    """What kind of list it is; the same for all candidates."""
    who = case.person
    n_scored = who.scored.sum()
    about = {
        "entries": len(who.entries),
        "person's mean": who.mean,
        "person's spread": who.deviations[who.scored].std() if n_scored else np.nan,
        "person's like rate": who.liked.astype(np.float32).sum() / max(n_scored, 1),
        "share scored": n_scored / len(who.entries),
    }
    return {name: np.full(len(case.candidates), value) for name, value in about.items()}


def distance(case: Case) -> Columns:
    """How far candidates are from what the person usually has."""
    facts, entries, there = case.facts, case.person.entries, case.candidates
    usual = case.popularity[entries].mean()
    columns = {"popularity above usual": case.popularity[there] - usual}
    for name in ("members", "score", "year"):
        numbers = facts.numbers[:, NUMBERS.index(name)]
        known = numbers[entries][~np.isnan(numbers[entries])]
        usual = known.mean() if len(known) else np.nan
        columns[f"{name} above usual"] = numbers[there] - usual
    columns["expected rating"] = case.expected(np.maximum(case.terms, 0), 0.1)
    return columns


def franchise(case: Case) -> Columns:
    """How candidates stand to the parts of their franchise on the list; NaN where none is."""
    who, entries, there = case.person, case.person.entries, case.candidates
    number, part, before = case.facts.franchises.T
    n = len(number)
    theirs = number[there]
    on, liked, rating, scored = (
        np.bincount(number[entries], weights, n)[theirs]
        for weights in (None, who.liked, who.deviations, who.scored)
    )
    last, first, usual = np.full((3, n), np.nan)
    np.fmax.at(last, number[entries], part[entries])
    np.fmin.at(first, number[entries], part[entries])
    np.fmax.at(usual, number[entries], case.popularity[entries])
    # One more than all columns: where there is no part before.
    known, ratings = np.zeros(n + 1, dtype=bool), np.full(n + 1, np.nan)
    known[entries] = True
    ratings[entries] = np.where(who.scored, who.deviations, np.nan)
    previous, place = before[there], part[there]
    n_parts = np.bincount(number)[theirs]
    popularity = case.popularity[there]
    return {
        "parts on list": on,
        "share on list": on / n_parts,
        "parts liked": liked,
        "rating of parts": np.where(scored > 0, rating / (scored + 0.5), np.nan),
        "part before on list": known[previous],
        "rating of part before": ratings[previous],
        "parts left out before": place - np.nan_to_num(last[theirs], nan=-1) - 1,
        "later part on list": last[theirs] > place,
        "first part on list": first[theirs] == 0,
        "parts": n_parts,
        "part": place,
        "popularity above parts on list": popularity - usual[theirs],
        "popularity above strongest": popularity
        - case.popularity[entries[case.terms.argmax(axis=0)]],
    }


def tags(case: Case) -> Columns:
    """How the list matches, per kind of tag; NaN for a kind unknown here.

    The mean cosine with the entries, the same counting only those liked, and the mean rating of the
    entries weighted by cosine.
    """
    who, facts, n = case.person, case.facts, len(case.candidates)
    here, owner = entries_of(facts.tags.indptr, who.entries)
    on_list, data = facts.tags.indices[here], facts.tags.data[here]
    wanted = (np.ones(len(who.entries)), who.liked, who.deviations, who.scored)
    tastes = [np.bincount(on_list, data * w[owner], len(facts.kinds)) for w in wanted]
    here, owner = entries_of(facts.tags.indptr, case.candidates)
    theirs, data = facts.tags.indices[here], facts.tags.data[here]
    cells = facts.kinds[theirs].astype(np.int64) * n + owner
    match, liked, rating, scored = (
        np.bincount(cells, data * taste[theirs], len(TAGS) * n).reshape(len(TAGS), n)
        for taste in tastes
    )
    columns: Columns = {}
    for code, kind in enumerate(TAGS):
        unknown = np.nan if code not in facts.kinds else 0.0
        columns[f"{kind} match"] = match[code] / len(who.entries) + unknown
        columns[f"{kind} liked"] = liked[code] / len(who.entries) + unknown
        columns[f"{kind} rating"] = rating[code] / (scored[code] + 0.5) + unknown
    return columns


GROUPS: dict[str, Callable[[Case], Columns]] = {
    group.__name__: group
    for group in (
        retrieval, terms, liked, neighbours, together, latent, community, catalogue, person,
        distance, franchise, tags,
    )
}  # fmt: skip
"""The groups of features by name."""

SEPARATOR = ": "
"""Between a feature's group and its name."""


def described(case: Case, without: Collection[str] = ()) -> Columns:
    """Return all features of a case but some groups', each (n_candidates,), named
    ``group: name``."""
    return {
        f"{group}{SEPARATOR}{name}": column
        for group, columns in GROUPS.items()
        if group not in without
        for name, column in columns(case).items()
    }


def table(columns: Columns) -> np.ndarray:
    """Return named columns side by side, float32 (n_candidates, n_features)."""
    return np.stack(list(columns.values()), axis=1).astype(np.float32)


def _places(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, their places from 0, and their shares of the best."""
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return scores, places, scores / max(scores.max(), 1e-6)
