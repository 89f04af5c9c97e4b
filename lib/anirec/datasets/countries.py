"""Countries from free text."""

from __future__ import annotations


def country_of(location: str) -> str | None:
    return None
