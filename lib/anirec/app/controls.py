"""The small parts that the box is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape

import ipywidgets as widgets

ANY = 0
"""Stands for no choice in a dropdown: ipywidgets shows nothing at all for None."""


@cache
def free_layout() -> widgets.Layout:
    """A layout that leaves all to the style sheet; shared, since each is a model of its own."""
    return widgets.Layout()


@cache
def plain_style() -> widgets.ButtonStyle:
    return widgets.ButtonStyle()


def make_button(text: str, action: Callable[[], None], *classes: str, tooltip: str = ""):
    button = widgets.Button(
        description=text, tooltip=tooltip, layout=free_layout(), style=plain_style()
    )
    button.on_click(lambda _: action())
    return classed(button, *classes)


def classed(widget, *classes: str):
    for name in classes:
        widget.add_class(name)
    return widget


def boxed(children, *classes: str) -> widgets.Box:
    return classed(widgets.Box(children, layout=free_layout()), *classes)


def html_part(text: str = "", *classes: str) -> widgets.HTML:
    return classed(widgets.HTML(text, layout=free_layout()), *classes)


def labelled(label: str, control, *classes: str) -> widgets.Box:
    """Return a control below its label; the label is repeated as tooltip, its accessible name."""
    control.tooltip = label
    control.layout = free_layout()
    return boxed([html_part(f"<span class='anirec-label'>{escape(label)}</span>"), control],
                "anirec-field", *classes)  # fmt: skip


def set_shown(widget, visible: bool) -> None:
    """Show or hide a widget by its class, since layouts are shared."""
    if visible:
        widget.remove_class("anirec-hidden")
    else:
        widget.add_class("anirec-hidden")
