"""Charts of values: bars, lines, intervals, heat maps, points.

What has an order is sorted, and series are labelled where they end instead of in a legend.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from anirec.analysis.plots.canvas import Form, blank, legend_below, panels_of, without_spines
from anirec.analysis.style import (
    ACCENT,
    MAIN,
    OKABE_ITO,
    ROW,
    SOFT,
    bare_axes,
    cycled,
    formatter,
    label_at,
    number,
    shortened,
    styled,
    text_colour_on,
    titled,
)

LEAST_RATIO = 0.2
"""Ratios below this, down to none at all, share the darkest shade of a heat map."""


@styled
def ranked_bars(
    frame: pd.DataFrame,
    *,
    label: str,
    value: str,
    title: str,
    value_label: str = "",
    form: Form = number,
    panel: str | None = None,
    keep_order: bool = False,
) -> Figure:
    """Draw horizontal bars, greatest on top, each with its value.

    Parameters
    ----------
    label, value : columns of the bars' names and lengths.
    form : how a value is written.
    panel : column that parts the bars into panels, each with its own bars, two side by side.
    keep_order : draw in the frame's order, which means something.
    """
    groups = panels_of(frame, panel)
    most = max(len(group) for _, group in groups)
    across = min(2, len(groups))
    down = -(-len(groups) // across)
    figure, axes = blank(0.9 * down + ROW * most * down, columns=across, rows=down)
    for plot in axes.flat[len(groups) :]:
        plot.set_visible(False)
    for plot, (name, group) in zip(axes.flat, groups, strict=False):
        if not keep_order:
            group = group.sort_values(value, ascending=False, kind="stable")
        values = group[value].to_numpy(dtype=float)
        places = np.arange(len(group))
        plot.barh(places, values, color=MAIN, height=0.72)
        for place, length in zip(places, values, strict=True):
            label_at(plot, form(length), (length, place), (4, 0))
        width = 18 if across > 1 else 32
        plot.set_yticks(places, [shortened(text, width) for text in group[label]])
        plot.set_ylim(most - 0.4, -0.6)
        plot.set_xlim(0, max(values.max(initial=0) * (1.2 if across == 1 else 1.45), 1e-9))
        plot.set_xlabel(value_label)
        plot.set_title(str(name))
        bare_axes(plot)
        without_spines(plot, "bottom")
        plot.set_xticks([])
    return titled(figure, title)


@styled
def columns(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    title: str,
    x_label: str,
    y_label: str,
    form: Form = number,
    marked: object = None,
) -> Figure:
    """Draw vertical bars in the frame's order, each with its value.

    ``marked`` is the value of ``x`` whose bar is not like the others, such as the running year.
    """
    figure, axes = blank(3.6)
    plot = axes[0, 0]
    values = frame[y].to_numpy(dtype=float)
    places = np.arange(len(frame))
    colours = [ACCENT if name == marked else MAIN for name in frame[x]]
    plot.bar(places, values, color=colours, width=0.78)
    many = len(frame) > 14
    for place, value in zip(places, values, strict=True):
        how = {"rotation": 90, "fontsize": 8.5} if many else {}
        label_at(plot, form(value), (place, value), (0, 3), ha="center", va="bottom", **how)
    turned = sum(len(str(v)) + 2 for v in frame[x]) > 62
    plot.set_xticks(places, [str(v) for v in frame[x]], rotation=60 if turned else 0)
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    plot.set_yticks([])
    plot.set_ylim(0, max(values.max(initial=0) * (1.25 if many else 1.12), 1e-9))
    bare_axes(plot)
    without_spines(plot, "left")
    return titled(figure, title)


@styled
def lines(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    title: str,
    x_label: str,
    y_label: str,
    series: str | None = None,
    low: str | None = None,
    high: str | None = None,
    form: Form = number,
    colours: Sequence[str] = OKABE_ITO,
    from_zero: bool = True,
    x_form: Form | None = None,
    marked: float | None = None,
    log_x: bool = False,
    at: float | None = None,
) -> Figure:
    """Draw lines over ``x``, each labelled at its end, with a band from ``low`` to ``high``.

    From ``marked`` on, what is shown is not yet whole: it lies on grey. A broken line stands at
    the value ``at`` of ``x`` that is spoken of.
    """
    figure, axes = blank(3.9)
    plot = axes[0, 0]
    groups = panels_of(frame, series)
    ends = []
    for colour, (name, group) in zip(cycled(colours, len(groups)), groups, strict=True):
        group = group.sort_values(x)
        places, values = group[x].to_numpy(dtype=float), group[y].to_numpy(dtype=float)
        marker = "o" if len(group) <= 15 else None
        plot.plot(places, values, color=colour, linewidth=2, marker=marker, markersize=4)
        if low is not None and high is not None:
            band = (group[name].to_numpy(dtype=float) for name in (low, high))
            plot.fill_between(places, *band, color=colour, alpha=0.15, linewidth=0)
        ends.append((places[-1], values[-1], shortened(name, 20), colour))
    if from_zero:
        plot.set_ylim(bottom=0)
    plot.yaxis.set_major_formatter(formatter(form))
    if log_x:
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter(formatter(number))
        plot.xaxis.set_minor_formatter(NullFormatter())
    else:
        whole = pd.api.types.is_integer_dtype(frame[x])
        plot.xaxis.set_major_locator(MaxNLocator(7, integer=whole, steps=[1, 2, 5, 10]))
    if x_form:
        plot.xaxis.set_major_formatter(formatter(x_form))
    if at is not None:
        plot.axvline(at, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
    if marked is not None:
        plot.axvspan(marked, plot.get_xlim()[1], color="#E5E7EB", zorder=0)
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "y")
    if series is not None:
        _label_ends(plot, ends)
    return titled(figure, title)


@styled
def places(
    frame: pd.DataFrame,
    *,
    x: str,
    place: str,
    title: str,
    x_label: str,
    y_label: str,
    series: str | None = None,
    names: Sequence[str] | None = None,
    log_x: bool = False,
) -> Figure:
    """Draw how places move, the first on top; each step downwards multiplies.

    Parameters
    ----------
    names : what the values of ``x`` are called, in order; the values themselves by default.
    """
    groups = panels_of(frame, series)
    figure, axes = blank(3.9 if series is None else 2.2 + 0.26 * len(groups))
    plot = axes[0, 0]
    ends = []
    for colour, (name, group) in zip(cycled(OKABE_ITO, len(groups)), groups, strict=True):
        group = group.sort_values(x)
        at, values = group[x].to_numpy(dtype=float), group[place].to_numpy(dtype=float)
        plot.plot(at, values, color=colour, linewidth=2, marker="o", markersize=5)
        if series is None:
            for one, value in zip(at, values, strict=True):
                label_at(plot, number(value), (one, value), (0, 9), ha="center")
        ends.append((at[-1], np.log(values[-1]), _middle_cut(str(name)), colour))
    worst = float(frame[place].max())
    plot.set_yscale("log")
    plot.set_ylim(worst * 1.6, 0.7)
    plot.set_yticks([n for n in (1, 2, 5, 10, 20, 50, 100, 500, 2000, 10_000) if n <= worst * 1.6])
    plot.yaxis.set_major_formatter(formatter(number))
    plot.yaxis.set_minor_formatter(NullFormatter())
    if log_x:
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter(formatter(number))
        plot.xaxis.set_minor_formatter(NullFormatter())
    else:
        values = sorted(frame[x].unique())
        plot.set_xticks(values, [fill(shortened(n, 44), 18) for n in names or values])
        plot.margins(x=0.12)
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "y")
    plot.minorticks_off()
    if series is not None:
        bottom, top = np.log(plot.get_ylim())
        _name_ends(plot, [(end[2], (end[1] - bottom) / (top - bottom), end[3]) for end in ends])
    return titled(figure, title)


def _middle_cut(text: str) -> str:
    """Return text cut in the middle: titles of one franchise differ at their ends."""
    return text if len(text) <= 26 else f"{text[:13].rstrip()}…{text[-12:].lstrip()}"


def _label_ends(
    plot: Axes, ends: list[tuple[float, float, str, str]], height: float = 0.065
) -> None:
    """Write series' names right of the plot, at their last values, pushed apart where they meet."""
    bottom, top = plot.get_ylim()
    marks = [(name, (value - bottom) / (top - bottom), colour) for _, value, name, colour in ends]
    _name_ends(plot, marks, height)


def _name_ends(plot: Axes, ends: list[tuple[str, float, str]], height: float = 0.065) -> None:
    """Write names in their colours right of the plot, at their shares of its height or near."""
    wanted = sorted(ends, key=lambda end: end[1])
    heights = _apart([share for _, share, _ in wanted], height)
    for (name, _, colour), place in zip(wanted, heights, strict=True):
        plot.annotate(
            name,
            (1.01, place),
            xycoords="axes fraction",
            va="center",
            color=colour,
            fontweight="bold",
            fontsize=9.5,
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
def stacked_shares(
    frame: pd.DataFrame,
    *,
    group: str,
    part: str,
    share: str,
    title: str,
    colours: Sequence[str] = OKABE_ITO,
) -> Figure:
    """Draw one bar per group, parted into shares that sum to one; parts named below the bars."""
    table = frame.pivot_table(index=group, columns=part, values=share, sort=False, observed=True)
    table = table.fillna(0)
    figure, axes = blank(1.6 + 0.42 * len(table))
    plot = axes[0, 0]
    left = np.zeros(len(table))
    places = np.arange(len(table))
    for colour, name in zip(cycled(colours, table.shape[1]), table, strict=True):
        widths = table[name].to_numpy(dtype=float)
        shades = {"color": colour, "edgecolor": "white", "label": str(name)}
        plot.barh(places, widths, left=left, height=0.74, **shades)
        for place, start, width in zip(places, left, widths, strict=True):
            if width >= 0.055:
                how = {"ha": "center", "color": text_colour_on(colour)}
                label_at(plot, f"{100 * width:.0f}", (start + width / 2, place), (0, 0), **how)
        left += widths
    plot.set_yticks(places, [shortened(text, 24) for text in table.index])
    plot.set_ylim(len(table) - 0.4, -0.6)
    plot.set_xlim(0, max(1.0, left.max(initial=0)))
    plot.set_xticks([])
    bare_axes(plot)
    without_spines(plot, "bottom", "left")
    legend_below(figure, plot, min(table.shape[1], 4))
    return titled(figure, f"{title} (percent)")


@styled
def intervals(
    frame: pd.DataFrame,
    *,
    label: str,
    value: str,
    low: str,
    high: str,
    title: str,
    value_label: str = "",
    panel: str | None = None,
    series: str | None = None,
    form: Form = number,
    reference: float | None = None,
    keep_order: bool = True,
    across: int = 2,
) -> Figure:
    """Draw points with 95 % intervals, one row per label.

    Parameters
    ----------
    panel : column that parts the frame into panels, which share the rows and have scales of their
        own.
    series : column whose values share a row, by colour.
    reference : value marked by a vertical line, such as "no effect".
    across : panels side by side.
    """
    panels = panels_of(frame, panel)
    if not keep_order:
        frame = frame.sort_values(value, ascending=False, kind="stable")
    order = list(dict.fromkeys(frame[label]))
    names = [None] if series is None else list(dict.fromkeys(frame[series]))
    across = min(across, len(panels))
    down = -(-len(panels) // across)
    row = ROW * max(1.0, 0.6 * len(names))
    figure, axes = blank(down * (0.9 + row * len(order)) + 0.4, across, down, sharey=True)
    for plot in axes.flat[len(panels) :]:
        plot.set_visible(False)
    for plot, (name, group) in zip(axes.flat, panels, strict=False):
        for shift, colour, one in zip(
            _offsets(len(names)), cycled(OKABE_ITO, len(names)), names, strict=True
        ):
            rows = group if one is None else group[group[series] == one]
            places = np.array([order.index(text) for text in rows[label]]) + shift
            numbers = (rows[column].to_numpy(dtype=float) for column in (value, low, high))
            _points_with_intervals(plot, places, *numbers, colour, one, form)
        if reference is not None:
            plot.axvline(reference, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
        width = 30 if across == 1 else 22
        plot.set_yticks(range(len(order)), [shortened(text, width) for text in order])
        plot.set_ylim(len(order) - 0.4, -0.6)
        plot.margins(x=0.25 if len(names) == 1 else 0.1)
        plot.xaxis.set_major_formatter(formatter(form))
        plot.xaxis.set_major_locator(MaxNLocator(5 if across == 1 else 3))
        plot.set_xlabel(value_label)
        plot.set_title(str(name).replace("_", " "))
        bare_axes(plot, "x")
    if len(names) > 1:
        legend_below(figure, axes.flat[0], min(len(names), 4))
    return titled(figure, title)


def _offsets(n: int) -> np.ndarray:
    """Return how far the points of each of ``n`` series lie off the middle of their row."""
    return np.linspace(-0.24, 0.24, n) if n > 1 else np.zeros(1)


def _points_with_intervals(
    plot: Axes,
    places: np.ndarray,
    centre: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    colour: str,
    name: str | None,
    form: Form,
) -> None:
    """Draw one series; where it is the only one, write each value beside its interval."""
    reach = np.maximum(np.vstack([centre - low, high - centre]), 0)
    dots = {"fmt": "o", "markersize": 5.5, "elinewidth": 1.8, "capsize": 0}
    plot.errorbar(centre, places, xerr=reach, color=colour, label=name, **dots)
    if name is None:
        for x, place, end in zip(centre, places, high, strict=True):
            if np.isfinite(x):
                at = (end if np.isfinite(end) else x, place)
                label_at(plot, form(x), at, (5, 0), bbox={"fc": "white", "ec": "none", "pad": 0.6})


@styled
def heatmap(
    frame: pd.DataFrame,
    *,
    row: str,
    column: str,
    value: str,
    title: str,
    form: Form = number,
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
    table = table.reindex(index=rows, columns=cols).astype(float)
    shades = np.log(table.clip(lower=LEAST_RATIO)) if log else table
    finite = shades.to_numpy()[np.isfinite(shades.to_numpy())]
    if centre is None:
        colours, low, high = "cividis", float(finite.min()), float(finite.max())
    else:
        middle = float(np.log(centre)) if log else centre
        reach = float(np.quantile(np.abs(finite - middle), 0.98)) or 1.0
        colours, low, high = "PuOr_r", middle - reach, middle + reach
    words = table.map(lambda cell: form(cell) if np.isfinite(cell) else "")
    long = max(len(str(name)) for name in cols)
    figure, axes = blank(1.3 + 0.31 * len(rows) + 0.06 * min(long, 24))
    plot = axes[0, 0]
    sns.heatmap(
        shades,
        ax=plot,
        cmap=mpl.colormaps[colours].with_extremes(bad="#E5E7EB"),
        vmin=low,
        vmax=high if high > low else low + 1,
        annot=words if annotate else None,
        fmt="",
        annot_kws={"fontsize": 8.5 if len(cols) <= 12 else 8},
        cbar=False,
        linewidths=0.5,
    )
    turned = long > 5
    how = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {"rotation": 0}
    plot.set_xticks(np.arange(len(cols)) + 0.5, [shortened(c, 22) for c in cols], **how)
    plot.set_yticks(np.arange(len(rows)) + 0.5, [shortened(r, 24) for r in rows], rotation=0)
    plot.set(xlabel=column_label, ylabel=row_label)
    bare_axes(plot)
    return titled(figure, title)


@styled
def scatter_labelled(
    frame: pd.DataFrame,
    *,
    x: str,
    y: str,
    label: str,
    title: str,
    x_label: str,
    y_label: str,
    low: str | None = None,
    high: str | None = None,
    log_x: bool = False,
    from_zero: bool = True,
    x_form: Form = number,
    form: Form = number,
) -> Figure:
    """Draw a few named points, with vertical intervals where given."""
    figure, axes = blank(4.0)
    plot = axes[0, 0]
    xs, ys = frame[x].to_numpy(dtype=float), frame[y].to_numpy(dtype=float)
    reach = None
    if low is not None and high is not None:
        reach = np.vstack([ys - frame[low].to_numpy(float), frame[high].to_numpy(float) - ys])
    plot.errorbar(xs, ys, yerr=reach, fmt="o", color=MAIN, markersize=7, elinewidth=1.6)
    if log_x:
        plot.set_xscale("log")
    plot.margins(x=0.14, y=0.14)
    if from_zero:
        plot.set_ylim(bottom=0)
    _name_points(plot, frame[label], np.log(xs) if log_x else xs, xs, ys)
    plot.xaxis.set_major_formatter(formatter(x_form))
    plot.xaxis.set_minor_formatter(NullFormatter())
    plot.yaxis.set_major_formatter(formatter(form))
    plot.set_xlabel(x_label)
    plot.set_ylabel(y_label)
    bare_axes(plot, "both")
    return titled(figure, title)


def _name_points(
    plot: Axes, names: pd.Series, places: np.ndarray, xs: np.ndarray, ys: np.ndarray
) -> None:
    """Write names right of their points, or left where another point or the edge is near."""
    across = (places - places.min()) / max(float(np.ptp(places)), 1e-9)
    up = (ys - ys.min()) / max(float(np.ptp(ys)), 1e-9)
    for index, (name, px, py) in enumerate(zip(names, xs, ys, strict=True)):
        ahead = (across > across[index]) & (across < across[index] + 0.2)
        right = across[index] <= 0.75 and not (ahead & (np.abs(up - up[index]) < 0.08)).any()
        how = {"ha": "left" if right else "right", "va": "bottom", "fontsize": 10}
        label_at(plot, shortened(name, 26), (px, py), (8 if right else -8, 3), **how)
