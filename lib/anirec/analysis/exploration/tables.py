"""What the tables hold: gaps, duplicates, the catalogue's make-up, how unevenly it is watched."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from anirec.datasets.parsing import TYPES
from anirec.interactions import Interactions


def missing_values(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return per ``table`` and ``column`` the share of rows that hold nothing, as ``missing``.

    An empty list is nothing. Tables without rows are left out.
    """
    rows = []
    for table, frame in tables.items():
        for column in frame if len(frame) else ():
            values = frame[column]
            empty = values.isna()
            if values.dtype == object:
                empty |= values.map(lambda value: isinstance(value, np.ndarray) and not len(value))
            rows.append((table, column, float(empty.mean())))
    return pd.DataFrame(rows, columns=["table", "column", "missing"])


def duplicates(anime: pd.DataFrame, users: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """Return ``what`` could occur twice, and how ``many`` rows repeat an earlier one."""
    counts = {
        "anime with the id of another": anime["anime_id"].duplicated().sum(),
        "anime with the title of another": anime["title"].dropna().duplicated().sum(),
        "users with the id of another": users["user_id"].duplicated().sum(),
        "list entries of the same user and anime": ratings[["user_id", "anime_id"]]
        .duplicated()
        .sum(),
    }
    return pd.DataFrame({"what": list(counts), "many": [int(n) for n in counts.values()]})


def type_mix(anime: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """Return per ``of`` (catalogue, list entries) and ``type`` the ``share``; unknown last."""
    types = anime.set_index("anime_id")["type"].astype("object").fillna("unknown")
    counts = {"catalogue": types.value_counts()}
    entries = ratings["anime_id"].value_counts()
    if len(entries):
        counts["list entries"] = entries.groupby(types.reindex(entries.index).to_numpy()).sum()
    order = [*TYPES, *sorted(set(types) - {*TYPES, "unknown"}), "unknown"]
    table = pd.DataFrame(counts).reindex([name for name in order if name in set(types)]).fillna(0)
    table = table.div(table.sum()).rename_axis("type").reset_index()
    return table.melt("type", var_name="of", value_name="share")


def by_year(anime: pd.DataFrame, until: int | None = None) -> pd.DataFrame:
    """Return ``year``, ``type`` and the number of ``anime`` that began in it, zeros included.

    Anime without a year of their own take that of their first day. Years after ``until`` and
    types with under 1 % of the anime are left out.
    """
    frame = anime[["type"]].assign(year=years(anime)).dropna()
    if until is not None:
        frame = frame[frame["year"] <= until]
    shares = frame["type"].astype("object").value_counts(normalize=True)
    kept = [name for name in TYPES if shares.get(name, 0) >= 0.01]
    table = pd.crosstab(frame["year"].astype(int), frame["type"].astype("object"))
    if not len(table):
        return pd.DataFrame(columns=["year", "type", "anime"])
    table = table.reindex(range(table.index.min(), table.index.max() + 1), fill_value=0)
    table = table.reindex(columns=kept, fill_value=0).rename_axis(index="year", columns="type")
    return table.reset_index().melt("year", var_name="type", value_name="anime")


def years(anime: pd.DataFrame) -> pd.Series:
    """Return the year each anime began in, as float: its own, else that of its first day."""
    return anime["year"].astype("Float64").astype(float).fillna(anime["aired_from"].dt.year)


def rating_shares(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return per ``rating`` from 1 to 10 its ``count`` and ``share`` of the scored entries."""
    counts = ratings["rating"].value_counts().reindex(range(1, 11), fill_value=0)
    shares = counts / max(counts.sum(), 1)
    return pd.DataFrame(
        {"rating": range(1, 11), "count": counts.to_numpy(dtype=int), "share": shares.to_numpy()}
    )


def genre_rows(anime: pd.DataFrame) -> pd.DataFrame:
    """Return the anime table with one row per anime and genre, the genre in ``genre``."""
    rows = anime.explode("genres").dropna(subset="genres").rename(columns={"genres": "genre"})
    return rows.reset_index(drop=True)


def genres(anime: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """Return per ``genre`` its number of ``anime``, list ``entries`` and community mean ``score``.

    Commonest genre first. ``score`` is the median of its anime's.
    """
    rows = genre_rows(anime[["anime_id", "genres", "score"]])
    rows["entries"] = rows["anime_id"].map(ratings["anime_id"].value_counts()).fillna(0)
    table = rows.groupby("genre", sort=False).agg(
        anime=("anime_id", "size"), entries=("entries", "sum"), score=("score", "median")
    )
    table["entries"] = table["entries"].astype(int)
    return table.sort_values("anime", ascending=False, kind="stable").reset_index()


def genre_pairs(anime: pd.DataFrame, n: int = 14) -> pd.DataFrame:
    """Return how much oftener two of the ``n`` commonest genres meet than if they were independent.

    Columns ``genre``, ``other``, ``lift`` (null on the diagonal and for pairs expected under five
    times). The order puts genres that keep company beside each other.
    """
    rows = genre_rows(anime[["anime_id", "genres"]])
    common = rows["genre"].value_counts().index[:n]
    member = pd.crosstab(rows["anime_id"], rows["genre"])[common].to_numpy(dtype=float) > 0
    share = member.sum(axis=0) / len(anime)
    together = member.T.astype(float) @ member
    expected = np.outer(share, share) * len(anime)
    lift = np.where(expected >= 5, together / np.maximum(expected, 1e-9), np.nan)
    np.fill_diagonal(lift, np.nan)
    order = _seriated(np.log(np.maximum(np.nan_to_num(lift, nan=1.0), 0.05)))
    names = common[order]
    table = pd.DataFrame(lift[np.ix_(order, order)], index=names, columns=names)
    table = table.rename_axis(index="genre", columns=None).reset_index()
    return table.melt("genre", var_name="other", value_name="lift")


def _seriated(likeness: np.ndarray) -> np.ndarray:
    """Return an order of rows in which like ones are neighbours (leaves of average linkage)."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(likeness) < 3:
        return np.arange(len(likeness))
    distance = likeness.max() - likeness
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    return leaves_list(linkage(condensed, "average", optimal_ordering=True))


def quality_and_reach(anime: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return ``members`` and ``score`` of anime with both, and Spearman's rank correlation."""
    from scipy.stats import spearmanr

    points = anime[["members", "score"]].astype(float).dropna()
    points = points[points["members"] > 0]
    if len(points) < 3:
        return points, float("nan")
    return points, float(spearmanr(points["members"], points["score"]).statistic)


def concentration(counts: np.ndarray, points: int = 200) -> tuple[pd.DataFrame, float]:
    """Return how unevenly things are spread: the Lorenz curve from the greatest, and Gini's index.

    Parameters
    ----------
    counts : of each thing, such as list entries per anime.

    Returns
    -------
    frame with ``share_of_things`` (greatest first) and ``share_of_total``, both from 0 to 1, and
    the Gini index from 0 (all equal) to 1.
    """
    ordered = np.sort(np.asarray(counts, dtype=float))[::-1]
    covered = np.concatenate([[0], np.cumsum(ordered) / ordered.sum()])
    share = np.linspace(0, 1, len(covered))
    gini = float(2 * np.trapezoid(covered, share) - 1)
    at = np.unique(np.linspace(0, len(covered) - 1, points).round().astype(int))
    return pd.DataFrame({"share_of_things": share[at], "share_of_total": covered[at]}), gini


def accounting(ingested: Mapping) -> pd.DataFrame:
    """Return per raw file the rows ``read``, ``kept``, ``repaired`` and ``rejected``.

    Repaired rows are among the kept; ``adds_up`` says whether kept and rejected make what was read.
    """
    rows = []
    for name, file in ingested["files"].items():
        repaired, rejected = sum(file["repaired"].values()), sum(file["rejected"].values())
        adds_up = "yes" if file["kept"] + rejected == file["read"] else "NO"
        rows.append((name, file["read"], file["kept"], repaired, rejected, adds_up))
    columns = ["file", "read", "kept", "of which repaired", "rejected", "adds_up"]
    return pd.DataFrame(rows, columns=columns)


def reasons(ingested: Mapping) -> pd.DataFrame:
    """Return ``file``, ``outcome`` (repaired, rejected), ``reason`` and number of ``rows``."""
    rows = [
        (name, outcome, reason, n)
        for name, file in ingested["files"].items()
        for outcome in ("repaired", "rejected")
        for reason, n in file[outcome].items()
    ]
    return pd.DataFrame(rows, columns=["file", "outcome", "reason", "rows"])


def entry_kinds(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return what each kind of list entry means to a model: ``entry``, ``taken_as``, ``entries``.

    The kinds part the entries: their numbers sum to all.
    """
    status = ratings["status"].astype("object")
    planned = status == "plan_to_watch"
    scored = ratings["rating"].notna() & ~planned
    dropped = (status == "dropped") & ~scored
    kinds = [
        ("scored from 1 to 10", "watched, with this score", scored),
        ("on the list, not scored", "watched", ~planned & ~scored & ~dropped),
        ("dropped, not scored", "a mild dislike", dropped),
        ("plan to watch", "left out: nobody has seen it yet", planned),
    ]
    return pd.DataFrame(
        [(name, meaning, int(mask.sum())) for name, meaning, mask in kinds],
        columns=["entry", "taken_as", "entries"],
    )


def list_counts(lists: Interactions) -> pd.DataFrame:
    """Return entries per user and per anime as a tidy frame: ``of``, ``count``."""
    per_anime = np.bincount(lists.indices, minlength=lists.shape[1])
    return pd.DataFrame(
        {
            "of": np.repeat(["entries per user", "entries per anime"], lists.shape),
            "count": np.concatenate([lists.lengths, per_anime]),
        }
    )


def rating_scales(lists: Interactions) -> pd.DataFrame:
    """Return how each user uses the scale.

    Columns ``user_id``, ``n_scored``, ``mean_rating``, ``sd_rating``; users without a score are
    left out; ``sd_rating`` is the population's, 0 for one score.
    """
    scored = lists.scored
    rows, values = lists.rows[scored], lists.ratings[scored].astype(np.float64)
    count = np.bincount(rows, minlength=lists.shape[0])
    has = count > 0
    n = count[has]
    mean = np.bincount(rows, weights=values, minlength=len(count))[has] / n
    square = np.bincount(rows, weights=values**2, minlength=len(count))[has] / n
    return pd.DataFrame(
        {
            "user_id": lists.user_ids[has],
            "n_scored": n,
            "mean_rating": mean,
            "sd_rating": np.sqrt(np.maximum(square - mean**2, 0)),
        }
    )


def ratings_std(lists: Interactions) -> float:
    """Return the standard deviation of the scores; NaN without any."""
    scored = lists.scored
    return float(lists.ratings[scored].std(dtype=np.float64)) if scored.any() else np.nan


def centred_std(lists: Interactions) -> float:
    """Return what the standard deviation of scores is once each user's mean is taken off."""
    if not lists.scored.any():
        return np.nan
    return float(np.nanstd(lists.ratings - lists.user_means()[lists.rows], dtype=np.float64))
