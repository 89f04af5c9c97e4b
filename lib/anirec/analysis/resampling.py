"""How many segments, and how sure of each: bootstraps beside a control without structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.analysis import clustering, plots
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.analysis.segments import Audience, unless_parted
from anirec.interactions import Interactions
from anirec.progress import progress
from anirec.vectors import unit_rows

BOOTSTRAPS = 20

TRIED = tuple(range(4, 21))
"""Numbers of segments."""

AT_MOST = 3000
"""Users that are drawn to try all numbers on."""

CLOSE = 0.1
"""A stability above the control this much below the best one is as good for the purpose."""

STABLE = 0.6
"""From this mean Jaccard on a segment may be taken for a pattern (Hennig 2007)."""

REAL, CONTROL = "the lists", "control: dealt anew"


@dataclass(frozen=True)
class Resampling:
    """What bootstraps say of numbers of segments.

    Attributes
    ----------
    table : columns ``of`` (`REAL` or `CONTROL`), ``segments``, ``stability`` (mean adjusted Rand
        index of neighbouring bootstraps, on all users drawn), ``spread`` (its standard deviation),
        ``silhouette`` (mean, by the cosine) and ``inertia`` (squared distances to the centres, as
        a share of those to the one centre of all).
    kept : float64 (n_segments,), for each segment of the audience the mean over the bootstraps of
        the greatest Jaccard index with one of theirs: how well it is found again.
    n_users, n_bootstraps : that were tried.
    """

    table: pd.DataFrame
    kept: np.ndarray
    n_users: int
    n_bootstraps: int

    def stability(self, of: str = REAL) -> pd.Series:
        """Return the stability by number of segments."""
        return self.table[self.table["of"] == of].set_index("segments")["stability"]


def dealt_anew(lists: Interactions, seed: int = 0) -> Interactions:
    """Return lists without structure: entries dealt anew, so that tastes no longer hang together.

    Each anime keeps its reach and each list its length, but for entries that would double: few in
    long-tailed lists, many where everybody has the same.
    """
    indices = np.random.default_rng(seed).permutation(lists.indices)
    cells = np.unique(lists.rows.astype(np.int64) * lists.shape[1] + indices)
    rows = cells // lists.shape[1]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=lists.shape[0]))])
    return replace(
        lists,
        indptr=indptr,
        indices=(cells % lists.shape[1]).astype(np.int32),
        ratings=np.full(len(cells), np.nan, dtype=np.float32),
        dropped=np.zeros(len(cells), dtype=bool),
    )


def resampled(
    audience: Audience | Absence,
    n_components: int = 20,
    seed: int = 0,
    n_bootstraps: int = BOOTSTRAPS,
    at_most: int = AT_MOST,
) -> Resampling | Absence:
    """Find segments in bootstraps of the users, for all numbers `TRIED`, and in the control.

    Each bootstrap finds its own space and its own centres (KMeans, a single start); then *all*
    users drawn are given to its segments, so that bootstraps can be compared on the same people.
    """
    asks = "How many segments are there?"
    if lack := unless_parted(audience, asks):
        return lack
    lists = audience.lists
    telling = np.flatnonzero(lists.lengths >= min(clustering.TELLING, np.median(lists.lengths)))
    drawn = np.sort(np.random.default_rng(seed).permutation(telling)[:at_most])
    chosen = len(audience.segments.sizes)
    tried = [k for k in sorted({*TRIED, chosen}) if k * 4 <= len(drawn) // 2]
    if not tried:
        return Absence(asks, f"{len(drawn)} users are too few to try several numbers.")
    some = lists.users(drawn)
    tables, kept = [], np.full(chosen, np.nan)
    with progress("segments: bootstraps") as told:
        for part, (kind, community) in enumerate(
            {REAL: some, CONTROL: dealt_anew(some, seed)}.items()
        ):
            weighted = sparse.csr_matrix(clustering.weighted_lists(community))
            found = []
            for number in range(n_bootstraps):
                told.at((part + number / n_bootstraps) / 2, kind)
                found.append(_found_again(weighted, tried, n_components, seed + number))
            tables.append(_judged(weighted, tried, found, n_components, seed).assign(of=kind))
            if kind == REAL and chosen in tried:
                own = audience.segments.labels[drawn]
                kept = _jaccard(own, [labels[chosen] for labels in found], chosen)
    columns = ["of", "segments", "stability", "spread", "silhouette", "inertia"]
    return Resampling(pd.concat(tables, ignore_index=True)[columns], kept, len(drawn), n_bootstraps)


def _space(weighted: sparse.csr_matrix, rows: np.ndarray, n_components: int, seed: int):
    """Return all lists' directions in the space of some of them, float32 (n_users, n)."""
    from sklearn.utils.extmath import randomized_svd

    part = weighted[rows]
    n = min(n_components + 1, min(part.shape) - 1)
    _, _, axes = randomized_svd(part, n, n_iter=3, random_state=seed)
    every = weighted @ axes.T
    return unit_rows(every - every[rows].mean(axis=0))


def _found_again(
    weighted: sparse.csr_matrix, tried: Sequence[int], n_components: int, seed: int
) -> dict[int, np.ndarray]:
    """Return for each number of segments everybody's, as one bootstrap finds them."""
    from sklearn.cluster import KMeans

    n_users = weighted.shape[0]
    rows = np.random.default_rng(seed).integers(n_users, size=n_users)
    every = _space(weighted, rows, n_components, seed)
    return {
        k: KMeans(k, n_init=1, random_state=seed).fit(every[rows]).predict(every) for k in tried
    }


def _judged(
    weighted: sparse.csr_matrix,
    tried: Sequence[int],
    found: list[dict[int, np.ndarray]],
    n_components: int,
    seed: int,
) -> pd.DataFrame:
    """Return for each number of segments how well bootstraps agree, and how apart segments are."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, silhouette_score

    every = _space(weighted, np.arange(weighted.shape[0]), n_components, seed)
    total = float(((every - every.mean(axis=0)) ** 2).sum())
    pairs = list(zip(found, [*found[1:], found[0]], strict=True))
    rows = []
    for k in tried:
        agreement = [adjusted_rand_score(one[k], other[k]) for one, other in pairs]
        whole = KMeans(k, n_init=2, random_state=seed).fit(every)
        apart = silhouette_score(
            every, whole.labels_, metric="cosine", sample_size=min(1500, len(every)), random_state=0
        )
        spread = float(np.std(agreement))
        rows.append((k, float(np.mean(agreement)), spread, float(apart), whole.inertia_ / total))
    names = ["segments", "stability", "spread", "silhouette", "inertia"]
    return pd.DataFrame(rows, columns=names)


def _jaccard(own: np.ndarray, found: list[np.ndarray], n: int) -> np.ndarray:
    """Return for each segment how well it is found again, as `Resampling.kept` has it."""
    sizes = np.bincount(own, minlength=n)
    best = np.zeros((len(found), n))
    for place, labels in enumerate(found):
        both = np.zeros((n, labels.max() + 1))
        np.add.at(both, (own, labels), 1)
        union = sizes[:, None] + np.bincount(labels) - both
        best[place] = (both / np.maximum(union, 1)).max(axis=1)
    return np.where(sizes > 0, best.mean(axis=0), np.nan)


def how_many(audience: Audience | Absence, trials: Resampling | Absence) -> Finding | Absence:
    """How many segments are there? Stability of bootstraps, beside a control without structure."""
    asks = "How many segments are there?"
    if lack := unless_parted(audience, asks):
        return lack
    if isinstance(trials, Absence):
        return trials
    real, control = trials.stability(REAL), trials.stability(CONTROL)
    chosen = len(audience.segments.sizes)
    at = chosen if chosen in real.index else int(real.index[-1])
    table = trials.table.assign(
        low=trials.table["stability"] - trials.table["spread"],
        high=trials.table["stability"] + trials.table["spread"],
    )
    spread = float(table.query("of == @REAL and segments == @at")["spread"].iloc[0])
    error = 1.96 * spread / np.sqrt(trials.n_bootstraps)
    above = float(real[at] - control[at])
    return Finding(
        "how_many",
        asks,
        f"With {at} segments two bootstraps of the users agree with an adjusted Rand index of "
        f"{real[at]:.2f}, against {control[at]:.2f} where the same entries are dealt anew. "
        f"{_defence(at, real - control)}",
        plots.lines(
            table,
            x="segments",
            y="stability",
            series="of",
            low="low",
            high="high",
            at=at,
            title=f"{at} segments: bootstraps agree at {real[at]:.2f}, without structure at "
            f"{control[at]:.2f}",
            x_label="number of segments",
            y_label="adjusted Rand index",
        ),
        trials.table,
        Effect(
            above,
            "Rand index above the control",
            trials.n_users,
            above - error,
            above + error,
            null=0.0,
        ),
        f"The {trials.n_bootstraps} bootstraps share users with each other, so that the index is "
        "higher than between strangers; the control has the same advantage. The band is one "
        "standard deviation.",
        formats=dict.fromkeys(("stability", "spread", "silhouette", "inertia"), "{:.2f}"),
    )


def how_apart(audience: Audience | Absence, trials: Resampling | Absence) -> Finding | Absence:
    """How far apart are the segments, by their number?"""
    asks = "Do more segments lie further apart?"
    if lack := unless_parted(audience, asks):
        return lack
    if isinstance(trials, Absence):
        return replace(trials, asks=asks)
    table = trials.table
    real = table[table["of"] == REAL].set_index("segments")
    chosen = len(audience.segments.sizes)
    at = chosen if chosen in real.index else int(real.index[-1])
    best = int(real["silhouette"].idxmax())
    left = real["inertia"]
    return Finding(
        "how_apart",
        asks,
        f"The mean silhouette is {real.loc[at, 'silhouette']:.2f} with {at} segments and greatest "
        f"with {best} ({real['silhouette'].max():.2f}). From {left.index[0]} to {left.index[-1]} "
        f"segments the squared distances to the centres fall from {left.iloc[0]:.0%} to "
        f"{left.iloc[-1]:.0%} of those to a single one.",
        plots.lines(
            table,
            x="segments",
            y="silhouette",
            series="of",
            at=at,
            title=f"The silhouette is {real.loc[at, 'silhouette']:.2f} with {at} segments, at best "
            f"{real['silhouette'].max():.2f}",
            x_label="number of segments",
            y_label="mean silhouette",
        ),
        table[["of", "segments", "silhouette", "inertia"]],
        Effect(float(real.loc[at, "silhouette"]), "mean silhouette", trials.n_users),
        "Inertia falls with every segment added, whether or not there are any.",
        formats={"silhouette": "{:.2f}", "inertia": "{:.2f}"},
    )


def _defence(chosen: int, above: pd.Series) -> str:
    """Return a sentence that defends the number chosen, or says that it cannot be defended.

    ``above`` is by how much each number's stability exceeds the control's: few segments are found
    again easily, with or without structure.
    """
    best = int(above.idxmax())
    if best == chosen:
        return (
            f"{chosen} is kept: no other number from {above.index[0]} to {above.index[-1]} stands "
            "further above the control."
        )
    words = f"({above[best]:+.2f} against {above[chosen]:+.2f})"
    if above[best] - above[chosen] <= CLOSE:
        return (
            f"{chosen} is kept: {best} stands hardly further above the control {words}, and ten is "
            "what the classic analysis of this data has, as many groups as one can keep apart."
        )
    return (
        f"{chosen} is kept for its detail, not its firmness: {best} stands further above the "
        f"control {words}, and a card below that is not stable says so."
    )
