"""What charts share: an empty figure of the house's width, panels, a legend below."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anirec.analysis.style import WIDTH

Form = Callable[[float], str]
"""How a value is written."""


def blank(height: float, columns: int = 1, rows: int = 1, **options: object):
    """Return an empty figure of the house's width and its axes, (rows, columns)."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.08)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def panels_of(frame: pd.DataFrame, by: str | None) -> list[tuple[object, pd.DataFrame]]:
    return [("", frame)] if by is None else list(frame.groupby(by, sort=False, observed=True))


def without_spines(plot: Axes, *sides: str) -> None:
    for side in sides:
        plot.spines[side].set_visible(False)


def legend_below(figure: Figure, plot: Axes, across: int) -> None:
    """Name colours in one line or a few under all panels."""
    figure.legend(
        *plot.get_legend_handles_labels(),
        loc="outside lower center",
        frameon=False,
        ncols=across,
        fontsize=9.5,
        handlelength=1,
        columnspacing=1.2,
    )
