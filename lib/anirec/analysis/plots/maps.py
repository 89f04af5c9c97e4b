"""Pictures without axes: users and anime laid out flat."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from anirec.analysis.plots.canvas import blank
from anirec.analysis.style import TOL_MUTED, bare_axes, cycled, shortened, styled, titled


@styled
def user_map(
    frame: pd.DataFrame,
    *,
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
    figure, axes = blank(3.6 + 0.12 * len(names), columns=len(panels))
    for plot, (x, y, name) in zip(axes[0], panels, strict=True):
        shades = zip(names, cycled(TOL_MUTED, len(names)), strict=True)
        for index, (segment, colour) in enumerate(shades):
            points = frame.loc[frame[cluster] == segment, [x, y]]
            words = f"{index + 1}  {shortened(segment, 34)}"
            dots = {"s": 5, "alpha": 0.55, "linewidths": 0, "rasterized": True}
            plot.scatter(points[x], points[y], color=colour, label=words, **dots)
        for index, segment in enumerate(names):
            points = frame.loc[frame[cluster] == segment, [x, y]]
            if len(points):
                _numbered(plot, points.median(), index + 1)
        plot.set_title(name)
        plot.set_xticks([])
        plot.set_yticks([])
        bare_axes(plot)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        frameon=False,
        ncols=2,
        fontsize=9,
        markerscale=2.5,
    )
    return titled(figure, title)


def _numbered(plot, at: Sequence[float], mark: int) -> None:
    box = {"boxstyle": "circle,pad=0.2", "fc": "white", "ec": "black", "lw": 0.8}
    how = {"fontsize": 10, "fontweight": "bold", "ha": "center", "va": "center", "bbox": box}
    plot.text(*at, str(mark), **how)
