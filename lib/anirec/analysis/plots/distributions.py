"""Charts of distributions: histograms, clouds of points, quantiles, age pyramids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from anirec.analysis.plots.canvas import blank, panels_of, without_spines
from anirec.analysis.style import (
    ACCENT,
    MAIN,
    OKABE_ITO,
    bare_axes,
    formatter,
    label_at,
    number,
    percent,
    styled,
    titled,
)


@styled
def histograms(
    frame: pd.DataFrame,
    *,
    value: str,
    panel: str,
    title: str,
    value_label: str,
    log: bool = False,
    y_label: str = "share",
    bins: int = 40,
) -> Figure:
    """Draw one histogram per value of ``panel``, side by side, with the median marked."""
    groups = panels_of(frame, panel)
    figure, axes = blank(3.5, columns=len(groups))
    for plot, (name, group) in zip(axes[0], groups, strict=True):
        values = group[value].dropna().to_numpy(dtype=float)
        values = values[values > 0] if log else values
        spread = bool(np.ptp(values) > 0)
        sns.histplot(
            x=values,
            stat="proportion",
            bins=bins if spread else 1,
            log_scale=log and spread,
            color=MAIN,
            alpha=1,
            linewidth=0,
            ax=plot,
        )
        median = float(np.median(values))
        plot.axvline(median, color=ACCENT, linewidth=2)
        at_right = (values <= (values.min() + values.max()) / 2).mean() < 0.5 and not log
        plot.annotate(
            f"median {number(median)}",
            (median, 1),
            (-5 if at_right else 5, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            ha="right" if at_right else "left",
            color=ACCENT,
            fontweight="bold",
            fontsize=9.5,
        )
        plot.set_ylim(top=plot.get_ylim()[1] * 1.15)
        if log and spread:
            plot.xaxis.set_major_formatter(formatter(number))
            plot.xaxis.set_minor_formatter(NullFormatter())
        else:
            plot.xaxis.set_major_locator(MaxNLocator(5))
        plot.set(title=str(name), xlabel=value_label, ylabel="")
        plot.yaxis.set_major_formatter(formatter(percent))
        bare_axes(plot, "y")
    axes[0, 0].set_ylabel(y_label)
    return titled(figure, title)


@styled
def density(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    trend: bool = True,
) -> Figure:
    """Draw many points as hexagons shaded by their number, with the median of y along x."""
    figure, axes = blank(4.0)
    plot = axes[0, 0]
    points = frame[[x, y]].dropna().astype(float)
    points = points[points[x] > 0] if log_x else points
    plot.hexbin(
        points[x],
        points[y],
        gridsize=40 if len(points) > 2000 else 25,
        xscale="log" if log_x else "linear",
        cmap="Blues",
        mincnt=1,
        bins="log",
        linewidths=0.2,
    )
    if trend and len(points) >= 40:
        bins = pd.qcut(points[x], 12, duplicates="drop")
        middle = points.groupby(bins, observed=True).median()
        plot.plot(middle[x], middle[y], color=ACCENT, linewidth=2.4)
        end = (middle[x].iloc[-1], middle[y].iloc[-1])
        how = {"color": ACCENT, "fontweight": "bold", "ha": "right", "va": "bottom"}
        label_at(plot, "median", end, (4, 8), **how)
    if log_x:
        plot.xaxis.set_major_formatter(formatter(number))
        plot.xaxis.set_minor_formatter(NullFormatter())
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "y")
    return titled(figure, title)


@styled
def ranges(
    frame: pd.DataFrame,
    *,
    label: str,
    title: str,
    value_label: str,
    log: bool = True,
    quantiles: Sequence[str] = ("p10", "q1", "median", "q3", "p90"),
) -> Figure:
    """Draw a distribution per row from its quantiles: 10–90 % line, 25–75 % bar, median."""
    figure, axes = blank(1.3 + 0.44 * len(frame))
    plot = axes[0, 0]
    places = np.arange(len(frame))
    p10, q1, median, q3, p90 = (frame[name].to_numpy(dtype=float) for name in quantiles)
    plot.hlines(places, p10, p90, color="#9CA3AF", linewidth=2)
    plot.hlines(places, q1, q3, color=MAIN, linewidth=9, alpha=0.75)
    plot.plot(median, places, "o", color="white", markeredgecolor="black", markersize=7)
    for place, x, end in zip(places, median, p90, strict=True):
        label_at(plot, f"median {number(x)}", (end, place), (7, 0))
    if log:
        plot.set_xscale("log")
        ticks = np.array([0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
        low, high = p10.min() * 0.8, p90.max() * 4
        plot.set_xlim(low, high)
        plot.set_xticks(ticks[(ticks >= low) & (ticks <= high)])
        plot.xaxis.set_minor_formatter(NullFormatter())
    else:
        plot.margins(x=0.2)
    plot.xaxis.set_major_formatter(formatter(number))
    plot.set_yticks(places, [str(text) for text in frame[label]])
    plot.set_ylim(len(frame) - 0.4, -0.6)
    plot.set_xlabel(f"{value_label} (bar: middle half, line: middle 80 %)")
    bare_axes(plot, "x")
    return titled(figure, title)


@styled
def pyramid(
    frame: pd.DataFrame, *, band: str, side: str, count: str, sides: tuple[str, str], title: str
) -> Figure:
    """Draw an age pyramid: counts per band, one group to the left, the other to the right."""
    bands = list(dict.fromkeys(frame[band]))
    figure, axes = blank(1.2 + 0.36 * len(bands))
    plot = axes[0, 0]
    table = frame.pivot_table(index=band, columns=side, values=count, observed=True)
    table = table.reindex(index=bands, columns=list(sides)).fillna(0)
    total = max(float(table.to_numpy().sum()), 1.0)
    places = np.arange(len(bands))
    reach = float(table.to_numpy().max(initial=1)) * 1.7
    for sign, name, colour in zip((-1, 1), sides, OKABE_ITO, strict=False):
        values = table[name].to_numpy(dtype=float)
        plot.barh(places, sign * values, color=colour, height=0.8)
        for place, value in zip(places, values, strict=True):
            how = {"ha": "left" if sign > 0 else "right"}
            words = f"{number(value)} ({percent(value / total)})"
            label_at(plot, words, (sign * value, place), (sign * 4, 0), **how)
        plot.text(sign * reach * 0.5, -0.95, name, ha="center", color=colour, fontweight="bold")
    plot.set_xlim(-reach, reach)
    plot.set_yticks(places, bands)
    plot.set_ylim(-1.4, len(bands) - 0.4)
    plot.invert_yaxis()
    plot.set_ylabel("age in years")
    plot.axvline(0, color="white", linewidth=1.5)
    plot.set_xticks([])
    bare_axes(plot)
    without_spines(plot, "bottom", "left")
    return titled(figure, title)
