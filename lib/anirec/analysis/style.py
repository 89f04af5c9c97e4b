"""The look of all figures: colours, sizes, fonts, and how numbers are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter

OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#8C7A00", "#000000"]
TOL_MUTED = [
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255",
    "#AA4499", "#8A8A8A",
]  # fmt: skip
MAIN, ACCENT, SOFT = OKABE_ITO[0], OKABE_ITO[3], "#6B7280"
WIDTH = 6.4
"""Width of every figure in inches: at 400 pixels the smallest text is still eight of them high."""
ROW = 0.31
"""Height of one horizontal bar, in inches."""
TITLE_LENGTH = 58
"""Characters of a title that fit on one line."""


def japanese_font() -> str:
    """Register the Japanese font that matplotlib-fontja carries, and return its family.

    The package itself is not imported: it would change the caller's settings.
    """
    spec = find_spec("matplotlib_fontja")
    file = str(Path(spec.submodule_search_locations[0]) / "fonts" / "ipaexg.ttf")
    if not any(font.fname == file for font in fontManager.ttflist):
        fontManager.addfont(file)
        bold = replace(fontManager.ttflist[-1], weight=700)  # it has one weight: no complaint
        fontManager.ttflist.append(bold)
    return next(font.name for font in fontManager.ttflist if font.fname == file)


STYLE = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("notebook", font_scale=0.95),
    "font.family": ["DejaVu Sans", japanese_font()],
    "text.parse_math": False,  # titles hold dollar signs
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9CA3AF",
    "axes.labelcolor": "#374151",
    "grid.color": "#E5E7EB",
    "grid.linewidth": 0.8,
    "xtick.color": "#374151",
    "ytick.color": "#374151",
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "savefig.facecolor": "white",
    "svg.hashsalt": "anirec",
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw with the project's style, whatever the caller's is."""

    @wraps(draw)
    def drawn(*args: object, **kwargs: object) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def percent(value: float) -> str:
    """Format a share: ``12 %``, with a decimal below ten percent."""
    shown = 100 * value
    if 0 < shown < 0.05:
        return "< 0.1 %"
    return f"{shown:.1f} %" if 0 < abs(shown) < 9.95 else f"{shown:.0f} %"


def number(value: float) -> str:
    """Format a count or a measure: ``12,345``, ``7.62``, ``1.2 M``."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:.1f} M"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"


def signed(value: float) -> str:
    """Format a difference with its sign: ``+0.012``, ``−0.100``; what rounds to zero has none."""
    return _with_sign(value, 3)


def points(share: float) -> str:
    """Format a difference of shares in percentage points: ``+2.8``."""
    return _with_sign(100 * share, 1)


def _with_sign(value: float, digits: int) -> str:
    shown = f"{abs(value):.{digits}f}"
    sign = "" if not float(shown) else "+" if value > 0 else "−"
    return sign + shown


def titled(figure: Figure, title: str) -> Figure:
    """Put a figure's title over it, broken into lines that fit, and return the figure."""
    words = fill(title, TITLE_LENGTH)
    figure.suptitle(words, x=0.01, ha="left", fontweight="bold", fontsize=12)
    return figure


def formatter(form: Callable[[float], str]) -> FuncFormatter:
    return FuncFormatter(lambda value, _: form(value))


def shortened(text: object, length: int = 38) -> str:
    """Return text cut at ``length`` characters, the cut marked."""
    text = str(text)
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def label_at(axes: Axes, text: str, at: tuple[float, float], off: tuple[int, int], **how) -> None:
    """Write a value beside its mark at ``at``, ``off`` points away."""
    how = {"va": "center", "fontsize": 9.5, "color": "#374151"} | how
    axes.annotate(text, at, off, textcoords="offset points", **how)


def bare_axes(axes: Axes, grid: str | None = None) -> None:
    axes.grid(False)
    if grid:
        axes.grid(True, axis=grid)
    axes.tick_params(length=0)


def cycled(colours: Sequence[str], n: int) -> list[str]:
    return [colours[i % len(colours)] for i in range(n)]


def text_colour_on(colour: str) -> str:
    """Return black or white, whichever reads better on a colour (WCAG relative luminance)."""
    channels = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return "black" if linear @ [0.2126, 0.7152, 0.0722] > 0.18 else "white"
