"""JSON lists, also those that were cut off or damaged."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from anirec.config import InputError

MAX_NESTING = 60
"""Levels of brackets in a JSON list, at most; an export has ten."""

_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_TRAILING_COMMA = re.compile(r",(?=\s*[\]}])")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)


@dataclass(frozen=True)
class Salvaged:
    """What could be read of a damaged JSON list: the objects in it, outermost first, and how many
    others were begun."""

    objects: tuple[dict, ...]
    broken: int


def read_json_text(text: str) -> object:
    """Return the value of a JSON text, or what can be `Salvaged` of it; None if nothing can.

    Raises
    ------
    InputError
        If it is nested too deeply.
    """
    text = _NOT_TEXT.sub(" ", text).strip()
    if _nesting(text) > MAX_NESTING:
        raise InputError("the JSON file is nested too deeply: it is no list")
    decoder = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
    for candidate in (text, _TRAILING_COMMA.sub("", text)):
        try:
            return decoder.raw_decode(candidate)[0]
        except (ValueError, RecursionError):
            continue
    return _salvaged(text, decoder)


def _nesting(text: str) -> int:
    """Return how deep the brackets of a text are nested, those in strings left out."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", _STRINGS.sub("", text)):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _salvaged(text: str, decoder: json.JSONDecoder) -> Salvaged | None:
    """Return the objects that can be read, each at the outermost level where it can."""
    objects: list[dict] = []
    broken: list[int] = []
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
            objects.append(value)
            place = text.find("{", end)
        except (ValueError, RecursionError):
            broken.append(place)
            place = text.find("{", place + 1)
    if not objects:
        return None
    # An object that encloses those that were read is no entry: only what lies between them is.
    entries = sum(1 for start in broken if _own_keys(text, start) & _ENTRY_KEYS)
    return Salvaged(tuple(objects), entries)


_ENTRY_KEYS = frozenset([
    "status", "score", "rating", "anime_id", "title", "name", "mediaId", "series_id",
    "target_id", "target_title", "media", "show", "user_rating", "anime_title", "node",
    "attributes",
])  # fmt: skip
_KEY = re.compile(r'\{\s*"([^"\\]*)"\s*:|,\s*"([^"\\]*)"\s*:')


def _own_keys(text: str, start: int) -> set[str]:
    """Return the keys of a broken object before anything that it encloses."""
    stretch = text[start : start + 2000]
    inner = min((p for p in (stretch.find("{", 1), stretch.find("[", 1)) if p > 0), default=2000)
    return {first or later for first, later in _KEY.findall(stretch[:inner])}
