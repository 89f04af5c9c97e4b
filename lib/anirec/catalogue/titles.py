"""Finding an anime by any of its names, its abbreviation, or a name with typos."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from anirec.config import InputError

RESEMBLES = 60.0
"""A name resembles what was typed when their similarity is at least this, of 100."""

MEANT = 80.0
"""A name is taken as meant when its similarity to what was typed is at least this, of 100."""

EXACT, EQUAL, PREFIX, WORDS, ABBREVIATION = 500.0, 400.0, 300.0, 200.0, 85.0
"""How well a name fits what was typed, when it does more than resemble it (see `TitleIndex`)."""

SHORTLIST = 300
"""Names whose similarity is computed: those that share most trigrams with what was typed."""

ABBREVIATED = 4000
"""The most popular anime, this many, may be called by an abbreviation."""

PARTICLES = frozenset(
    [
        "a",
        "an",
        "and",
        "de",
        "e",
        "ga",
        "in",
        "ni",
        "no",
        "o",
        "of",
        "on",
        "the",
        "to",
        "wa",
        "wo",
        "x",
    ]
)
"""Words that abbreviations often leave out."""

TEXTS = ("names", "raw", "words", "short_words")
NUMBERS = (
    "ids", "members", "word_starts", "word_names", "lengths", "trigrams", "trigram_starts",
    "trigram_names", "short_index",
)  # fmt: skip
"""What the index consists of."""

NOT_ALNUM_ASCII = re.compile("[^a-z0-9]+")


class UnknownTitle(InputError):
    """No anime has a name near enough to what was typed; the message suggests the nearest."""


def normalized(text: str) -> str:
    """Return a name as it is compared: compatibility form, no accents, case or punctuation."""
    if text.isascii():
        return NOT_ALNUM_ASCII.sub(" ", text.lower()).strip() or " ".join(text.split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    # Combining marks are dropped after Latin letters only: in kana they are part of the letter.
    kept = (c for c in decomposed if not ("\u0300" <= c <= "\u036f"))
    composed = unicodedata.normalize("NFC", "".join(kept))
    words = "".join(c if c.isalnum() else " " for c in composed).split()
    return " ".join(words or text.split())


class TitleIndex:
    """Search over the romaji, English and Japanese names of a catalogue.

    A name fits what was typed best when it is the same to the letter (`EXACT`), then when it is
    equal but for case, accents and punctuation (`EQUAL`), then when it starts with it or its words
    are abbreviated by it (``hxh``, ``fmab``, ``steinsgate``; `PREFIX`), then when its words start
    with the words typed (any part of a Japanese name counts as a word; `WORDS`), and at last by
    similarity from 0 to 100, where it counts as `ABBREVIATION` that only some of its words are
    abbreviated by what was typed (``oreimo``). The more popular anime comes first on ties.

    Only names found by prefix, by word or by shared trigrams are looked at, so that a search takes
    milliseconds.

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
        names = names[names["name"].astype("str").str.strip() != ""]
        raw = names["name"].tolist()
        normal = [normalized(name) for name in raw]
        # Ascending, so that the names with a prefix lie side by side.
        order = sorted(range(len(normal)), key=normal.__getitem__)
        self._names = [normal[i] for i in order]
        self._raw = [" ".join(raw[i].casefold().split()) for i in order]
        self._ids = names["anime_id"].to_numpy()[order]
        self._members = names["members"].fillna(0).to_numpy(dtype=np.int64)[order]
        self._words, self._word_starts, self._word_names = _word_postings(self._names)
        keys, owners = _trigrams(self._names)
        self._lengths = np.bincount(owners, minlength=len(self._names)).astype(np.float32)
        self._trigrams, self._trigram_starts, self._trigram_names = _postings(keys, owners)
        self._short_index, self._short_words = self._abbreviable()
        self._ready(anime)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `from_arrays` makes the index from again, much faster than from the names."""
        texts = {name: _packed(getattr(self, f"_{name}")) for name in TEXTS}
        return texts | {name: getattr(self, f"_{name}") for name in NUMBERS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], anime: pd.DataFrame) -> TitleIndex:
        """Return the index of ``anime`` from the arrays of an index of the same table."""
        index = cls.__new__(cls)
        for name in TEXTS:
            setattr(index, f"_{name}", _unpacked(arrays[name]))
        for name in NUMBERS:
            setattr(index, f"_{name}", arrays[name])
        index._ready(anime)
        return index

    def _ready(self, anime: pd.DataFrame) -> None:
        self._titles = anime.set_index("anime_id")["title"]
        self._by_initial: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        for index, words in zip(self._short_index.tolist(), self._short_words, strict=True):
            self._by_initial.setdefault(words[0], []).append((index, tuple(words.split())))

    def search(self, text: str, limit: int = 10) -> list[int]:
        """Return the ids of the anime whose names fit ``text`` best, best first."""
        fits = self._fits(text, partly=True)
        return self._best(np.where(fits >= RESEMBLES, fits, 0), limit)

    def resolve(self, text: str, meant: float = MEANT) -> int:
        """Return the id of the anime meant by ``text``.

        Parameters
        ----------
        meant : how well a name must fit, see `TitleIndex`; `EQUAL` takes equal names only.

        Raises
        ------
        UnknownTitle
            If no name fits so well: by default, if none equals it, starts with it, has its words,
            is abbreviated so or is at least 80 % like it. The message suggests the nearest three.
        """
        fits = self._fits(text, partly=False)
        best = self._best(np.where(fits >= meant, fits, 0), 1)
        if best:
            return best[0]
        nearest = "; ".join(self._titles[anime_id] for anime_id in self._best(fits, 3))
        raise UnknownTitle(
            f"no anime is called {text!r}" + (f": did you mean {nearest}?" if nearest else "")
        )

    def named(self, text: str) -> int | None:
        """Return the id of the anime with exactly this name, the same letters before equal ones,
        the more popular first; None if there is none."""
        typed = " ".join(text.casefold().split())
        equal = self._equal(normalized(text))
        best = max(equal, key=lambda i: (self._raw[i] == typed, self._members[i]), default=None)
        return None if best is None else int(self._ids[best])

    def alike(self, text: str, least: float) -> int | None:
        """Return the id of the anime with the name most like ``text``, if its similarity is at
        least ``least``, of 100; None otherwise."""
        query = normalized(text)
        fits = np.zeros(len(self._names), dtype=np.float32)
        if query and self._names:
            shortlist, similarity = self._similar(query, partly=False)
            fits[shortlist] = similarity
        best = self._best(np.where(fits >= least, fits, 0), 1)
        return best[0] if best else None

    def is_name_of(self, text: str, anime_id: int) -> bool:
        """Return whether an anime has this name, but for case, accents and punctuation."""
        return any(self._ids[index] == anime_id for index in self._equal(normalized(text)))

    def is_name(self, text: str) -> bool:
        """Return whether an anime has exactly this name, but for case, accents, punctuation."""
        return len(self._equal(normalized(text))) > 0

    def _fits(self, text: str, partly: bool) -> np.ndarray:
        """Return for each name how well it fits ``text``, float32 (n_names,); see `TitleIndex`.

        With ``partly`` a name that only begins like the text, or holds something like it,
        resembles it too: whoever types has not finished.
        """
        fits = np.zeros(len(self._names), dtype=np.float32)
        query = normalized(text)
        if not query or not self._names:
            return fits
        shortlist, similarity = self._similar(query, partly)
        fits[shortlist] = similarity
        whole, partial = self._abbreviated(query)
        fits[partial] = np.maximum(fits[partial], ABBREVIATION)
        fits[self._with_words(query.split())] = WORDS
        fits[whole] = PREFIX
        fits[slice(*_prefix_range(self._names, query))] = PREFIX
        typed = " ".join(text.casefold().split())
        for index in self._equal(query):
            fits[index] = EXACT if self._raw[index] == typed else EQUAL
        return fits

    def _equal(self, query: str) -> range:
        return range(bisect_left(self._names, query), bisect_left(self._names, query + "\0"))

    def _with_words(self, words: list[str]) -> np.ndarray:
        """Return which names hold, for each word typed, a word that starts with it, bool."""
        have_all = np.ones(len(self._names), dtype=bool)
        for word in words:
            start, stop = _prefix_range(self._words, word)
            have = np.zeros(len(self._names), dtype=bool)
            have[self._word_names[self._word_starts[start] : self._word_starts[stop]]] = True
            have_all &= have
        return have_all

    def _similar(self, query: str, partly: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return the names that share most trigrams with ``query``, and their similarity to it.

        The similarity, from 0 to 100, is the greater one of the normalised indel similarities of
        the names and of their sorted words; with ``partly`` also of the name's beginning and of
        its most similar part, for which a tenth is taken off.
        """
        shared = self._shared_trigrams(query)
        shortlist = np.argpartition(-shared, min(SHORTLIST, len(shared)) - 1)[:SHORTLIST]
        shortlist = shortlist[shared[shortlist] > 0]
        names = [self._names[i] for i in shortlist]

        def like(scorer, choices: list[str]) -> np.ndarray:
            return process.cdist([query], choices, scorer=scorer, dtype=np.float32)[0]

        if not names:
            return shortlist, np.zeros(0, dtype=np.float32)
        fits = np.maximum(like(fuzz.ratio, names), like(fuzz.token_sort_ratio, names))
        if partly:
            begun = like(fuzz.ratio, [name[: len(query)] for name in names])
            part = like(fuzz.partial_ratio, names)
            part[[len(name) <= len(query) for name in names]] = 0
            fits = np.maximum(fits, 0.9 * np.maximum(begun, part))
        return shortlist, fits

    def _shared_trigrams(self, query: str) -> np.ndarray:
        """Return for each name what share of its and the query's trigrams is common, (n_names,).

        The overlap counts by the query's trigrams mostly, since a name may go on.
        """
        keys = np.unique(_trigrams([query])[0])
        places = np.searchsorted(self._trigrams, keys)
        places = places[places < len(self._trigrams)]
        places = places[np.isin(self._trigrams[places], keys)]
        slices = [
            self._trigram_names[self._trigram_starts[place] : self._trigram_starts[place + 1]]
            for place in places
        ]
        found = np.concatenate(slices) if slices else np.zeros(0, dtype=np.int32)
        counts = np.bincount(found, minlength=len(self._names)).astype(np.float32)
        return counts / (len(keys) + 0.2 * self._lengths)

    def _abbreviated(self, query: str) -> tuple[list[int], list[int]]:
        """Return the popular anime's names of which ``query`` abbreviates all words, or some."""
        whole: list[int] = []
        partial: list[int] = []
        if len(query) < 3 or " " in query:
            return whole, partial
        for index, words in self._by_initial.get(query[0], ()):
            left_out = _left_out(query, words)
            if left_out == 0:
                whole.append(index)
            elif left_out < len(query):
                partial.append(index)
        return whole, partial

    def _abbreviable(self) -> tuple[np.ndarray, list[str]]:
        """Return the popular anime's names of several words, positions and names.

        Compounds are split where both parts are words of other names: ``fullmetal`` counts as two.
        """
        popular = np.argsort(-self._members, kind="stable")[: 3 * ABBREVIATED]
        known = set(self._words)
        found: list[int] = []
        names: list[str] = []
        for index in np.sort(popular).tolist():
            words = [part for word in self._names[index].split() for part in _parts(word, known)]
            if len(words) > 1:
                found.append(index)
                names.append(" ".join(words))
        return np.array(found, dtype=np.int64), names

    def _best(self, fits: np.ndarray, limit: int) -> list[int]:
        """Return the ids of the ``limit`` anime with the best-fitting names that fit at all."""
        found = np.flatnonzero(fits > 0)
        order = found[np.lexsort((-self._members[found], -fits[found]))]
        return list(dict.fromkeys(self._ids[order].tolist()))[:limit]


def _words(name: str) -> Iterable[str]:
    """Return where a search by word may begin: its words; any character of a Japanese one."""
    for word in name.split():
        if word.isascii():
            yield word
        else:
            yield from (word[start:] for start in range(len(word)))


def _packed(texts: list[str]) -> np.ndarray:
    """Return texts without line breaks as bytes, uint8."""
    return np.frombuffer("\n".join(texts).encode("utf-8"), dtype=np.uint8)


def _unpacked(packed: np.ndarray) -> list[str]:
    return packed.tobytes().decode("utf-8").split("\n") if len(packed) else []


def _word_postings(names: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the words of the names, ascending; where each one's names start; those names."""
    words: list[str] = []
    owners: list[int] = []
    for index, name in enumerate(names):
        found = list(_words(name))
        words += found
        owners += [index] * len(found)
    known = sorted(set(words))
    codes = {word: code for code, word in enumerate(known)}
    keys = np.fromiter((codes[word] for word in words), dtype=np.int64, count=len(words))
    _, starts, postings = _postings(keys, np.array(owners, dtype=np.int32))
    return known, starts, postings


def _postings(keys: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the distinct keys, ascending; where each one's owners start, and an end; the owners.

    ``owners[starts[i] : starts[i + 1]]`` are the owners of the key at ``i``.
    """
    order = np.argsort(keys, kind="stable")
    distinct, starts = np.unique(keys[order], return_index=True)
    return distinct, np.append(starts, len(keys)), owners[order]


def _trigrams(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the trigrams of the names, each name between spaces, as integers; and their names.

    int64 and int32 (n_trigrams,): three code points of 21 bits each; the positions in ``names``.
    """
    lengths = np.fromiter((len(name) for name in names), dtype=np.int64, count=len(names))
    if not names:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
    text = " " + "  ".join(names) + " "
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
    keys = (points[:-2] << 42) | (points[1:-1] << 21) | points[2:]
    starts = np.cumsum(lengths + 2) - (lengths + 2)
    own = np.ones(len(keys), dtype=bool)
    for start in starts[1:]:
        own[start - 2 : start] = False  # would reach from one name into the next
    return keys[own], np.repeat(np.arange(len(names), dtype=np.int32), lengths)


def _prefix_range(ascending: list[str], prefix: str) -> tuple[int, int]:
    """Return the first and one past the last position of the texts that start with ``prefix``."""
    return bisect_left(ascending, prefix), bisect_left(ascending, prefix + "\U0010ffff")


def _parts(word: str, known: set[str]) -> tuple[str, ...]:
    """Return a compound's two parts where both are words of names, else the word."""
    for cut in range(3, len(word) - 2):
        if word[:cut] in known and word[cut:] in known and len(word) >= 8:
            return word[:cut], word[cut:]
    return (word,)


def _left_out(query: str, words: tuple[str, ...]) -> int:
    """Return how many words ``query`` leaves out at least, if it abbreviates ``words``.

    It does if it can be cut into beginnings of some of the words, in their order and with the
    first of them; beginnings of at least two letters, or whole words, if it is longer than five.
    Particles count only where they are used. `len(query)` means that it does not.
    """
    impossible = len(query)
    least = 1 if len(query) <= 5 else 2

    def fewest(place: int, index: int) -> int:
        if place == len(query):
            return sum(word not in PARTICLES for word in words[index:])
        if index == len(words):
            return impossible
        word = words[index]
        best = impossible
        if index:
            best = fewest(place, index + 1) + (word not in PARTICLES)
        for size in range(1, min(len(word), len(query) - place) + 1):
            if query[place + size - 1] != word[size - 1]:
                break
            if size >= least or size == len(word):
                best = min(best, fewest(place + size, index + 1))
        return best

    return min(impossible, fewest(0, 0))
