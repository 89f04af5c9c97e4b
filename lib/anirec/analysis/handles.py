"""Figures that become handles where a kernel is at work behind the page, as in JupyterLab.

In: a function that answers a question of some of the data, or for some setting. Out: a widget that
asks it again whenever its controls move. Everywhere else the plain figure stands for it (see
`notebook.Page.show`), so nothing may be learned from a widget alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets as widgets
import numpy as np
import pandas as pd

from anirec.analysis.exploration.tables import years
from anirec.analysis.finding import Absence, Finding
from anirec.analysis.notebook import SHOWN_WIDTH, png_of

ALL = "all"
LEAST_ANIME = 5
"""A filter that leaves fewer shows nothing."""

Answer = Finding | Absence


class Handle(widgets.VBox):
    """Controls over the figure and the sentence that answer for them.

    Parameters
    ----------
    controls : widgets that have a ``value``. ask : is given their values, in order.
    first : the answer for the values that they begin with.
    """

    def __init__(
        self, controls: Sequence[widgets.Widget], ask: Callable[..., Answer], first: Answer
    ) -> None:
        self.controls, self._ask = tuple(controls), ask
        self._picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{SHOWN_WIDTH}px"))
        self._words = widgets.HTML()
        row = widgets.HBox(self.controls, layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([row, self._picture, self._words])
        self.tell(first)
        for control in self.controls:
            control.observe(self._moved, names="value")

    def _moved(self, change: dict) -> None:
        self.tell(self._ask(*(control.value for control in self.controls)))

    def tell(self, answer: Answer) -> None:
        """Show an answer, or what is lacking for one."""
        figure = answer.figure if isinstance(answer, Finding) else None
        words = answer.answer if isinstance(answer, Finding) else answer.because
        self._picture.layout.display = "none" if figure is None else ""
        if figure is not None:
            self._picture.value = png_of(figure)
        self._words.value = f"<p>{escape(words)}</p>"


def filtered(anime: pd.DataFrame, ask: Callable[[pd.DataFrame], Answer]) -> Handle:
    """Return ``ask(anime)`` under a choice of genre, type and years."""
    genres = sorted({name for names in anime["genres"].dropna() for name in names})
    types = sorted(anime["type"].dropna().astype(str).unique())
    year = years(anime)
    known = year.dropna()
    first, last = (int(known.min()), int(known.max())) if len(known) else (0, 0)

    def asked(genre: str, kind: str, span: tuple[int, int]) -> Answer:
        kept = np.ones(len(anime), dtype=bool)
        if genre != ALL:
            kept &= np.array(
                [
                    isinstance(names, list | np.ndarray) and genre in names
                    for names in anime["genres"]
                ]
            )
        if kind != ALL:
            kept &= (anime["type"] == kind).to_numpy()
        if span != (first, last):
            kept &= year.between(*span).to_numpy()
        if kept.sum() < LEAST_ANIME:
            return Absence("What is left?", f"Fewer than {LEAST_ANIME} anime are left.")
        return ask(anime[kept])

    controls = (
        widgets.Dropdown(options=[ALL, *genres], value=ALL, description="genre"),
        widgets.Dropdown(options=[ALL, *types], value=ALL, description="type"),
        widgets.IntRangeSlider(
            value=(first, last),
            min=first,
            max=last,
            description="years",
            continuous_update=False,
            layout=widgets.Layout(width="26em"),
        ),
    )
    return Handle(controls, asked, ask(anime))


def slider(name: str, value: float, ask: Callable[[float], Answer]) -> Handle:
    """Return ``ask(value)`` under a slider from 1 to 10,000, each step of which multiplies."""
    control = widgets.FloatLogSlider(
        value=value, base=10, min=0, max=4, step=0.1, description=name, continuous_update=False
    )
    return Handle((control,), ask, ask(value))
