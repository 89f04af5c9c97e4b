"""Formulas of the prose as MathML, which browsers draw without a script."""

from __future__ import annotations

import re
from html import escape

FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\`$])\$([^$`\n]+?)\$", re.DOTALL)
"""TeX between dollars, as notebooks hold it: two of them for a formula on a line of its own."""

MARK = "\ue000{}\ue001"
"""What stands for a formula while its text is turned into HTML: characters of no meaning."""


def set_aside(markdown: str, formulas: list[str]) -> str:
    """Return Markdown with its formulas marked, and add them as HTML to ``formulas``."""

    def mark(found: re.Match) -> str:
        formulas.append(_drawn(found[1] or found[2], alone=found[1] is not None))
        return MARK.format(len(formulas) - 1)

    return FORMULA.sub(mark, markdown)


def put_back(html: str, formulas: list[str]) -> str:
    """Return HTML with its marks replaced by the formulas they stand for."""
    pattern = MARK.format(r"(\d+)")
    return re.sub(pattern, lambda found: formulas[int(found[1])], html)


def _drawn(tex: str, alone: bool) -> str:
    from latex2mathml import exceptions
    from latex2mathml.converter import convert

    wrong = tuple(kind for kind in vars(exceptions).values() if isinstance(kind, type))
    try:
        drawn = convert(" ".join(tex.split()), display="block" if alone else "inline")
    except wrong:  # no formula: it is shown as it was written
        return f"<code>{escape(tex)}</code>"
    return f'<span class="formula" tabindex="0">{drawn}</span>' if alone else drawn
