"""Finding an anime by any of its names, with typos tolerated."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from anirec.config import InputError

RESEMBLES = 60.0
"""A name resembles what was typed when their similarity is at least this, of 100."""

MEANT = 80.0
"""A name is taken as meant when its similarity to what was typed is at least this, of 100."""


class UnknownTitle(InputError):
    """No anime has a name near enough to what was typed; the message suggests the nearest."""


def normalized(text: str) -> str:
    """Return a name as it is compared: compatibility form, no accents, case or punctuation."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    # Combining marks are dropped after Latin letters only: in kana they are part of the letter.
    kept = (c for c in decomposed if not ("\u0300" <= c <= "\u036f"))
    composed = unicodedata.normalize("NFC", "".join(kept))
    return " ".join("".join(c if c.isalnum() else " " for c in composed).split()) or text.strip()


class TitleIndex:
    """Search over the romaji, English and Japanese names of a catalogue.

    Parameters
    ----------
    anime : frame with ``anime_id``, ``title``, ``title_english``, ``title_japanese``, ``members``.
    """

    def __init__(self, anime: pd.DataFrame) -> None:
        names = anime.melt(
            id_vars=["anime_id", "members"],
            value_vars=["title", "title_english", "title_japanese"],
            value_name="name",
        ).dropna(subset="name")
        self._ids = names["anime_id"].to_numpy()
        self._members = names["members"].fillna(0).to_numpy(dtype=np.int64)
        self._names = [normalized(name) for name in names["name"]]
        self._titles = anime.set_index("anime_id")["title"]

    def search(self, text: str, limit: int = 10) -> list[int]:
        """Return the ids of the anime whose names fit ``text`` best, best first.

        A name that equals the text comes before one that starts with it, then one whose words
        start with its words, then one that resembles it; the more popular first on ties.
        """
        fits = self._fits(normalized(text))
        return self._best(np.where(fits >= RESEMBLES, fits, 0), limit)

    def resolve(self, text: str) -> int:
        """Return the id of the anime meant by ``text``.

        Raises
        ------
        UnknownTitle
            If no name equals it, starts with it, has its words or is at least 80 % like it.
        """
        fits = self._fits(normalized(text))
        found = self._best(np.where(fits >= MEANT, fits, 0), 1)
        if found:
            return found[0]
        nearest = "; ".join(self._titles[anime_id] for anime_id in self._best(fits, 3))
        raise UnknownTitle(
            f"no anime is called {text!r}" + (f": did you mean {nearest}?" if nearest else "")
        )

    def is_name(self, text: str) -> bool:
        """Return whether an anime has exactly this name, but for case, accents, punctuation."""
        return normalized(text) in self._names

    def _fits(self, query: str) -> np.ndarray:
        """Return for each name how well it fits ``query``, float32 (n_names,).

        400 for an equal name, 300 for one that starts with it, 200 for one whose words start with
        its words; otherwise the similarity from 0 to 100 (normalised indel distance of the names,
        or of their sorted words).
        """
        if not query:
            return np.zeros(len(self._names), dtype=np.float32)
        like, sorted_like = (
            process.cdist([query], self._names, scorer=scorer, dtype=np.float32)[0]
            for scorer in (fuzz.ratio, fuzz.token_sort_ratio)
        )
        fits = np.maximum(like, sorted_like)
        words = [f" {word}" for word in query.split()]
        for index, name in enumerate(self._names):
            if name == query:
                fits[index] = 400
            elif name.startswith(query):
                fits[index] = 300
            elif all(word in f" {name}" for word in words):
                fits[index] = 200
        return fits

    def _best(self, fits: np.ndarray, limit: int) -> list[int]:
        """Return the ids of the ``limit`` anime with the best-fitting names that fit at all."""
        order = np.lexsort((-self._members, -fits))
        order = order[fits[order] > 0]
        return list(dict.fromkeys(self._ids[order].tolist()))[:limit]
