"""JSON lists, also those that were cut off or damaged."""

from __future__ import annotations

import json
import re
from collections import Counter
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
            value, end = decoder.raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, list) or "{" not in candidate[end:]:
            return value
        break  # objects one after another, such as a line each
    return _salvaged(text, decoder)


def _nesting(text: str) -> int:
    """Return how deep the brackets of a text are nested, those in strings left out."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", _STRINGS.sub("", text)):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _salvaged(text: str, decoder: json.JSONDecoder) -> Salvaged | None:
    """Return the objects that can be read, each at the outermost level where it can.

    Nothing is read from within an entry that is broken: what is said of it would be missing.
    """
    objects: list[dict] = []
    broken = 0
    usual = _usual_first_key(text)
    place = text.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
            objects.append(value)
            place = text.find("{", end)
        except (ValueError, RecursionError):
            keys = _own_keys(text, place)
            if set(keys) & _ENTRY_KEYS and not set(keys) & _WRAPPER_KEYS:
                broken += 1
                place = _next_like(text, place, {keys[0], usual})
            else:
                place = text.find("{", place + 1)
    return Salvaged(tuple(objects), broken) if objects or broken else None


_ENTRY_KEYS = frozenset([
    "status", "score", "rating", "anime_id", "title", "name", "mediaId", "series_id",
    "target_id", "target_title", "media", "show", "user_rating", "anime_title", "node",
    "attributes", "eps", "progress",
])  # fmt: skip
_WRAPPER_KEYS = frozenset(["entries", "lists", "data", "included", "anime", "shows", "movies"])
_START = re.compile(r'\{\s*"([^"\\]{1,60})"\s*:')
_KEY = re.compile(r'[{,]\s*"([^"\\]*)"\s*:')


def _own_keys(text: str, start: int) -> list[str]:
    """Return the keys of a broken object before anything that it encloses."""
    stretch = text[start : start + 2000]
    inner = min((p for p in (stretch.find("{", 1), stretch.find("[", 1)) if p > 0), default=2000)
    return _KEY.findall(stretch[: inner + 1])


def _usual_first_key(text: str) -> str:
    """Return the first key of most of the objects that look like entries, of the outer ones."""
    counts: Counter[str] = Counter()
    entries: dict[str, bool] = {}
    for match in _START.finditer(text):
        counts[match[1]] += 1
        if match[1] not in entries:
            keys = set(_own_keys(text, match.start()))
            entries[match[1]] = bool(keys & _ENTRY_KEYS) and not keys & _WRAPPER_KEYS
    most = max((counts[key] for key in entries if entries[key]), default=0)
    return next((k for k in entries if entries[k] and counts[k] * 2 >= most), "")


def _next_like(text: str, start: int, first_keys: set[str]) -> int:
    """Return where the next object begins that has one of these first keys, -1 if none does."""
    known = "|".join(map(re.escape, sorted(first_keys)))
    match = re.compile(rf'\{{\s*"(?:{known})"\s*:').search(text, start + 1)
    return match.start() if match else -1
