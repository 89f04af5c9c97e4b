"""A segment on one card: its genres as a cloud and as exact bars, and how its share grew."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from anirec.analysis.plots.canvas import without_spines
from anirec.analysis.style import (
    ACCENT,
    MAIN,
    SOFT,
    WIDTH,
    bare_axes,
    formatter,
    label_at,
    percent,
    styled,
    titled,
)

CLOUD = (700, 720)
"""Pixels of a cloud of words."""

SPECIAL = 1.2
"""A genre of this lift is drawn as special."""


@styled
def segment_card(
    genres: pd.DataFrame,
    special: pd.DataFrame,
    *,
    title: str,
    growth: pd.DataFrame | None = None,
    seed: int = 0,
) -> Figure:
    """Draw a segment's genres as a cloud, sized by share, beside bars of lifts and of shares.

    Parameters
    ----------
    genres : ``genre``, ``share``, ``lift``. special : those of them whose lift is shown.
    growth : ``year``, ``share``, ``low``, ``high`` of those who joined then; none is drawn if None.
    """
    height = 4.6 if growth is None else 6.4
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.08)
    rows = [["cloud", "lift"], ["cloud", "share"]]
    rows += [] if growth is None else [["growth", "growth"]]
    axes = figure.subplot_mosaic(rows, width_ratios=[1.15, 1])
    _cloud(axes["cloud"], genres, seed)
    common = genres.sort_values("share", ascending=False, kind="stable").head(5)
    _bars(axes["lift"], special, "lift", "special: times everybody's", "{:.1f} ×".format)
    axes["lift"].axvline(1, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    _bars(axes["share"], common, "share", "common: share of lists", percent)
    if growth is not None:
        _growth(axes["growth"], growth)
    return titled(figure, title)


def _cloud(plot: Axes, genres: pd.DataFrame, seed: int) -> None:
    from wordcloud import WordCloud

    weights = {row.genre: float(row.share) for row in genres.itertuples() if row.share > 0}
    lift = genres.set_index("genre")["lift"]

    def colour(word: str, **_: object) -> str:
        return ACCENT if lift[word] >= SPECIAL else MAIN

    cloud = WordCloud(
        width=CLOUD[0],
        height=CLOUD[1],
        font_path=mpl.font_manager.findfont("DejaVu Sans"),
        background_color="white",
        prefer_horizontal=1.0,
        relative_scaling=0.6,
        color_func=colour,
        random_state=seed,
    ).generate_from_frequencies(weights)
    plot.imshow(cloud.to_array(), interpolation="bilinear")
    plot.set_title("by share (orange: special)", fontsize=9.5)
    plot.axis("off")


def _bars(plot: Axes, frame: pd.DataFrame, value: str, name: str, form) -> None:
    lengths = frame[value].to_numpy(dtype=float)
    colours = [ACCENT if lift >= SPECIAL else MAIN for lift in frame["lift"]]
    plot.barh(range(len(frame)), lengths, color=colours, height=0.7)
    for place, length in enumerate(lengths):
        label_at(plot, form(length), (length, place), (4, 0))
    plot.set_yticks(range(len(frame)), frame["genre"])
    plot.set_ylim(len(frame) - 0.4, -0.6)
    plot.set_xlim(0, max(float(lengths.max(initial=0)) * 1.35, 1e-9))
    plot.set_xticks([])
    plot.set_title(name, fontsize=9.5)
    bare_axes(plot)
    without_spines(plot, "bottom")


def _growth(plot: Axes, growth: pd.DataFrame) -> None:
    years = growth["year"].to_numpy(dtype=float)
    plot.plot(years, growth["share"], color=MAIN, linewidth=2, marker="o", markersize=4)
    plot.fill_between(
        years, growth["low"].astype(float), growth["high"].astype(float), color=MAIN, alpha=0.15
    )
    plot.set_ylim(bottom=0)
    plot.yaxis.set_major_formatter(formatter(percent))
    plot.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    plot.set_title("share of those who joined in a year", fontsize=9.5)
    bare_axes(plot, "y")
