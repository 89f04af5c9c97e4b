"""Plain text: a title a line, with or without a score behind it, below headings or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise

from anirec.lists import scales, statuses
from anirec.lists.row import OTHER, Row, Sheet, line, lines_of

_BULLET = re.compile(r"^\s*(?:[-*•·–—▪●○]|\[[ xX]?\]|[-*]\s*\[[ xX]?\])\s+")
_NUMBERED = re.compile(r"^\s*\(?(?P<number>\d{1,5})(?:[.)]|\s*[-–])\s+")
_HEADING = re.compile(r"\s*(?:#{1,6}\s*(?P<hashed>.+?)|(?P<said>[^:]+?)\s*:)\s*")
_COUNT = re.compile(r"\s*[(\[]\d+[)\]]\s*$")


def from_text(text: str, is_name: Callable[[str], bool]) -> Sheet:
    """Return the entries of a text.

    A line that is a status and nothing else, with ``#`` before or ``:`` behind it, is a heading:
    it says what is below. Bullets and numbers that count the lines are cut off.

    Parameters
    ----------
    is_name : whether an anime has exactly this name: then what looks like a score belongs to it.
    """
    lines = [(n, one) for n, one in enumerate(lines_of(text), start=1) if line(one)]
    counted = _are_counted(one for _, one in lines)
    sheet = Sheet("plain text", numbering=OTHER, has_status=False, used_columns=["title", "score"])
    status = ""
    for number, one in lines:
        heading = _heading(one)
        if heading is not None:
            status, sheet.has_status = heading, sheet.has_status or bool(heading)
            continue
        if counted:
            one = _NUMBERED.sub("", one, count=1)
        one = line(_BULLET.sub("", one, count=1)).rstrip(",;").strip()
        title, score = (one, "") if is_name(one) else scales.behind(one)
        title = title.strip('"“”„«»') if title[:1] in '"“„«' else title
        said = scales.is_thumb(score)
        if not title:
            sheet.leave(f"line {number}", "no title")
            continue
        sheet.add(
            Row(
                where=f"line {number}",
                title=title,
                rating="" if said else score,
                liked=score if said else "",
                status=status,
            )
        )
    if not any(row.rating or row.liked for row in sheet.rows):
        sheet.used_columns = ["title"]
    return sheet


def _heading(text: str) -> str | None:
    """Return the status that a heading names, empty if it names none; None if it is no heading."""
    match = _HEADING.fullmatch(_COUNT.sub("", text))
    if match is None:
        return None
    said = match["hashed"] or match["said"]
    if statuses.is_status(_COUNT.sub("", said)):
        return _COUNT.sub("", said)
    return "" if match["hashed"] else None


def _are_counted(lines: Iterable[str]) -> bool:
    """Return whether the lines begin with numbers that count them."""
    numbers = [int(m["number"]) if (m := _NUMBERED.match(one)) else None for one in lines]
    steps = [
        after - before
        for before, after in pairwise(numbers)
        if before is not None and after is not None
    ]
    single = len(numbers) == 1 and numbers[0] == 1
    return single or (len(steps) >= max(1, 0.8 * (len(numbers) - 1)) and set(steps) <= {1, -1})
