"""The parts of the box as HTML, from the templates in ``templates/box``; all text escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parent / "templates" / "box"


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(FOLDER)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, auto_reload=False)


def rendered(part: str, **values: object) -> str:
    """Return the HTML of a part of the box: of the template ``<part>.html.j2``."""
    return _environment().get_template(f"{part}.html.j2").render(values)


def sentence(text: str) -> str:
    """Return a clause as a sentence."""
    return f"{text[:1].upper()}{text[1:]}." if text else ""
