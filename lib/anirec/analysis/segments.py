"""Questions of the audience's segments: how many, who they are, how sure, what sets them apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from anirec.analysis import clustering, plots
from anirec.analysis.finding import Absence, Effect, Finding
from anirec.analysis.mixture import SegmentMixture, calibration, parted
from anirec.catalogue.features import ItemFeatures
from anirec.interactions import Interactions

LEAST_USERS = 30
"""With fewer users there are no segments to speak of."""


@dataclass(frozen=True)
class Audience:
    """A community parted into segments, with what tells them apart.

    Attributes
    ----------
    segments, lists, features : as `clustering` makes and takes them.
    lifts, titles, profiles : of genres and of titles per segment, and a row per segment.
    mixture : gives any list its shares of the segments. called : titles by anime id.
    """

    segments: clustering.Segments
    lists: Interactions
    features: ItemFeatures
    lifts: pd.DataFrame
    titles: pd.DataFrame
    profiles: pd.DataFrame
    mixture: SegmentMixture
    called: pd.Series

    @property
    def names(self) -> np.ndarray:
        """The segments' names, largest segment first."""
        return self.profiles["segment"].to_numpy()


def find_audience(
    lists: Interactions,
    anime: pd.DataFrame,
    features: ItemFeatures,
    n_components: int = 20,
    n_clusters: int = 10,
    seed: int = 0,
) -> Audience | Absence:
    """Part the community into segments, or say why that cannot be done."""
    asks = "Which audiences are there?"
    if lists.shape[0] <= max(n_clusters, LEAST_USERS):
        because = f"{lists.shape[0]} users are too few for {n_clusters} segments: lower n_clusters."
        return Absence(asks, because)
    if lists.shape[1] < 5 or not len(np.unique(lists.lengths)) > 1:
        return Absence(asks, "The lists are all alike, so there is nothing to part them by.")
    segments = clustering.segment_users(lists, n_components, n_clusters, seed)
    lifts = clustering.genre_lifts(segments, lists, features)
    by_id = anime.drop_duplicates("anime_id").set_index("anime_id")["title"]
    titles = clustering.title_lifts(segments, lists, by_id)
    profiles = clustering.profiles(segments, lists, lifts, titles)
    mixture = SegmentMixture.fit(segments, lists, profiles["segment"].to_numpy(), seed)
    return Audience(segments, lists, features, lifts, titles, profiles, mixture, by_id)


def unless_parted(audience: Audience | Absence, asks: str) -> Absence | None:
    """Return why a question cannot be answered where there are no segments; None if there are."""
    return replace(audience, asks=asks) if isinstance(audience, Absence) else None


def explained_variance(audience: Audience | Absence) -> Finding | Absence:
    """How much of people's taste fits into a few dimensions?"""
    asks = "How much of people's taste fits into a few dimensions?"
    if lack := unless_parted(audience, asks):
        return lack
    share = audience.segments.explained
    table = pd.DataFrame({"component": np.arange(1, len(share) + 1), "explained": share})
    table["together"] = table["explained"].cumsum()
    total = float(table["together"].iloc[-1])
    return Finding(
        "explained_variance",
        asks,
        f"The first component explains {share[0]:.1%} of the variance between the lists of "
        f"{audience.lists.shape[0]:,} users, all {len(table)} together {total:.1%}. Most of what "
        "people watch is their own.",
        plots.columns(
            table,
            x="component",
            y="explained",
            title=f"{len(table)} components explain {total:.0%} of what tells lists apart",
            x_label="component",
            y_label="share of variance",
            form=lambda value: f"{100 * value:.1f}",
        ),
        table,
        Effect(total, "share of variance", audience.lists.shape[0]),
        formats={"explained": "{:.1%}", "together": "{:.1%}"},
    )


def axes_in_words(audience: Audience | Absence, n: int = 6) -> Finding | Absence:
    """What do the principal components mean? Each as a contrast of genres."""
    asks = "What do the axes of taste mean?"
    if lack := unless_parted(audience, asks):
        return lack
    if "genres" not in audience.features.matrices:
        return Absence(asks, "This dataset has no genres, so there is nothing to show here.")
    shares = audience.lists.averages(audience.features.matrices["genres"]).toarray()
    names = np.array(audience.features.tags["genres"])
    common = shares.mean(axis=0) >= 0.02
    if common.sum() < 4:
        return Absence(asks, "Fewer than four genres are common enough to read axes by.")
    shares, names = shares[:, common], names[common]
    scores = audience.segments.components[:, :n]
    loading = np.nan_to_num(np.corrcoef(shares.T, scores.T)[: len(names), len(names) :])
    rows = []
    for i, column in enumerate(loading.T):
        order = np.argsort(column)
        ends = " and ".join(names[order[-2:][::-1]]), " and ".join(names[order[:2]])
        rows.append((i + 1, *ends, float(column.max()), float(column.min())))
    table = pd.DataFrame(rows, columns=["component", "one_end", "other_end", "most", "least"])
    table[["titles_one_end", "titles_other_end"]] = _titles_at_ends(audience, len(table))
    telling = np.argsort(-np.abs(loading).max(axis=1))[:14]
    tidy = pd.DataFrame(loading[telling], index=names[telling], columns=table["component"])
    tidy = tidy.rename_axis("genre").reset_index().melt("genre", value_name="correlation")
    first = table.iloc[0]
    return Finding(
        "axes",
        asks,
        f"The first axis sets {first['one_end']} against {first['other_end']}, the second "
        + " against ".join(table.loc[min(1, len(table) - 1), ["one_end", "other_end"]])
        + f". At the ends of the first lie {first['titles_one_end']} and, opposite, "
        f"{first['titles_other_end']}.",
        plots.heatmap(
            tidy,
            row="genre",
            column="component",
            value="correlation",
            title=f"First axis: {first['one_end']} against {first['other_end']}",
            form=lambda value: f"{value:+.1f}",
            centre=0.0,
            column_label="principal component",
        ),
        table,
        Effect(float(first["most"]), "correlation at one end", len(scores)),
        "The sign of an axis is arbitrary: left and right could be exchanged.",
        formats={"most": "{:+.2f}", "least": "{:+.2f}"},
    )


WELL_KNOWN = 0.02
"""Titles on fewer lists than this share name no end of an axis: few would know them."""


def _titles_at_ends(audience: Audience, n_axes: int, n: int = 3) -> list[tuple[str, str]]:
    """Return the well-known titles of greatest and of least loading on each axis, as text."""
    lists, space = audience.lists, audience.segments.space
    share = np.bincount(lists.indices, minlength=lists.shape[1]) / lists.shape[0]
    known = np.flatnonzero(share >= min(WELL_KNOWN, np.sort(share)[-min(6, len(share))]))
    ends = []
    for axis in space.axes[:n_axes]:
        order = known[np.argsort(axis[known], kind="stable")]
        both = (order[::-1][:n], order[:n])
        called = [audience.called.reindex(lists.anime_ids[end]).dropna() for end in both]
        ends.append(tuple(", ".join(map(str, titles)) for titles in called))
    return ends


def where_they_lie(audience: Audience | Absence, seed: int = 0) -> Finding | Absence:
    """Where do the segments lie?"""
    asks = "Where do the segments lie?"
    if lack := unless_parted(audience, asks):
        return lack
    flat = clustering.flat_map(audience.segments, n_users=2000, seed=seed)
    flat["segment"] = pd.Categorical.from_codes(flat["label"], audience.names)
    apart = clustering.separation(audience.segments, seed)
    return Finding(
        "users",
        asks,
        f"{len(flat):,} users are drawn. The mean silhouette of the segments is {apart:.2f} "
        "(1: far apart; 0: touching).",
        plots.user_map(
            flat,
            title=f"Segments touch: mean silhouette {apart:.2f}",
            panels=[("pc1", "pc2", "first two components"), ("x", "y", "all components, t-SNE")],
        ),
        effect=Effect(apart, "mean silhouette", len(flat)),
        caveat="On the right, sizes of islands and distances between them mean nothing.",
    )


def genres_of_segments(audience: Audience | Absence) -> Finding | Absence:
    """Which genres lead each segment?"""
    asks = "Which genres lead each segment?"
    if lack := unless_parted(audience, asks):
        return lack
    if audience.lifts.empty:
        return Absence(asks, "This dataset has no genres, so there is nothing to show here.")
    shown = clustering.telling_genres(audience.lifts)
    if shown.empty:
        return Absence(asks, "No genre has a share worth naming in any segment.")
    shown["name"] = audience.names[shown["segment"]]
    top = shown.loc[shown["lift"].idxmax()]
    return Finding(
        "genres",
        asks,
        f"Furthest above everybody: {top['genre']} in {top['name']}, {top['lift']:.1f} times "
        f"({top['share']:.1%} of its lists against {top['overall']:.1%}).",
        plots.heatmap(
            shown,
            row="name",
            column="genre",
            value="lift",
            title=f"{top['genre']} is {top['lift']:.1f} times as common among {top['name']}",
            form=lambda lift: f"{lift:.1f}",
            centre=1.0,
            log=True,
        ),
        audience.lifts,
        Effect(float(top["lift"]), "lift", audience.lists.shape[0]),
        "A lift of a rare genre is large easily: genres under a twentieth of a list lead nothing.",
    )


def titles_of_segments(audience: Audience | Absence) -> Finding | Absence:
    """Which anime tell a segment from the rest?"""
    asks = "Which anime tell a segment from the rest?"
    if lack := unless_parted(audience, asks):
        return lack
    table = audience.titles.assign(segment=audience.names[audience.titles["segment"]])
    top = table.groupby("segment", sort=False).head(3)
    top = top.loc[top["lift"].idxmax()]
    return Finding(
        "titles",
        asks,
        f"{top['title']} is on {top['share']:.0%} of the lists of {top['segment']}, "
        f"{top['lift']:.1f} times as often as on everybody's.",
        table=table,
        effect=Effect(float(top["lift"]), "lift", audience.lists.shape[0]),
        caveat="What tells a segment apart need not be what it likes best.",
        formats={"share": "{:.0%}", "overall": "{:.0%}", "lift": "{:.1f}"},
    )


def agreement_with_truth(audience: Audience | Absence, truth: pd.DataFrame) -> Finding | Absence:
    """Simulated data only: are the segments the true ones?"""
    asks = "Simulated data only: are the segments the true ones?"
    if lack := unless_parted(audience, asks):
        return lack
    marked = truth[truth["dominant"]].set_index("user_id")["segment"]
    index, met = clustering.agreement(audience.segments, marked)
    met["name"] = audience.names[met["segment"]]
    return Finding(
        "truth",
        asks,
        f"Over the {len(marked):,} users with one dominant true segment the adjusted Rand index is "
        f"{index:.2f} (1: the same segments; 0: chance).",
        plots.heatmap(
            met,
            row="name",
            column="truth",
            value="share",
            title=f"Simulation only: segments found and true ones agree at {index:.2f} (percent)",
            form=lambda share: f"{100 * share:.0f}",
            column_label="true segment",
            row_label="segment found",
        ),
        met,
        Effect(index, "adjusted Rand index", len(marked)),
        "Real tastes have no true segments to agree with.",
    )


def foretold_by_few_titles(audience: Audience | Absence, seed: int = 0) -> Finding | Absence:
    """How much of a person does a mixture of segments tell, and does it say so honestly?"""
    asks = "How many titles does it take to place somebody?"
    if lack := unless_parted(audience, asks):
        return lack
    given = parted(audience.segments.space, audience.lists, seed, held_out=True)
    table = calibration(audience.mixture, given)
    if len(table) < 2:
        return Absence(asks, "The lists are too short to be parted into given titles and a rest.")
    first, last = table.iloc[0], table.iloc[-1]
    off = float(np.average((table["said"] - table["true"]).abs(), weights=table["lists"]))
    said = {"said": "what is said", "true": "what is true"}
    tidy = table.melt("titles", list(said), "of", "share").assign(of=lambda t: t["of"].map(said))
    return Finding(
        "mixture",
        asks,
        f"From {first['titles']:.0f} title alone the segment of greatest share is that of the rest "
        f"of the list for {first['true']:.0%} of people, from {last['titles']:.0f} titles for "
        f"{last['true']:.0%}. What the mixture says is off by {100 * off:.0f} percentage points on "
        "average, so that a share can be read as a chance.",
        plots.lines(
            tidy,
            x="titles",
            y="share",
            series="of",
            title=f"{first['titles']:.0f} title places {first['true']:.0%} of people, "
            f"{last['titles']:.0f} place {last['true']:.0%}",
            x_label="titles given",
            y_label="share of the likeliest segment",
            log_x=True,
        ),
        table,
        Effect(off, "mean difference of said and true share", int(table["lists"].max())),
        "The lists tested did not calibrate the mixture, but they took part in finding segments.",
        formats={"said": "{:.0%}", "true": "{:.0%}"},
    )
