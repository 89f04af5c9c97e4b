"""Kinds of anime, by what is known of them and by who watches them, and all anime laid flat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from anirec.analysis import clustering, plots, style
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.catalogue.features import ItemFeatures
from anirec.config import Paths
from anirec.interactions import Interactions, positions
from anirec.models import RatingNet, load_model
from anirec.progress import progress
from anirec.vectors import unit_rows

N_CLUSTERS = 10
"""As many as colours that people with any colour vision tell apart (`style.TOL_MUTED`)."""

N_DIRECTIONS = 32
"""Directions kept of what anime's lists and their tags have in common."""

SIDE = {"genres": 1.0, "type": 0.4, "source": 0.4, "era": 0.4, "studios": 0.4}
"""Kinds of tags that say what an anime is like, and what each weighs beside who watches it."""

KIND_NAMED_FROM = 0.2
"""A kind is named after genres that so many of its anime have."""

LAID_OUT = 4000
"""Anime that t-SNE lays out itself, the best known; the others lie among those they are nearest."""

N_NEAREST = 10

LEAST_ANIME = 60
"""With fewer anime there are no clusters to speak of."""


@dataclass(frozen=True)
class AnimeMap:
    """All anime, clustered and laid flat.

    Attributes
    ----------
    anime : the catalogue's rows, in the order of everything below.
    vectors : float32 (n_anime, n), of length one: what places them.
    labels : int32 (n_anime,), the cluster from 0, by descending size. names : of the clusters.
    lifts : of genres per cluster, as `clustering.genre_lifts` has them per segment.
    at : float32 (n_anime, 2), each between 0 and 1. nearest : int32 (n_anime, n_nearest), rows.
    """

    anime: pd.DataFrame
    vectors: np.ndarray
    labels: np.ndarray
    names: list[str]
    lifts: pd.DataFrame
    at: np.ndarray
    nearest: np.ndarray


def learned_vectors(paths: Paths) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the anime ids and embeddings of a run's `RatingNet`; None where it was not fitted."""
    folder = paths.models / RatingNet.NAME
    if not (folder / "model.json").is_file():
        return None
    net = load_model(folder)
    return net.anime_ids_, np.asarray(net.anime_factors_[:, : net.embedding_dim])


def anime_vectors(
    lists: Interactions,
    features: ItemFeatures,
    learned: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Return what places each anime, float32 (n_anime, n), rows of length one.

    Parts stand side by side, each a direction of length one (times its weight in `SIDE`) or zeros
    where nothing is known: the embedding that `RatingNet` learned from scores, what the lists that
    an anime is on have in common, and what its tags of each kind have in common with others'
    (truncated SVD of either).

    Parameters
    ----------
    features : of all anime, also those on no list.
    learned : anime ids and embeddings.
    """
    ids = features.anime_ids
    parts = []
    watched = clustering.weighted_lists(lists).T.tocsr()
    parts.append(_placed(ids, lists.anime_ids, _directions(unit_rows(watched), seed)))
    for kind, weight in SIDE.items():
        if kind in features.matrices:
            tags = features.matrices[kind]
            rarity = np.log(len(ids) / np.maximum(tags.sum(axis=0), 1)).astype(np.float32)
            weighted = unit_rows(sparse.csr_array(tags @ sparse.diags_array(rarity)))
            parts.append(np.float32(weight) * unit_rows(_directions(weighted, seed)))
    if learned is not None:
        parts.append(_placed(ids, *learned))
    return unit_rows(np.hstack(parts)).astype(np.float32)


def _directions(rows: sparse.csr_array, seed: int) -> np.ndarray:
    """Return rows along the directions they have most in common, float32 (n_rows, n)."""
    from sklearn.utils.extmath import randomized_svd

    n = min(N_DIRECTIONS, min(rows.shape) - 1)
    if n < 1:
        return rows.toarray()
    left, strength, _ = randomized_svd(sparse.csr_matrix(rows), n, random_state=seed)
    return (left * strength).astype(np.float32)


def _placed(ids: np.ndarray, of: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the vectors ``of`` anime for those of ``ids``, at length one; zeros for others."""
    order = np.argsort(of)
    place, known = positions(np.asarray(of)[order], ids)
    found = vectors[order][place]
    found[~known] = 0
    return unit_rows(found)


def nearest_rows(vectors: np.ndarray, n: int = N_NEAREST, among: np.ndarray | None = None):
    """Return for each row those nearest to it by the cosine, int32 (n_rows, n), itself left out.

    Parameters
    ----------
    among : rows that may be near, ascending; all if None.

    Returns
    -------
    the rows, and their cosines, float32 (n_rows, n).
    """
    among = np.arange(len(vectors)) if among is None else among
    n = min(n, len(among) - 1)
    rows = np.empty((len(vectors), n), dtype=np.int32)
    cosines = np.empty((len(vectors), n), dtype=np.float32)
    place = np.full(len(vectors), -1)
    place[among] = np.arange(len(among))
    for start in range(0, len(vectors), 1024):
        block = np.arange(start, min(start + 1024, len(vectors)))
        alike = vectors[block] @ vectors[among].T
        own = place[block] >= 0
        alike[np.flatnonzero(own), place[block][own]] = -np.inf
        best = np.argpartition(-alike, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(alike, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        rows[block] = among[best]
        cosines[block] = np.take_along_axis(alike, best, axis=1)
    return rows, cosines


def laid_flat(vectors: np.ndarray, weight: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the anime in two dimensions, float32 (n_anime, 2), each coordinate from 0 to 1.

    The `LAID_OUT` of greatest ``weight`` by t-SNE; each other lies at the weighted mean of the
    three of those that it is nearest to, a little beside it so that no two hide each other.
    """
    from sklearn.manifold import TSNE

    first = np.sort(np.argsort(-weight, kind="stable")[:LAID_OUT])
    perplexity = min(30.0, (len(first) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=600, angle=0.6)
    placed = tsne.fit_transform(vectors[first])
    at = np.zeros((len(vectors), 2), dtype=np.float32)
    at[first] = placed
    others = np.setdiff1d(np.arange(len(vectors)), first)
    if len(others):
        near, cosines = nearest_rows(vectors, 3, among=first)
        shares = np.maximum(cosines[others], 1e-6) ** 8
        shares /= shares.sum(axis=1, keepdims=True)
        spread = np.random.default_rng(seed).normal(size=(len(others), 2))
        at[others] = (at[near[others]] * shares[:, :, None]).sum(axis=1)
        at[others] += spread * 0.008 * np.ptp(placed, axis=0)
    at -= at.min(axis=0)
    return at / np.maximum(at.max(axis=0), 1e-9)


def map_anime(
    anime: pd.DataFrame,
    lists: Interactions,
    features: ItemFeatures,
    learned: tuple[np.ndarray, np.ndarray] | None = None,
    seed: int = 0,
) -> AnimeMap | Absence:
    """Cluster all anime and lay them flat, or say why that cannot be done.

    Parameters
    ----------
    anime : the canonical table. features : of its anime, in its order.
    """
    from sklearn.cluster import KMeans

    asks = "Which kinds of anime are there?"
    if len(anime) < LEAST_ANIME or lists.shape[0] < 3 or lists.shape[1] < 3:
        because = f"{len(anime)} anime on {lists.shape[0]} lists are too few to part into kinds."
        return Absence(asks, because)
    if "genres" not in features.matrices or features.matrices["genres"].shape[1] < 2:
        return Absence(asks, "Without at least two genres there are no kinds of anime to name.")
    with progress("anime map") as told:
        vectors = anime_vectors(lists, features, learned, seed)
        told.at(0.1, "clusters")
        found = KMeans(N_CLUSTERS, n_init=4, random_state=seed).fit_predict(vectors)
        order = np.argsort(-np.bincount(found, minlength=N_CLUSTERS), kind="stable")
        labels = np.argsort(order)[found].astype(np.int32)
        lifts = _genre_lifts(labels, features)
        anime = anime.reset_index(drop=True)
        names = clustering.distinct_names(
            N_CLUSTERS, lifts, _best_known(anime, labels), KIND_NAMED_FROM
        )
        told.at(0.2, "nearest neighbours")
        nearest, _ = nearest_rows(vectors)
        told.at(0.3, "t-SNE")
        at = laid_flat(vectors, _members(anime), seed)
    return AnimeMap(anime, vectors, labels, names, lifts, at, nearest)


def _members(anime: pd.DataFrame) -> np.ndarray:
    return pd.to_numeric(anime["members"]).to_numpy(dtype=float, na_value=0.0)


def _genre_lifts(labels: np.ndarray, features: ItemFeatures) -> pd.DataFrame:
    """Return how much commoner each genre is in a cluster than among all anime."""
    genres, names = features.matrices["genres"], features.tags["genres"]
    member = sparse.csr_array(
        (np.ones(len(labels), np.float32), (labels, np.arange(len(labels)))),
        shape=(N_CLUSTERS, len(labels)),
    )
    shares = (member @ genres).toarray() / np.maximum(member.sum(axis=1), 1)[:, None]
    overall = np.asarray(genres.mean(axis=0)).ravel()
    return pd.DataFrame(
        {
            "segment": np.repeat(np.arange(N_CLUSTERS), len(names)),
            "genre": np.tile(names, N_CLUSTERS),
            "share": shares.ravel(),
            "overall": np.tile(overall, N_CLUSTERS),
            "lift": (shares / np.maximum(overall, 1e-9)).ravel(),
        }
    )


def _best_known(anime: pd.DataFrame, labels: np.ndarray, n: int = 4) -> pd.DataFrame:
    """Return the ``n`` anime of each cluster with most members: ``segment``, ``title``."""
    known = anime.assign(segment=labels, of=_members(anime)).dropna(subset="title")
    best = known.sort_values("of", ascending=False, kind="stable").groupby("segment").head(n)
    return best.sort_values("segment", kind="stable")[["segment", "title"]]


def kinds_of_anime(flat: AnimeMap | Absence, seed: int = 0) -> Finding | Absence:
    """Which kinds of anime are there?"""
    from sklearn.metrics import silhouette_score

    if isinstance(flat, Absence):
        return flat
    members = _members(flat.anime)
    leading = clustering.leading_genres(flat.lifts, 5, KIND_NAMED_FROM)
    genres = leading.groupby("segment")["genre"].agg(", ".join)
    known = _best_known(flat.anime, flat.labels).groupby("segment")["title"].agg(", ".join)
    count = np.bincount(flat.labels, minlength=N_CLUSTERS)
    reach = np.bincount(flat.labels, members, N_CLUSTERS)
    table = pd.DataFrame(
        {
            "kind": flat.names,
            "anime": count,
            "share": count / count.sum(),
            "share_of_members": reach / max(reach.sum(), 1),
            "genres": genres.reindex(range(N_CLUSTERS)).fillna("").to_numpy(),
            "best_known": known.reindex(range(N_CLUSTERS)).fillna("").to_numpy(),
        }
    )
    drawn = np.random.default_rng(seed).permutation(len(flat.labels))[:4000]
    apart = float(silhouette_score(flat.vectors[drawn], flat.labels[drawn], metric="cosine"))
    most = table.loc[table["share_of_members"].idxmax()]
    shown = flat.anime.assign(
        x=flat.at[:, 0],
        y=flat.at[:, 1],
        kind=pd.Categorical.from_codes(flat.labels, flat.names),
        size=_sizes(members),
    )
    return Finding(
        "anime_map",
        "Which kinds of anime are there?",
        f"{len(flat.anime):,} anime fall into {N_CLUSTERS} kinds by their tags and by who watches "
        f"them; {most['kind']} is {style.percent(most['share'])} of the anime and has "
        f"{style.percent(most['share_of_members'])} of all members.",
        plots.user_map(
            shown,
            title=f"{most['kind']}: {style.percent(most['share'])} of the anime, "
            f"{style.percent(most['share_of_members'])} of the members",
            panels=[("x", "y", "anime, sized by their members")],
            cluster="kind",
            size="size",
        ),
        table,
        Effect(apart, "mean silhouette", len(drawn)),
        "Neighbours on the map are alike; distances between its islands, and their sizes, mean "
        "nothing. Ten is the number of colours that can be told apart, not of kinds in nature.",
        formats={"share": "{:.1%}", "share_of_members": "{:.1%}"},
    )


def _sizes(members: np.ndarray) -> np.ndarray:
    """Return areas of points by rank of members: the best known ones stand out, none vanish."""
    rank = pd.Series(members).rank(pct=True).to_numpy()
    return 1.5 + 28 * rank**6
