"""Audience segments: PCA of weighted lists, KMeans, and what sets each segment apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.catalogue.features import ItemFeatures
from anirec.config import InputError
from anirec.interactions import Interactions
from anirec.vectors import unit_rows

TELLING = 30
"""Entries from which on a list is taken to tell a taste."""

NAMED_FROM = 0.05
"""The share of its lists from which on a genre is worth naming a segment after."""

NAME_JOIN = " · "
"""Between the genres that a segment is named after."""


def rarity(interactions: Interactions) -> np.ndarray:
    """Return what an entry of each anime weighs, float32 (n_anime,): ``log(n_users / n_with_it)``.

    The inverse document frequency: what everybody watched says little about anybody's taste.
    """
    n_users, n_anime = interactions.shape
    holders = np.bincount(interactions.indices, minlength=n_anime)
    return np.log(n_users / np.maximum(holders, 1)).astype(np.float32)


def weighted_lists(interactions: Interactions, weights: np.ndarray | None = None):
    """Return lists as they are compared: CSR float32 (n_users, n_anime), rows of length one.

    Length one takes the list's length out.

    Parameters
    ----------
    weights : of an entry of each anime, (n_anime,); `rarity` among these lists unless given.
    """
    weights = rarity(interactions) if weights is None else weights
    return unit_rows(interactions.matrix(weights[interactions.indices]))


@dataclass(frozen=True)
class TasteSpace:
    """The space in which lists are compared, and where segments have their centres.

    Attributes
    ----------
    anime_ids : (n_anime,). weights : float32 (n_anime,), of an entry (`rarity`).
    axes : float32 (n_components, n_anime), the principal axes. origin : float32 (n_components,),
        the mean list's place along them.
    centres : float32 (n_segments, n_components), among directions of length one.
    """

    anime_ids: np.ndarray
    weights: np.ndarray
    axes: np.ndarray
    origin: np.ndarray
    centres: np.ndarray

    def scores(self, interactions: Interactions) -> np.ndarray:
        """Return lists along the principal axes, float32 (n_users, n_components)."""
        return weighted_lists(interactions, self.weights) @ self.axes.T - self.origin

    def squared_distances(self, scores: np.ndarray) -> np.ndarray:
        """Return how far each list's direction lies from each centre, (n_users, n_segments)."""
        directions = unit_rows(scores)
        squared = (directions**2).sum(axis=1)[:, None] + (self.centres**2).sum(axis=1)
        return squared - 2 * directions @ self.centres.T


@dataclass(frozen=True)
class Segments:
    """Users in the PCA space and the segment of each.

    Attributes
    ----------
    user_ids : (n_users,).
    components : float32 (n_users, n_components), the principal components' scores.
    explained : float64 (n_components,), share of the variance each component explains between the
        lists learned from.
    labels : int32 (n_users,), the segment from 0, by descending size.
    space : places any list among them.
    """

    user_ids: np.ndarray
    components: np.ndarray
    explained: np.ndarray
    labels: np.ndarray
    space: TasteSpace

    @property
    def sizes(self) -> np.ndarray:
        """int64 (n_segments,): users per segment."""
        return np.bincount(self.labels, minlength=len(self.space.centres))


def segment_users(
    interactions: Interactions, n_components: int = 20, n_clusters: int = 10, seed: int = 0
) -> Segments:
    """Find segments of users: PCA on `weighted_lists`, then KMeans on the directions found.

    The lists stay sparse: PCA centres them implicitly (ARPACK). KMeans compares directions: the
    length of a user's vector in the PCA space says how marked a taste is, not which it is. Both
    learn from lists of at least `TELLING` entries (of the median length, where that is less), since
    a few entries say little of a taste; every user is then given to the nearest segment.

    Raises
    ------
    InputError
        If there are fewer users than ``n_clusters``.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    if interactions.shape[0] <= n_clusters:
        raise InputError(
            f"{interactions.shape[0]} users make no {n_clusters} segments: lower n_clusters"
        )
    weights = rarity(interactions)
    lists = sparse.csr_matrix(weighted_lists(interactions, weights))
    telling = interactions.lengths >= min(TELLING, np.median(interactions.lengths))
    n_components = min(n_components, min(telling.sum(), lists.shape[1]) - 1)
    pca = PCA(n_components, svd_solver="arpack", random_state=seed)
    pca.fit(lists[telling])
    components = pca.transform(lists).astype(np.float32)
    directions = unit_rows(components)
    groups = KMeans(n_clusters, n_init=10, random_state=seed).fit(directions[telling])
    found = groups.predict(directions)
    by_size = np.argsort(-np.bincount(found, minlength=n_clusters), kind="stable")
    labels = np.argsort(by_size)[found].astype(np.int32)
    space = TasteSpace(
        interactions.anime_ids,
        weights,
        pca.components_.astype(np.float32),
        (pca.components_ @ pca.mean_).astype(np.float32),
        groups.cluster_centers_[by_size].astype(np.float32),
    )
    return Segments(interactions.user_ids, components, pca.explained_variance_ratio_, labels, space)


def membership(segments: Segments) -> sparse.csr_array:
    """Return CSR float32 (n_segments, n_users) whose rows average over a segment's users."""
    n_users = len(segments.labels)
    weights = (1 / segments.sizes[segments.labels]).astype(np.float32)
    shape = (len(segments.sizes), n_users)
    return sparse.csr_array((weights, (segments.labels, np.arange(n_users))), shape=shape)


def genre_lifts(
    segments: Segments, interactions: Interactions, features: ItemFeatures
) -> pd.DataFrame:
    """Return how much more of each genre a segment watches than everybody does.

    Columns ``segment`` (from 0), ``genre``, ``share`` (mean over its users of the genre's share in
    their lists), ``overall`` (the same over all users) and ``lift``, their ratio. Empty where the
    catalogue has no genres.
    """
    columns = ["segment", "genre", "share", "overall", "lift"]
    if "genres" not in features.matrices:
        return pd.DataFrame(columns=columns)
    tags, names = features.matrices["genres"], features.tags["genres"]
    shares = interactions.averages(tags).toarray()
    overall = shares.mean(axis=0)
    by_segment = membership(segments) @ shares
    n_segments = len(by_segment)
    return pd.DataFrame(
        {
            "segment": np.repeat(np.arange(n_segments), len(names)),
            "genre": np.tile(names, n_segments),
            "share": by_segment.ravel(),
            "overall": np.tile(overall, n_segments),
            "lift": (by_segment / np.maximum(overall, 1e-9)).ravel(),
        }
    )


def title_lifts(
    segments: Segments, interactions: Interactions, titles: pd.Series, n: int = 5
) -> pd.DataFrame:
    """Return the ``n`` anime that set each segment apart most.

    Columns ``segment``, ``anime_id``, ``title``, ``share`` (of its users who have it), ``overall``
    and ``lift``; most telling first: by ``(share - overall) / sqrt(overall (1 - overall))``, which
    weighs a lift by how many people stand behind it.

    Parameters
    ----------
    titles : by anime id.
    """
    lists = interactions.matrix()
    overall = np.asarray(lists.mean(axis=0)).ravel()
    shares = (membership(segments) @ lists).toarray()
    telling = (shares - overall) / np.sqrt(np.maximum(overall * (1 - overall), 1e-9))
    best = np.argsort(-telling, axis=1, kind="stable")[:, :n]
    segment = np.repeat(np.arange(len(best)), best.shape[1])
    ids = interactions.anime_ids[best.ravel()]
    share = np.take_along_axis(shares, best, axis=1).ravel()
    return pd.DataFrame(
        {
            "segment": segment,
            "anime_id": ids,
            "title": titles.reindex(ids).to_numpy(),
            "share": share,
            "overall": overall[best.ravel()],
            "lift": share / np.maximum(overall[best.ravel()], 1e-9),
        }
    )


def leading_genres(
    lifts: pd.DataFrame, n: int = 3, least_share: float = NAMED_FROM
) -> pd.DataFrame:
    """Return each segment's ``n`` genres of greatest lift, of those with a share worth naming."""
    worth = lifts[lifts["share"] >= least_share]
    ordered = worth.sort_values(["segment", "lift"], ascending=[True, False], kind="stable")
    return ordered.groupby("segment").head(n).reset_index(drop=True)


def distinct_names(
    n: int, lifts: pd.DataFrame, titles: pd.DataFrame, least_share: float = NAMED_FROM
) -> list[str]:
    """Return a name for each of ``n`` segments that no other has: its two leading genres.

    A segment in which no genre leads by a fifth is called mixed. Names that two segments would
    share are told apart by the third leading genre; where that does not do, by the segment's most
    telling title, and at last by its number.
    """
    leading = leading_genres(lifts, least_share=least_share)
    leading = leading[leading["lift"] >= 1.2].groupby("segment")["genre"].agg(list)
    genres = [leading.get(segment, ["Mixed"]) for segment in range(n)]
    names = [NAME_JOIN.join(some[:2]) for some in genres]
    names = _told_apart(names, [NAME_JOIN.join(some) for some in genres])
    first_title = titles.groupby("segment")["title"].first()
    titled = [
        f"{name} ({first_title.get(segment) or segment + 1})" for segment, name in enumerate(names)
    ]
    names = _told_apart(names, titled)
    return _told_apart(names, [f"{name}, {segment + 1}" for segment, name in enumerate(names)])


def _told_apart(names: list[str], longer: list[str]) -> list[str]:
    """Return the longer name of each whose name another has too."""
    return [
        more if names.count(name) > 1 else name for name, more in zip(names, longer, strict=True)
    ]


def profiles(
    segments: Segments, interactions: Interactions, lifts: pd.DataFrame, titles: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per segment, largest first.

    Columns ``segment`` (its name), ``users``, ``share``, ``median_entries``, ``mean_score`` (of
    its scored entries; null without any), ``genres`` and ``titles`` (text: what leads it).
    """
    rows, scored = interactions.rows, interactions.scored
    of_entry = segments.labels[rows[scored]]
    n = len(segments.sizes)
    total = np.bincount(of_entry, weights=interactions.ratings[scored], minlength=n)
    count = np.bincount(of_entry, minlength=n)
    genres = leading_genres(lifts).groupby("segment")["genre"].agg(", ".join)
    named = titles.dropna(subset="title").groupby("segment")["title"]
    leading = named.agg(lambda group: ", ".join(group.head(3)))
    entries = pd.Series(interactions.lengths).groupby(segments.labels).median()
    return pd.DataFrame(
        {
            "segment": distinct_names(n, lifts, titles),
            "users": segments.sizes,
            "share": segments.sizes / segments.sizes.sum(),
            "median_entries": entries.to_numpy(),
            "mean_score": np.where(count > 0, total / np.maximum(count, 1), np.nan),
            "genres": genres.reindex(range(n)).fillna("").to_numpy(),
            "titles": leading.reindex(range(n)).fillna("").to_numpy(),
        }
    )


def profile_sentence(table: pd.DataFrame, lifts: pd.DataFrame) -> str:
    """Return a sentence that names the largest segment and the most marked leading genre."""
    largest = table.iloc[0]
    text = (
        f"The largest of {len(table)} segments is {largest['segment']} with {largest['share']:.0%} "
        f"of the users"
    )
    leading = leading_genres(lifts, 1)
    if leading.empty:
        return f"{text}."
    marked = leading.loc[leading["lift"].idxmax()]
    name = table["segment"].iloc[int(marked["segment"])]
    return (
        f"{text}; the most marked is {name}, whose lists hold {marked['lift']:.1f} times as much "
        f"{marked['genre']} as everybody's ({marked['share']:.0%} against {marked['overall']:.0%})."
    )


def telling_genres(lifts: pd.DataFrame, n: int = 3) -> pd.DataFrame:
    """Return the lifts, in all segments, of the genres that lead any of them (`leading_genres`).

    Genres stand in the order of the segments they lead, so that a heat map has a diagonal.
    """
    leading = leading_genres(lifts, n).sort_values("lift", ascending=False, kind="stable")
    first = leading.drop_duplicates("genre").sort_values(
        ["segment", "lift"], ascending=[True, False]
    )
    table = lifts[lifts["genre"].isin(first["genre"])]
    order = pd.Categorical(table["genre"], list(first["genre"]), ordered=True)
    return table.assign(order=order).sort_values(["segment", "order"]).drop(columns="order")


def separation(segments: Segments, seed: int = 0, n_users: int = 3000) -> float:
    """Return the mean silhouette of the segments (Rousseeuw 1987), -1 to 1, by the cosine.

    At most ``n_users`` are compared, drawn at random.
    """
    from sklearn.metrics import silhouette_score

    drawn = np.random.default_rng(seed).permutation(len(segments.labels))[:n_users]
    labels = segments.labels[drawn]
    return float(silhouette_score(segments.components[drawn], labels, metric="cosine"))


def stability(
    interactions: Interactions, n_components: int = 20, n_clusters: int = 10, seed: int = 0
) -> float:
    """Return how far segments found in two halves of the users agree, as adjusted Rand index.

    Each half's centres are carried over to the other half's PCA space by what its users watch: all
    users are given to the nearest mean list of either set of segments.
    """
    from sklearn.metrics import adjusted_rand_score

    half = np.random.default_rng(seed).random(interactions.shape[0]) < 0.5
    lists = weighted_lists(interactions)
    given = []
    for chosen in (half, ~half):
        members = interactions.users(chosen)
        segments = segment_users(members, n_components, n_clusters, seed)
        centres = (membership(segments) @ lists[np.flatnonzero(chosen)]).toarray()
        centres -= centres.mean(axis=0)
        given.append(np.argmax(lists @ unit_rows(centres).T, axis=1))
    return float(adjusted_rand_score(*given))


def agreement(segments: Segments, truth: pd.Series) -> tuple[float, pd.DataFrame]:
    """Return how well segments match known ones, and which of them meet.

    Parameters
    ----------
    truth : the known segment by user id; users without one are left out.

    Returns
    -------
    the adjusted Rand index (Hubert and Arabie 1985; 1 for equal partitions, 0 for chance), and a
    frame with ``segment`` (from 0), ``truth`` and ``share``, the known segment's share of the
    segment's users, ordered so that those that match stand on the diagonal.
    """
    from sklearn.metrics import adjusted_rand_score

    known = truth.reindex(segments.user_ids)
    has = known.notna().to_numpy()
    table = pd.crosstab(segments.labels[has], known[has].to_numpy(), normalize="index")
    best = table.idxmax(axis=1)
    columns = [*dict.fromkeys(best), *[name for name in table if name not in set(best)]]
    order = sorted(table.index, key=lambda segment: (columns.index(best[segment]), segment))
    table = table.loc[order, columns].rename_axis(index="segment", columns="truth")
    tidy = table.reset_index().melt("segment", value_name="share")
    return float(adjusted_rand_score(known[has].to_numpy(), segments.labels[has])), tidy


def flat_map(segments: Segments, n_users: int = 3000, seed: int = 0) -> pd.DataFrame:
    """Return users in two dimensions.

    Columns ``user_id``, ``label`` (their segment), ``pc1`` and ``pc2`` (the first two principal
    components) and ``x`` and ``y`` (t-SNE of the directions in the whole PCA space; van der Maaten
    and Hinton 2008). At most ``n_users``, drawn at random.
    """
    from sklearn.manifold import TSNE

    drawn = np.random.default_rng(seed).permutation(len(segments.labels))[:n_users]
    components = segments.components[np.sort(drawn)]
    perplexity = min(30.0, (len(components) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=500)
    placed = tsne.fit_transform(unit_rows(components))
    return pd.DataFrame(
        {
            "user_id": segments.user_ids[np.sort(drawn)],
            "label": segments.labels[np.sort(drawn)],
            "pc1": components[:, 0],
            "pc2": components[:, min(1, components.shape[1] - 1)],
            "x": placed[:, 0],
            "y": placed[:, 1],
        }
    )
