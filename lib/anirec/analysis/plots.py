"""Every figure: a function takes a tidy frame and returns a matplotlib Figure.

Colours are told apart by people with any common colour blindness (Okabe and Ito 2008; Tol 2021),
series are labelled where they end instead of in a legend, and what has an order is sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from anirec.analysis.style import (
    ACCENT,
    MAIN,
    OKABE_ITO,
    ROW,
    SOFT,
    TOL_MUTED,
    WIDTH,
    bare_axes,
    cycled,
    formatter,
    label_at,
    number,
    percent,
    shortened,
    styled,
    text_colour_on,
)

LEAST_RATIO = 0.2
"""Ratios below this, down to none at all, share the darkest shade of a heat map."""


def _figure(height: float, columns: int = 1, rows: int = 1, **options: object):
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


@styled
def ranked_bars(
    frame: pd.DataFrame,
    label: str,
    value: str,
    title: str,
    value_label: str,
    form: Callable[[float], str] = number,
    panel: str | None = None,
    keep_order: bool = False,
) -> Figure:
    """Draw horizontal bars, greatest on top, each with its value.

    Parameters
    ----------
    label, value : columns of the bars' names and lengths.
    form : how a value is written.
    panel : column that parts the bars into panels side by side, each with its own bars.
    keep_order : draw in the frame's order, which means something.
    """
    groups = (
        [("", frame)] if panel is None else list(frame.groupby(panel, sort=False, observed=True))
    )
    most = max(len(group) for _, group in groups)
    figure, axes = _figure(1.1 + ROW * most, columns=len(groups))
    for plot, (name, group) in zip(axes[0], groups, strict=True):
        if not keep_order:
            group = group.sort_values(value, ascending=False, kind="stable")
        values = group[value].to_numpy(dtype=float)
        places = np.arange(len(group))
        plot.barh(places, values, color=MAIN, height=0.72)
        for place, number_ in zip(places, values, strict=True):
            label_at(plot, form(number_), (number_, place), (4, 0))
        width = 30 if len(groups) > 1 else 46
        plot.set_yticks(places, [shortened(text, width) for text in group[label]])
        plot.set_ylim(most - 0.4, -0.6)
        plot.set_xlim(0, max(values.max(initial=0) * (1.18 if len(groups) == 1 else 1.3), 1e-9))
        plot.set_xlabel(value_label)
        plot.xaxis.set_major_formatter(formatter(form))
        plot.xaxis.set_major_locator(MaxNLocator(4 if len(groups) > 1 else 6))
        plot.set_title(str(name), fontsize=11)
        bare_axes(plot)
        plot.spines["bottom"].set_visible(False)
        plot.set_xticks([])
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12.5)
    return figure


@styled
def columns(
    frame: pd.DataFrame,
    x: str,
    y: str,
    title: str,
    x_label: str,
    y_label: str,
    form: Callable[[float], str] = number,
) -> Figure:
    """Draw vertical bars in the frame's order, each with its value."""
    figure, axes = _figure(4.0)
    plot = axes[0, 0]
    values = frame[y].to_numpy(dtype=float)
    places = np.arange(len(frame))
    plot.bar(places, values, color=MAIN, width=0.78)
    for place, value in zip(places, values, strict=True):
        label_at(plot, form(value), (place, value), (0, 3), ha="center", va="baseline")
    turned = sum(len(str(v)) + 2 for v in frame[x]) > 90
    plot.set_xticks(places, [str(v) for v in frame[x]], rotation=60 if turned else 0)
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    plot.set_yticks([])
    plot.set_ylim(0, max(values.max(initial=0) * 1.12, 1e-9))
    bare_axes(plot)
    plot.spines["left"].set_visible(False)
    plot.set_title(title)
    return figure


@styled
def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    title: str,
    x_label: str,
    y_label: str,
    series: str | None = None,
    low: str | None = None,
    high: str | None = None,
    form: Callable[[float], str] = number,
    colours: Sequence[str] = OKABE_ITO,
    from_zero: bool = True,
    x_form: Callable[[float], str] | None = None,
) -> Figure:
    """Draw lines over ``x``, each labelled at its end, with a band from ``low`` to ``high``."""
    figure, axes = _figure(4.4)
    plot = axes[0, 0]
    groups = (
        [("", frame)] if series is None else list(frame.groupby(series, sort=False, observed=True))
    )
    ends = []
    for colour, (name, group) in zip(cycled(colours, len(groups)), groups, strict=True):
        group = group.sort_values(x)
        places, values = group[x].to_numpy(dtype=float), group[y].to_numpy(dtype=float)
        marker = "o" if len(group) <= 15 else None
        plot.plot(places, values, color=colour, linewidth=2, marker=marker, markersize=4)
        if low is not None and high is not None:
            plot.fill_between(
                places,
                group[low].to_numpy(dtype=float),
                group[high].to_numpy(dtype=float),
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        ends.append((places[-1], values[-1], shortened(name, 26), colour))
    if from_zero:
        plot.set_ylim(bottom=0)
    plot.yaxis.set_major_formatter(formatter(form))
    whole = pd.api.types.is_integer_dtype(frame[x])
    plot.xaxis.set_major_locator(MaxNLocator(8, integer=whole, steps=[1, 2, 5, 10]))
    if x_form:
        plot.xaxis.set_major_formatter(formatter(x_form))
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "y")
    plot.set_title(title)
    if series is not None:
        _label_ends(plot, ends)
    return figure


def _label_ends(
    plot: Axes, ends: list[tuple[float, float, str, str]], height: float = 0.055
) -> None:
    """Write series' names right of the plot, at their last values, pushed apart where they meet."""
    bottom, top = plot.get_ylim()
    wanted = sorted(ends, key=lambda end: end[1])
    places = _apart([(value - bottom) / (top - bottom) for _, value, _, _ in wanted], height)
    for (_, _, name, colour), place in zip(wanted, places, strict=True):
        plot.annotate(
            name,
            (1.01, place),
            xycoords="axes fraction",
            va="center",
            color=colour,
            fontweight="bold",
            fontsize=10,
            annotation_clip=False,
        )


def _apart(places: list[float], gap: float) -> list[float]:
    """Return ascending places at least ``gap`` apart, as near to those given as may be.

    Places that meet are taken together around their mean (pool adjacent violators).
    """
    blocks: list[list[float]] = []
    for index, place in enumerate(places):
        blocks.append([place - index * gap, 1])
        while len(blocks) > 1 and blocks[-1][0] < blocks[-2][0]:
            mean, size = blocks.pop()
            total = blocks[-1][1] + size
            blocks[-1] = [(blocks[-1][0] * blocks[-1][1] + mean * size) / total, total]
    flat = [mean for mean, size in blocks for _ in range(int(size))]
    return [place + index * gap for index, place in enumerate(flat)]


@styled
def histograms(
    frame: pd.DataFrame,
    value: str,
    panel: str,
    title: str,
    value_label: str,
    log: bool = False,
    y_label: str = "share",
    bins: int = 40,
) -> Figure:
    """Draw one histogram per value of ``panel``, side by side, with the median marked."""
    groups = list(frame.groupby(panel, sort=False, observed=True))
    figure, axes = _figure(3.9, columns=len(groups))
    for plot, (name, group) in zip(axes[0], groups, strict=True):
        values = group[value].dropna().to_numpy(dtype=float)
        values = values[values > 0] if log else values
        edges = _edges(values, log, bins)
        plot.hist(values, bins=edges, weights=np.full(len(values), 1 / len(values)), color=MAIN)
        median = float(np.median(values))
        plot.axvline(median, color=ACCENT, linewidth=2)
        plot.annotate(
            f"median {number(median)}",
            (median, 1),
            (5, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            color=ACCENT,
            fontweight="bold",
            fontsize=10,
        )
        plot.set_ylim(top=plot.get_ylim()[1] * 1.1)
        if log:
            plot.set_xscale("log")
            plot.xaxis.set_major_formatter(formatter(number))
            plot.xaxis.set_minor_formatter(NullFormatter())
        plot.set_title(str(name), fontsize=11)
        plot.set_xlabel(value_label)
        plot.yaxis.set_major_formatter(formatter(percent))
        bare_axes(plot, "y")
    axes[0, 0].set_ylabel(y_label)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12.5)
    return figure


def _edges(values: np.ndarray, log: bool, bins: int) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([low * 0.9, high * 1.1]) if low else np.array([-0.5, 0.5])
    return np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)


@styled
def stacked_shares(
    frame: pd.DataFrame,
    group: str,
    part: str,
    share: str,
    title: str,
    colours: Sequence[str] = OKABE_ITO,
) -> Figure:
    """Draw one bar per group, parted into shares that sum to one; parts named above the bars."""
    table = frame.pivot_table(index=group, columns=part, values=share, sort=False, observed=True)
    table = table.fillna(0)
    figure, axes = _figure(1.5 + 0.42 * len(table))
    plot = axes[0, 0]
    left = np.zeros(len(table))
    places = np.arange(len(table))
    for colour, name in zip(cycled(colours, table.shape[1]), table, strict=True):
        widths = table[name].to_numpy(dtype=float)
        plot.barh(
            places, widths, left=left, color=colour, height=0.74, edgecolor="white", label=str(name)
        )
        for place, start, width in zip(places, left, widths, strict=True):
            if width >= 0.045:
                plot.text(
                    start + width / 2,
                    place,
                    f"{100 * width:.0f}",
                    ha="center",
                    va="center",
                    color=text_colour_on(colour),
                    fontsize=9.5,
                )
        left += widths
    plot.set_yticks(places, [shortened(text) for text in table.index])
    plot.set_ylim(len(table) - 0.4, -0.6)
    plot.set_xlim(0, max(1.0, left.max(initial=0)))
    plot.set_xticks([])
    bare_axes(plot)
    for side in ("bottom", "left"):
        plot.spines[side].set_visible(False)
    figure.suptitle(title + " (percent)", x=0.01, ha="left", fontweight="bold", fontsize=12.5)
    figure.legend(
        *plot.get_legend_handles_labels(),
        loc="outside lower center",
        frameon=False,
        ncols=min(table.shape[1], 6),
        fontsize=10,
        handlelength=1,
        columnspacing=1.4,
    )
    return figure


@styled
def intervals(
    frame: pd.DataFrame,
    label: str,
    value: str,
    low: str,
    high: str,
    title: str,
    value_label: str,
    panel: str | None = None,
    series: str | None = None,
    form: Callable[[float], str] = number,
    reference: float | None = None,
    keep_order: bool = True,
    columns_: int = 3,
) -> Figure:
    """Draw points with 95 % intervals, one row per label.

    Parameters
    ----------
    panel : column that parts the frame into panels, which share the rows and have scales of their
        own.
    series : column whose values share a row, by colour.
    reference : value marked by a vertical line, such as "no effect".
    """
    panels = (
        [("", frame)] if panel is None else list(frame.groupby(panel, sort=False, observed=True))
    )
    order = list(dict.fromkeys(frame[label]))
    if not keep_order:
        order = list(
            frame.sort_values(value, ascending=False, kind="stable")[label].drop_duplicates()
        )
    names = [None] if series is None else list(dict.fromkeys(frame[series]))
    across = min(columns_, len(panels))
    down = -(-len(panels) // across)
    row = ROW * max(1.0, 0.6 * len(names))
    figure, axes = _figure(down * (1.0 + row * len(order)) + 0.4, across, down, sharey=True)
    for plot in axes.flat[len(panels) :]:
        plot.set_visible(False)
    offsets = np.linspace(-0.24, 0.24, len(names)) if len(names) > 1 else [0.0]
    for plot, (title_, group) in zip(axes.flat, panels, strict=False):
        for name, offset, colour in zip(names, offsets, cycled(OKABE_ITO, len(names)), strict=True):
            rows = group if name is None else group[group[series] == name]
            places = np.array([order.index(text) for text in rows[label]]) + offset
            centre = rows[value].to_numpy(dtype=float)
            reach = np.vstack(
                [centre - rows[low].to_numpy(float), rows[high].to_numpy(float) - centre]
            )
            plot.errorbar(
                centre,
                places,
                xerr=np.maximum(reach, 0),
                fmt="o",
                color=colour,
                markersize=5.5,
                elinewidth=1.8,
                capsize=0,
                label=name,
            )
            if len(names) == 1:
                for x, place, end in zip(centre, places, rows[high].to_numpy(float), strict=True):
                    if np.isfinite(x):
                        at = (end if np.isfinite(end) else x, place)
                        box = {"fc": "white", "ec": "none", "pad": 0.6}
                        label_at(plot, form(x), at, (5, 0), bbox=box)
        if reference is not None:
            plot.axvline(reference, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
        plot.set_yticks(range(len(order)), [shortened(text) for text in order])
        plot.set_ylim(len(order) - 0.4, -0.6)
        plot.margins(x=0.25 if len(names) == 1 else 0.1)
        plot.xaxis.set_major_formatter(formatter(form))
        plot.xaxis.set_major_locator(MaxNLocator(4))
        plot.set_xlabel(value_label)
        plot.set_title(str(title_).replace("_", " "), fontsize=11)
        bare_axes(plot, "x")
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12.5)
    if len(names) > 1:
        figure.legend(
            *axes.flat[0].get_legend_handles_labels(),
            loc="outside lower center",
            frameon=False,
            ncols=len(names),
            fontsize=10,
        )
    return figure


@styled
def heatmap(
    frame: pd.DataFrame,
    row: str,
    column: str,
    value: str,
    title: str,
    form: Callable[[float], str] = number,
    centre: float | None = None,
    log: bool = False,
    row_label: str = "",
    column_label: str = "",
    annotate: bool = True,
) -> Figure:
    """Draw a table as coloured cells with their values; rows and columns keep the frame's order.

    Parameters
    ----------
    centre : value drawn without colour, between two hues; without it one hue grows.
    log : colours follow the logarithm, as ratios need.
    """
    rows, cols = list(dict.fromkeys(frame[row])), list(dict.fromkeys(frame[column]))
    table = frame.pivot_table(index=row, columns=column, values=value, observed=True)
    cells = table.reindex(index=rows, columns=cols).to_numpy(dtype=float)
    shades = np.log(np.maximum(cells, LEAST_RATIO)) if log else cells
    finite = shades[np.isfinite(shades)]
    if centre is None:
        colours, low, high = mpl.colormaps["cividis"], float(finite.min()), float(finite.max())
    else:
        middle = float(np.log(centre)) if log else centre
        reach = float(np.quantile(np.abs(finite - middle), 0.98)) or 1.0
        colours, low, high = mpl.colormaps["PuOr_r"], middle - reach, middle + reach
    tall = 1.6 + 0.36 * len(rows) + 0.06 * max(len(str(c)) for c in cols)
    figure, axes = _figure(tall)
    plot = axes[0, 0]
    shown = colours.with_extremes(bad="#E5E7EB")
    plot.imshow(np.ma.masked_invalid(shades), cmap=shown, vmin=low, vmax=high or 1, aspect="auto")
    if annotate:
        norm = mpl.colors.Normalize(low, high)
        for (i, j), cell in np.ndenumerate(cells):
            if np.isfinite(cell):
                background = mpl.colors.to_hex(colours(norm(shades[i, j])))
                plot.text(
                    j,
                    i,
                    form(cell),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=text_colour_on(background),
                )
    turned = max(len(str(c)) for c in cols) > 5
    plot.set_xticks(
        range(len(cols)),
        [shortened(c, 24) for c in cols],
        rotation=40 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else None,
    )
    plot.set_yticks(range(len(rows)), [shortened(r, 34) for r in rows])
    plot.set_xlabel(column_label)
    plot.set_ylabel(row_label)
    bare_axes(plot)
    for spine in plot.spines.values():
        spine.set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12.5)
    return figure


@styled
def density(
    frame: pd.DataFrame,
    x: str,
    y: str,
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    trend: bool = True,
) -> Figure:
    """Draw many points as hexagons shaded by their number, with the median of y along x."""
    figure, axes = _figure(4.6)
    plot = axes[0, 0]
    points = frame[[x, y]].dropna().astype(float)
    points = points[points[x] > 0] if log_x else points
    size = 45 if len(points) > 2000 else 25
    plot.hexbin(
        points[x],
        points[y],
        gridsize=size,
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
        plot.annotate(
            "median",
            (middle[x].iloc[-1], middle[y].iloc[-1]),
            (4, 8),
            textcoords="offset points",
            color=ACCENT,
            fontweight="bold",
            ha="right",
        )
    if log_x:
        plot.xaxis.set_major_formatter(formatter(number))
        plot.xaxis.set_minor_formatter(NullFormatter())
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "y")
    plot.set_title(title)
    return figure


@styled
def ranges(
    frame: pd.DataFrame,
    label: str,
    title: str,
    value_label: str,
    log: bool = True,
    quantiles: Sequence[str] = ("p10", "q1", "median", "q3", "p90"),
) -> Figure:
    """Draw a distribution per row from its quantiles: 10–90 % line, 25–75 % bar, median."""
    figure, axes = _figure(1.4 + 0.46 * len(frame))
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
        low, high = p10.min() * 0.8, p90.max() * 3
        plot.set_xlim(low, high)
        plot.set_xticks(ticks[(ticks >= low) & (ticks <= high)])
        plot.xaxis.set_minor_formatter(NullFormatter())
    else:
        plot.margins(x=0.15)
    plot.xaxis.set_major_formatter(formatter(number))
    plot.set_yticks(places, [str(text) for text in frame[label]])
    plot.set_ylim(len(frame) - 0.4, -0.6)
    plot.set_xlabel(f"{value_label} (bar: middle half, line: middle 80 %)")
    bare_axes(plot, "x")
    plot.set_title(title)
    return figure


@styled
def pyramid(
    frame: pd.DataFrame, band: str, side: str, count: str, sides: tuple[str, str], title: str
) -> Figure:
    """Draw an age pyramid: counts per band, one group to the left, the other to the right."""
    bands = list(dict.fromkeys(frame[band]))
    figure, axes = _figure(1.5 + 0.44 * len(bands))
    plot = axes[0, 0]
    table = frame.pivot_table(index=band, columns=side, values=count, observed=True)
    table = table.reindex(index=bands, columns=list(sides)).fillna(0)
    total = max(float(table.to_numpy().sum()), 1.0)
    places = np.arange(len(bands))
    for sign, name, colour in zip((-1, 1), sides, OKABE_ITO, strict=False):
        values = table[name].to_numpy(dtype=float)
        plot.barh(places, sign * values, color=colour, height=0.8)
        for place, value in zip(places, values, strict=True):
            said = f"{number(value)} ({percent(value / total)})"
            side = "left" if sign > 0 else "right"
            label_at(plot, said, (sign * value, place), (sign * 4, 0), ha=side)
    reach = float(table.to_numpy().max(initial=1)) * 1.4
    plot.set_xlim(-reach, reach)
    for sign, name, colour in zip((-1, 1), sides, OKABE_ITO, strict=False):
        plot.text(sign * reach * 0.5, -0.95, name, ha="center", color=colour, fontweight="bold")
    plot.set_yticks(places, bands)
    plot.set_ylim(-1.4, len(bands) - 0.4)
    plot.invert_yaxis()
    plot.set_ylabel("age in years")
    plot.axvline(0, color="white", linewidth=1.5)
    plot.set_xticks([])
    bare_axes(plot)
    for edge in ("bottom", "left"):
        plot.spines[edge].set_visible(False)
    plot.set_title(title)
    return figure


@styled
def scatter_labelled(
    frame: pd.DataFrame,
    x: str,
    y: str,
    label: str,
    title: str,
    x_label: str,
    y_label: str,
    low: str | None = None,
    high: str | None = None,
    log_x: bool = False,
    x_form: Callable[[float], str] = number,
    form: Callable[[float], str] = number,
) -> Figure:
    """Draw a few named points, with vertical intervals where given."""
    figure, axes = _figure(4.6)
    plot = axes[0, 0]
    xs, ys = frame[x].to_numpy(dtype=float), frame[y].to_numpy(dtype=float)
    reach = None
    if low is not None and high is not None:
        reach = np.vstack([ys - frame[low].to_numpy(float), frame[high].to_numpy(float) - ys])
    plot.errorbar(xs, ys, yerr=reach, fmt="o", color=MAIN, markersize=8, elinewidth=1.6)
    if log_x:
        plot.set_xscale("log")
    plot.margins(x=0.14, y=0.14)
    plot.set_ylim(bottom=0)
    places = np.log(xs) if log_x else xs
    across = (places - places.min()) / max(float(np.ptp(places)), 1e-9)
    up = (ys - ys.min()) / max(float(np.ptp(ys)), 1e-9)
    for index, (name, px, py) in enumerate(zip(frame[label], xs, ys, strict=True)):
        ahead = (across > across[index]) & (across < across[index] + 0.15)
        right = across[index] <= 0.8 and not (ahead & (np.abs(up - up[index]) < 0.08)).any()
        plot.annotate(
            shortened(name),
            (px, py),
            (9 if right else -9, 5),
            textcoords="offset points",
            ha="left" if right else "right",
            fontsize=10.5,
        )
    plot.xaxis.set_major_formatter(formatter(x_form))
    plot.xaxis.set_minor_formatter(NullFormatter())
    plot.yaxis.set_major_formatter(formatter(form))
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "both")
    plot.set_title(title)
    return figure


@styled
def user_map(
    frame: pd.DataFrame,
    title: str,
    panels: Sequence[tuple[str, str, str]],
    cluster: str = "segment",
) -> Figure:
    """Draw users as points coloured by their segment, whose number stands at its median.

    Parameters
    ----------
    panels : for each panel the columns of x and y and what the panel is called.
    cluster : column of the segments, named in the legend with the numbers the panels show.
    """
    names = list(frame[cluster].cat.categories)
    figure, axes = _figure(5.4 + 0.12 * len(names), columns=len(panels))
    for plot, (x, y, name) in zip(axes[0], panels, strict=True):
        for index, (segment, colour) in enumerate(
            zip(names, cycled(TOL_MUTED, len(names)), strict=True)
        ):
            points = frame[frame[cluster] == segment]
            plot.scatter(
                points[x],
                points[y],
                s=7,
                color=colour,
                alpha=0.55,
                linewidths=0,
                label=f"{index + 1}  {shortened(segment, 40)}",
                rasterized=True,
            )
        for index, segment in enumerate(names):
            points = frame.loc[frame[cluster] == segment, [x, y]]
            if len(points):
                plot.text(
                    *points.median(),
                    str(index + 1),
                    fontsize=11,
                    fontweight="bold",
                    ha="center",
                    va="center",
                    bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "ec": "black", "lw": 0.8},
                )
        plot.set_title(name, fontsize=11)
        plot.set_xticks([])
        plot.set_yticks([])
        bare_axes(plot)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12.5)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        frameon=False,
        ncols=2,
        fontsize=9.5,
        markerscale=2.5,
    )
    return figure
