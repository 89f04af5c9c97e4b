"""Finding an anime by any of its names, its abbreviation, or a name with typos."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from anirec.catalogue.other_names import other_names
from anirec.catalogue.title_forms import (
    PARTICLES,
    TitleForm,
    differ_by_typos,
    form_of,
    letters,
    normalized,
    tails_agree,
)
from anirec.config import InputError

RESEMBLES = 60.0
"""A name resembles what was typed when their similarity is at least this, of 100."""

EXACT, EQUAL, FORM, PREFIX, WORDS, ABBREVIATION = 500.0, 400.0, 350.0, 300.0, 200.0, 85.0
"""How well a name fits what was typed, when it does more than resemble it (see `TitleIndex`)."""

SHORTLIST = 300
"""Names whose similarity is computed: those that share most trigrams with what was typed."""

ABBREVIATED = 4000
"""The most popular anime, this many, may be called by an abbreviation."""

LIKE_ENOUGH = 80.0
"""Bases less like one another than this, of 100, differ by more than slips of typing."""

LONG_PREFIX = 8
"""A name that is not typed to its end is taken from so many letters on."""

TITLE, OTHER_NAME, SIMILAR = "title", "other name", "similar"
"""How an anime was found: by one of its titles, another name of it, or a likeness."""

TEXTS = ("names", "raw", "words", "short_words", "bases", "tails")
NUMBERS = (
    "ids", "members", "other", "seasons", "parts", "years", "spoken", "tv", "word_starts",
    "word_names", "lengths", "trigrams", "trigram_starts", "trigram_names", "short_index",
)  # fmt: skip
"""What the index consists of."""

KINDS = {
    "tv": "TV", "movie": "Movie", "film": "Movie", "ova": "OVA", "oad": "OVA", "ona": "ONA",
    "special": "Special", "specials": "Special", "tvspecial": "Special", "music": "Music",
    "tvshort": "TV", "series": "TV",
}  # fmt: skip
"""What sites call the types of anime, in small letters without blanks."""

SHORT_ONES = frozenset(["OVA", "ONA", "Special"])
"""Types that sites take for one another."""


@dataclass(frozen=True)
class Meant:
    """What a text was taken for.

    Attributes
    ----------
    anime_id : the anime.
    how : `TITLE`, `OTHER_NAME` or `SIMILAR`.
    name : the name of it that it was taken for.
    shared : how many other anime have that very name.
    """

    anime_id: int
    how: str
    name: str
    shared: int = 0


class UnknownTitle(InputError):
    """No anime has a name near enough to what was typed; the message suggests the nearest."""


class TitleIndex:
    """Search over the romaji, English and Japanese titles of a catalogue, and other names.

    A name fits what was typed best when it is the same to the letter (`EXACT`), then when it is
    equal but for case, accents and punctuation (`EQUAL`), then when both name the same season of
    the same base (`FORM`, see `title_forms`), then when it starts with it or its words are
    abbreviated by it (``hxh``, ``fmab``, ``steinsgate``; `PREFIX`), then when its words start with
    the words typed (any part of a Japanese name counts as a word; `WORDS`), and at last by
    similarity from 0 to 100, where it counts as `ABBREVIATION` that only some of its words are
    abbreviated by what was typed (``oreimo``). The more popular anime comes first on ties.

    Only names found by prefix, by word or by shared trigrams are looked at, so that a search takes
    milliseconds.

    Parameters
    ----------
    anime : frame with ``anime_id``, ``title``, ``title_english``, ``title_japanese``, ``members``;
        where it has ``title_synonyms``, ``mal_id``, ``year`` and ``type``, they are used too.
    """

    def __init__(self, anime: pd.DataFrame) -> None:
        names = anime.melt(
            id_vars=["anime_id", "members"],
            value_vars=["title", "title_english", "title_japanese"],
            value_name="name",
        ).dropna(subset="name")
        names = names[names["name"].astype("str").str.strip() != ""]
        raw = names["name"].tolist()
        ids, n_titles = names["anime_id"].tolist(), len(names)
        others = [pair for pair in _other_names(anime) if pair[1].strip()]
        raw += [name for _, name in others]
        ids += [anime_id for anime_id, _ in others]
        normal = [normalized(name) for name in raw]
        # Ascending, so that the names with a prefix lie side by side.
        order = sorted(range(len(normal)), key=normal.__getitem__)
        known = dict(zip(anime["anime_id"], anime["members"].fillna(0), strict=True))
        self._names = [normal[i] for i in order]
        self._raw = [letters(raw[i]) for i in order]
        self._ids = np.array(ids, dtype=np.int64)[order]
        self._members = np.array([known[i] for i in self._ids.tolist()], dtype=np.int64)
        self._other = np.array(order, dtype=np.int64) >= n_titles
        self._take_apart([raw[i] for i in order])
        self._words, self._word_starts, self._word_names = _word_postings(self._names)
        keys, owners = _trigrams(self._names)
        self._lengths = np.bincount(owners, minlength=len(self._names)).astype(np.float32)
        self._trigrams, self._trigram_starts, self._trigram_names = _postings(keys, owners)
        self._short_index, self._short_words = self._abbreviable()
        self._ready(anime)

    def _take_apart(self, raw: list[str]) -> None:
        forms = [form_of(name) for name in raw]
        self._bases = [form.base for form in forms]
        self._tails = [form.tail for form in forms]
        self._seasons = np.array([form.season for form in forms], dtype=np.int16)
        self._parts = np.array([form.part for form in forms], dtype=np.int16)
        self._years = np.array([form.year for form in forms], dtype=np.int16)
        self._spoken = np.array([form.spoken for form in forms], dtype=bool)
        self._tv = np.array([form.tv for form in forms], dtype=bool)

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
        self._aired = _known(anime, "year")
        self._types = _known(anime, "type")
        self._by_initial: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
        for index, words in zip(self._short_index.tolist(), self._short_words, strict=True):
            self._by_initial.setdefault(words[0], []).append((index, tuple(words.split())))

    @cached_property
    def _by_base(self) -> dict[str, list[int]]:
        """The names with each base."""
        found: dict[str, list[int]] = {}
        for index, base in enumerate(self._bases):
            found.setdefault(base, []).append(index)
        return found

    @cached_property
    def _bases_of(self) -> dict[int, set[str]]:
        """The bases that each anime is called by where it is the first of its seasons."""
        found: dict[int, set[str]] = {}
        first = (self._seasons <= 1) & (self._parts <= 1)
        for index in np.flatnonzero(first).tolist():
            found.setdefault(int(self._ids[index]), set()).add(self._bases[index])
        return found

    def search(self, text: str, limit: int = 10) -> list[int]:
        """Return the ids of the anime whose names fit ``text`` best, best first."""
        fits = self._fits(text, partly=True)
        return self._best(np.where(fits >= RESEMBLES, fits, 0), limit)

    def resolve(self, text: str) -> int:
        """Return the id of the anime meant by ``text``.

        Raises
        ------
        UnknownTitle
            If none is for `certain`. The message suggests the nearest three.
        """
        meant = self.certain(text)
        if meant is not None:
            return meant.anime_id
        fits = self._fits(text, partly=False)
        nearest = "; ".join(self._titles[anime_id] for anime_id in self._best(fits, 3))
        raise UnknownTitle(
            f"no anime is called {text!r}" + (f": did you mean {nearest}?" if nearest else "")
        )

    def certain(self, text: str) -> Meant | None:
        """Return the anime that a text certainly means, None if there is none: `meant` says so, or
        the text is the beginning of its name, broken off within a word."""
        return self.meant(text) or self._begun(text)

    def meant(
        self,
        text: str,
        year: int | None = None,
        kind: str | None = None,
        among: Collection[int] | None = None,
        similar: bool = True,
    ) -> Meant | None:
        """Return the anime that a text is certainly the name of, None if there is none.

        The same name comes first, then the same but for case and punctuation, then the same form
        of the same base, and last one that differs by slips of typing. What differs in its season,
        part, year, type or in the marks at its end is never taken; titles come before other names,
        and the more popular anime first.

        Parameters
        ----------
        year, kind : the year and type it is known to have, in any site's spelling.
        among : the ids of the anime that it may be; all if None.
        similar : whether slips of typing are forgiven.
        """
        typed = letters(text)
        if not typed or not self._names:
            return None
        form = form_of(text)

        def allowed(indices: Iterable[int]) -> list[int]:
            return [i for i in indices if self._may_be(i, year, kind, among)]

        equal = self._equal(normalized(text))
        for same in (
            [i for i in equal if self._raw[i] == typed],
            [i for i in equal if tails_agree(form.tail, self._tails[i])],
            self._of_form(form),
        ):
            if found := allowed(same):
                return self._taken(found, None)
        if similar and (found := allowed(self._like(form))):
            return self._taken(found, SIMILAR)
        return None

    def _taken(self, indices: list[int], how: str | None) -> Meant:
        best = min(indices, key=lambda i: (self._other[i], -self._members[i]))
        how = how or (OTHER_NAME if self._other[best] else TITLE)
        rivals = {int(self._ids[i]) for i in indices if self._raw[i] == self._raw[best]}
        return Meant(int(self._ids[best]), how, self._raw[best], len(rivals) - 1)

    def _may_be(
        self, index: int, year: int | None, kind: str | None, among: Collection[int] | None
    ) -> bool:
        anime_id = int(self._ids[index])
        if among is not None and anime_id not in among:
            return False
        aired = self._aired.get(anime_id)
        if year and aired and abs(int(aired) - year) > 1:
            return False
        stated = KINDS.get("".join(filter(str.isalpha, (kind or "").lower())))
        known = self._types.get(anime_id)
        if not stated or not known or stated == known:
            return True
        return stated in SHORT_ONES and known in SHORT_ONES

    def _of_form(self, form: TitleForm) -> list[int]:
        """Return the names that are the same form of the same base."""
        if not form.base:
            return []
        found = self._agreeing(form, form.base)
        if found or form.is_plain:
            return found
        # "aot 2": the base is another name of the first season.
        roots = {
            int(self._ids[i]) for i in self._agreeing(TitleForm(form.base, form.words), form.base)
        }
        bases = {base for root in roots for base in self._bases_of.get(root, ())} - {form.base}
        untold = TitleForm(**{**vars(form), "tail": ""})
        return [index for base in sorted(bases) for index in self._agreeing(untold, base)]

    def _agreeing(self, form: TitleForm, base: str) -> list[int]:
        """Return the names with a base that agree with a form; of those the ones that fit best."""
        same = [i for i in self._by_base.get(base, ()) if tails_agree(form.tail, self._tails[i])]
        same = [i for i in same if self._parts[i] == form.part]
        found = [i for i in same if self._seasons[i] == form.season]
        if form.season == 1 and not found and any(self._seasons[i] == 2 for i in same):
            found = [i for i in same if not self._seasons[i]]
        if not form.season and not found:
            found = [i for i in same if self._seasons[i] == 1]
        if form.year:
            found = [i for i in found if form.year in (self._years[i], self._aired_in(i))]
        elif any(not self._years[i] for i in found):
            found = [i for i in found if not self._years[i]]
        elif len({int(self._ids[i]) for i in found}) > 1:
            found = []
        if form.tv:
            found = [i for i in found if self._types.get(int(self._ids[i]), "TV") == "TV"]
        spoken = [i for i in found if self._spoken[i]] if form.spoken else []
        return spoken or found

    def _aired_in(self, index: int) -> int:
        return int(self._aired.get(int(self._ids[index]), 0))

    def _like(self, form: TitleForm) -> list[int]:
        """Return the names that differ from a form by slips of typing, the likest ones."""
        if len(form.base) < 4 or form.year or form.tv:
            return []
        shared = self._shared_trigrams(form.words)
        shortlist = np.argpartition(-shared, min(SHORTLIST, len(shared)) - 1)[:SHORTLIST]
        agree = (self._seasons[shortlist] == form.season) & (self._parts[shortlist] == form.part)
        shortlist = shortlist[(shared[shortlist] > 0) & agree]
        if not len(shortlist):
            return []
        bases = [self._bases[i] for i in shortlist.tolist()]
        like = process.cdist([form.base], bases, scorer=fuzz.ratio, dtype=np.float32)[0]
        best: list[int] = []
        least = LIKE_ENOUGH
        for place in np.argsort(-like, kind="stable").tolist():
            if like[place] < least:
                break
            index = int(shortlist[place])
            name = form_of(self._raw[index])
            if tails_agree(form.tail, name.tail) and differ_by_typos(form.words, name.words):
                best.append(index)
                least = like[place]
        return best

    def _begun(self, text: str) -> Meant | None:
        """Return the anime whose name a text is the beginning of, broken off within a word."""
        query = normalized(text)
        if len(query) < LONG_PREFIX:
            return None
        start, stop = _prefix_range(self._names, query)
        begun = [i for i in range(start, stop) if self._names[i][len(query) :][:1] not in ("", " ")]
        if not begun:
            return None
        shortest = min(begun, key=lambda i: len(self._names[i]))
        one = len({int(self._ids[i]) for i in begun}) == 1
        if not one and any(not self._names[i].startswith(self._names[shortest]) for i in begun):
            return None
        return self._taken(list(self._equal(self._names[shortest])), SIMILAR)

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
        fits[self._of_form(form_of(text))] = FORM
        typed = letters(text)
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


def _known(anime: pd.DataFrame, column: str) -> dict[int, Any]:
    """Return a column's values by anime id, without those that are unknown or absent."""
    if column not in anime:
        return {}
    values = anime.set_index("anime_id")[column].astype(object).dropna()
    return dict(zip(values.index.tolist(), values.tolist(), strict=True))


def _other_names(anime: pd.DataFrame) -> Iterator[tuple[int, str]]:
    """Yield the other names of anime: the table's, and those that people use."""
    if "title_synonyms" in anime:
        for anime_id, names in zip(anime["anime_id"], anime["title_synonyms"], strict=True):
            if isinstance(names, list | tuple | np.ndarray):
                yield from ((int(anime_id), str(name)) for name in names)
    yield from other_names(anime)


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
