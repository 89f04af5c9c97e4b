"""Which anime belong to one franchise, and in which order: as related, else told from titles."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntFlag
from itertools import combinations
from operator import attrgetter

import numpy as np
import pandas as pd

from anirec.catalogue.franchises import Franchises
from anirec.catalogue.relations import Relations
from anirec.catalogue.title_forms import PARTICLES, normalized
from anirec.vectors import unit_rows

DELIMITER = re.compile(r"(?:\s*[!?]+(?=[\s:(]|$)|:(?=\s|$)|\s[-–—]\s|/|~|\(|\)|\s\+\s)+")
"""What separates a franchise's name from the name of the part."""

MARKERS = frozenset(
    """
    1st 2nd 3rd 4th 5th 6th 7th 8th 9th first second third fourth fifth final last season series
    part stage cour chapter episode episodes volume vol tv movie movies film films gekijouban eiga
    ova ovas oad oads ona special specials sp omake recap recaps soushuuhen pilot pv cm promotion
    picture drama dvd bd box bonus extra extras plus encore preview prologue epilogue side story
    shorts short mini gaiden the animation anime a dai ki hen zenpen kouhen zen kou jo shin zoku
    kai ni san shi go roku yon new neo next re motto r r2 s ss x zero z returns return again after
    rebirth reboot remake remaster remastered edition ver version complete director directors cut
    """.split()  # noqa: SIM905
)
"""Words that tell a part of a franchise from the others, but not which franchise it is."""

COMMON = frozenset(
    """
    akuma angel animal beast black blood blue boku bouken boy boys chikyuu chou city code comic
    cross dark days death densetsu devil dragon dream earth eiyuu fantasy fight final fire force
    gakuen galaxy game ghost ginga girl girls god hana happy heart hero high hime hoshi hunter
    idol inu isekai jidai kamen kami kamisama kaze kidou kimi king kishi kishin knight koi
    kokoro koukou kuro legend life little live love magic magical mahou mahoutsukai maou master
    mirai monogatari monster moon music my neko nichijou ninja onna ookami ore otome ou pink
    power prince princess quest red robo robot sakura samurai school seitokai sekai senki sensei
    senshi shin shinigami shoujo shounen sora soul space spirit star story street super sword
    taisen tantei time tokyo tonari tsuki uchuu umi vampire wakusei war watashi white wild witch
    world yami yuki yume yuusha zombie
    """.split()  # noqa: SIM905
)
"""Words that so many titles share that alone, or one with another, they name no franchise."""

NUMERAL = re.compile(r"\d+|i{1,3}|iv|vi{0,3}|ix|xi{0,3}|s\d+|\d+wei|\d+rei")

ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "ii": 2, "iii": 3, "iv": 4,
    "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "r2": 2, "ni": 2, "san": 3, "shi": 4,
    "2wei": 2, "3rei": 3,
}  # fmt: skip

GREATEST_NUMBER = 30
"""A greater number in a title is no number of a part. A year tells a remake, which comes last."""

CROSSOVER = frozenset(["meets", "versus", "vs"])
"""A title with one of these words names two franchises, and is taken to belong to the first."""

AUDIENCES = frozenset(["Ecchi", "Erotica", "Hentai", "Kids", "Yaoi", "Yuri"])
"""Genres that say for whom an anime is rather than what it is about."""

LONGEST_RUN = 6
MOST_CLUSTERS = 80
"""A name shared by more clusters than this says nothing."""

LEAST_SHARE = 0.25
"""A cluster carries a name if at least this share of its titles does."""

LONG_WORD = 5
"""A word alone may name a franchise if it has at least this many letters."""

ALIKE = 0.6
"""Genres agree if their cosine is at least this."""

UNKNOWN_LIKENESS = 0.4
"""The likeness of an anime without genres to any other."""

ALIKE_COMMON = 0.85
"""Genres must agree so well where one anime's name is a common word that another begins with."""

NEVER = 2.0
"""A likeness that no two clusters have."""


class RunPlace(IntFlag):
    """Where a run of words stands in the titles of a cluster."""

    NAME = 1  # it is a title's whole first part, but for markers
    HEAD_ALONE = 2  # a first part is the run and markers
    HEAD = 4  # a first part begins with it, and goes on
    LATER_ALONE = 8  # a later part is the run and markers
    LATER = 16  # a later part begins with it, or it stands within a first part


IN_HEAD = RunPlace.HEAD_ALONE | RunPlace.HEAD
ALONE = RunPlace.HEAD_ALONE | RunPlace.LATER_ALONE


def find_franchises(anime: pd.DataFrame) -> Franchises:
    """Return the franchises of a catalogue.

    Anime that the catalogue relates to others are told apart and ordered by that; titles tell of
    the others, and where these belong.

    Parameters
    ----------
    anime : frame with ``anime_id``, ``title`` and, where known, ``title_english``, ``genres``
        (lists), ``type``, ``members``, ``year``, ``aired_from`` and ``related``.
    """
    relations = Relations.of(anime)
    names = _column(anime, "title")
    titles = [_Title.of(name if isinstance(name, str) else "") for name in names]
    clusters = _Clusters(_genre_vectors(_column(anime, "genres")), relations)
    english = [
        _Title.of(name) if isinstance(name, str) else None
        for name in _column(anime, "title_english")
    ]
    _merge(clusters, titles, english)
    roots = [clusters.root(index) for index in range(len(titles))]
    _, number = np.unique(roots, return_inverse=True)
    place, previous = _ordered(anime, titles, number, relations)
    members = pd.Series(_column(anime, "members"), dtype="Float64").fillna(0).to_numpy(dtype=float)
    return Franchises(
        anime_ids=anime["anime_id"].to_numpy(),
        number=number.astype(np.int32),
        place=place,
        previous=previous,
        sequel=(previous >= 0) & (members <= members[previous]),
    )


def _column(anime: pd.DataFrame, name: str) -> list[object]:
    return anime[name].tolist() if name in anime else [None] * len(anime)


@dataclass(frozen=True)
class _Title:
    """A title cut into words.

    Attributes
    ----------
    words : all of its words, normalised.
    starts : where its parts between delimiters begin, the first at 0.
    """

    words: tuple[str, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> _Title:
        words: list[str] = []
        starts: list[int] = []
        for part in DELIMITER.split(text):
            found = normalized(part).split() if part.strip() else []
            if any(character.isalnum() for word in found for character in word):
                starts.append(len(words))
                words += found
        return cls(tuple(words), tuple(starts or [0]))

    @property
    def head(self) -> tuple[str, ...]:
        return self.words[: self.starts[1]] if len(self.starts) > 1 else self.words

    def parts(self) -> Iterator[tuple[str, ...]]:
        for start, stop in zip(self.starts, (*self.starts[1:], len(self.words)), strict=True):
            yield self.words[start:stop]


def _stem(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name without the numbers and markers at its end, and those at its beginning."""
    start, stop = 0, len(words)
    while stop > 1 and _marks(words[stop - 1]):
        stop -= 1
    while start < stop - 1 and words[start] in MARKERS and words[start] not in PARTICLES:
        start += 1
    return words[start:stop]


def _marks(word: str) -> bool:
    return word in MARKERS or NUMERAL.fullmatch(word) is not None


def _content(words: Iterable[str]) -> int:
    """Return how many of the words mean something: no particles, markers or numbers."""
    return sum(word not in PARTICLES and not _marks(word) for word in words)


class _Clusters:
    """Anime merged step by step, those related first, with what each cluster is about."""

    def __init__(self, genres: np.ndarray, relations: Relations) -> None:
        self._parent = list(range(len(genres)))
        self._size = [1] * len(genres)
        self._about = genres.copy()
        self._settled = [row in relations.told for row in range(len(genres))]
        for pair in relations.pairs:
            self._join(*pair)

    def root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def roots(self, indices: Iterable[int]) -> set[int]:
        return {self.root(index) for index in indices}

    def size(self, root: int) -> int:
        return self._size[root]

    def merge(self, first: int, second: int) -> None:
        """Merge two clusters, unless relations tell them apart."""
        if not (self._settled[self.root(first)] and self._settled[self.root(second)]):
            self._join(first, second)

    def _join(self, first: int, second: int) -> None:
        first, second = sorted((self.root(first), self.root(second)))
        if first != second:
            self._parent[second] = first
            self._about[first] += self._about[second]
            self._size[first] += self._size[second]
            self._settled[first] |= self._settled[second]

    def merge_where(self, roots: list[int], carries: list[bool], alike: np.ndarray) -> None:
        """Merge the pairs of clusters that both carry a name and are ``alike``, bool (n, n)."""
        both = np.logical_and.outer(carries, carries)
        for a, b in np.argwhere(np.triu(both & alike, k=1)).tolist():
            self.merge(roots[a], roots[b])

    def likeness(self, roots: list[int]) -> np.ndarray:
        """Return the cosine of each pair of clusters' genres, float32 (n, n)."""
        about = self._about[roots]
        lengths = np.linalg.norm(about, axis=1)
        cosine = about @ about.T / np.maximum(np.outer(lengths, lengths), 1e-9)
        cosine[lengths == 0] = cosine[:, lengths == 0] = UNKNOWN_LIKENESS
        return cosine


def _genre_vectors(lists: list[object]) -> np.ndarray:
    """Return unit vectors of the genres by TF-IDF, float32 (n, n_genres)."""
    tags = [
        [tag for tag in value if tag not in AUDIENCES]
        if isinstance(value, list | np.ndarray)
        else []
        for value in lists
    ]
    column = {
        name: place for place, name in enumerate(sorted({tag for row in tags for tag in row}))
    }
    vectors = np.zeros((len(tags), max(1, len(column))), dtype=np.float32)
    for row, found in enumerate(tags):
        vectors[row, [column[tag] for tag in found]] = 1
    vectors *= np.log(max(1, len(tags)) / np.maximum(vectors.sum(axis=0), 1)) + 0.5
    return unit_rows(vectors)


def _merge(clusters: _Clusters, titles: list[_Title], english: list[_Title | None]) -> None:
    """Merge the anime that share a name: the longest runs of words first, single words last."""
    names: dict[tuple[str, ...], set[int]] = defaultdict(set)
    anywhere: dict[str, set[int]] = defaultdict(set)
    for index, title in enumerate(titles):
        names[_stem(title.head)].add(index)
        names[title.head].add(index)
        for word in title.words:
            anywhere[word].add(index)
    runs = _runs(titles, names)
    for index, title in enumerate(english):
        if title is not None and title != titles[index] and _content(_stem(title.head)) >= 2:
            names[_stem(title.head)].add(index)
            runs[_stem(title.head)].append((index, RunPlace.HEAD_ALONE))
    for run in sorted(runs, key=len, reverse=True):
        if len(runs[run]) > 1:
            _merge_by_run(clusters, run, runs[run], names, anywhere)
    for word, found in _long_words(titles).items():
        roots = clusters.roots(anywhere[word])
        _merge_by_word(clusters, found, len(roots), bool(found & names.get((word,), set())))
    for found in _word_endings(titles).values():
        _merge_by_word(clusters, found, len(clusters.roots(found)), False)


def _runs(
    titles: list[_Title], names: dict[tuple[str, ...], set[int]]
) -> dict[tuple[str, ...], list[tuple[int, RunPlace]]]:
    """Return the runs of words that may name a franchise, with the titles and where they stand.

    They are the beginnings of the parts of each title, and the names of other anime, of two words
    or more, that stand within its first part.
    """
    runs: dict[tuple[str, ...], list[tuple[int, RunPlace]]] = defaultdict(list)
    for index, title in enumerate(titles):
        for number, part in enumerate(title.parts()):
            crossover = not CROSSOVER.isdisjoint(title.words)
            if number and crossover:
                break
            stem = _stem(part)
            alone, goes_on = (
                (RunPlace.LATER_ALONE, RunPlace.LATER)
                if number
                else (RunPlace.HEAD_ALONE, RunPlace.HEAD)
            )
            for start in {0, part.index(stem[0])} if stem else ():
                for size in range(1, min(len(part) - start, LONGEST_RUN) + 1):
                    run = part[start : start + size]
                    if _content(run):
                        whole = run == stem or start + size == len(part)
                        runs[run].append((index, alone if whole else goes_on))
            if number == 0 and not crossover:
                for start, stop in combinations(range(1, len(part) + 1), 2):
                    run = part[start:stop]
                    if len(run) <= LONGEST_RUN and run in names and _content(run) >= 2:
                        runs[run].append((index, RunPlace.LATER))
    return runs


def _merge_by_run(
    clusters: _Clusters,
    run: tuple[str, ...],
    found: list[tuple[int, RunPlace]],
    names: dict[tuple[str, ...], set[int]],
    anywhere: dict[str, set[int]],
) -> None:
    """Merge the clusters whose titles share a run of words and whose genres agree well enough."""
    places: dict[int, RunPlace] = defaultdict(lambda: RunPlace(0))
    members: dict[int, set[int]] = defaultdict(set)
    for index, place in found:
        root = clusters.root(index)
        named = place in IN_HEAD and index in names.get(run, ())
        places[root] |= place | (RunPlace.NAME if named else RunPlace(0))
        members[root].add(index)
    roots = list(places)
    if not 1 < len(roots) <= MOST_CLUSTERS:
        return
    carries = [
        RunPlace.NAME in places[root] or len(members[root]) >= LEAST_SHARE * clusters.size(root)
        for root in roots
    ]
    content = [word for word in run if _content([word])]
    rarest = min(len(clusters.roots(anywhere.get(word, ()))) for word in content)
    like = clusters.likeness(roots)
    coherent = bool((like > ALIKE).mean() > ALIKE)
    # Clusters differ in few ways: what is needed is asked once for each pair of ways.
    kinds, kind = np.unique([int(places[root]) for root in roots], return_inverse=True)
    needed = [
        [_likeness_needed(run, RunPlace(x), RunPlace(y), rarest, coherent) for y in kinds.tolist()]
        for x in kinds.tolist()
    ]
    clusters.merge_where(roots, carries, like >= np.array(needed)[np.ix_(kind, kind)])


def _likeness_needed(
    run: tuple[str, ...], first: RunPlace, second: RunPlace, clusters: int, coherent: bool
) -> float:
    """Return how much the genres of two clusters must agree to be of the franchise ``run`` names.

    Parameters
    ----------
    first, second : where the run stands in their titles.
    clusters : how many clusters the run's rarest word occurs in.
    coherent : whether the genres of most clusters with the run agree.
    """
    words = _content(run)
    common = all(word in COMMON for word in run if _content([word]))
    if RunPlace.NAME in first and RunPlace.NAME in second:
        return 0.0 if words >= 2 else 0.1 if len(run[0]) > LONG_WORD else 0.25
    if RunPlace.NAME in first or RunPlace.NAME in second:
        other = second if RunPlace.NAME in first else first
        if other & ALONE:
            return 0.1 if words >= 2 else 0.3
        if common and not coherent:
            return ALIKE_COMMON
        rare = 0.5 if clusters <= 3 or coherent else 0.65 if clusters <= 8 else 0.85
        return {1: rare, 2: 0.3}.get(words, 0.15) + (0 if RunPlace.HEAD in other else 0.15)
    if not (first & IN_HEAD and second & IN_HEAD):
        return NEVER
    if words >= 3:
        return 0.3
    if common:
        return NEVER
    if words == 2:
        if clusters <= 2:
            return 0.3
        if len(run) >= 4:
            return 0.45
        return 0.6 if clusters <= 3 else 0.75 if clusters <= 8 else NEVER
    return 0.7 if clusters <= 3 or (clusters <= 12 and coherent) else NEVER


def _long_words(titles: list[_Title]) -> dict[str, set[int]]:
    """Return the words that may name a franchise by themselves, with the titles they stand in."""
    words: dict[str, set[int]] = defaultdict(set)
    for index, title in enumerate(titles):
        if CROSSOVER.isdisjoint(title.words):
            parts = list(title.parts())
            # ``Yes! Precure 5``: an exclamation is no name yet.
            told = parts[:2] if _content(parts[0]) <= 1 else parts[:1]
            for word in (word for part in told for word in _stem(part)):
                if len(word) >= LONG_WORD and _content([word]) and word not in COMMON:
                    words[word].add(index)
    return words


def _word_endings(titles: list[_Title]) -> dict[str, set[int]]:
    """Return the words others end in (``Nise`` + ``monogatari``), with the titles of the latter."""
    vocabulary = {word for title in titles for word in title.words if len(word) >= 8}
    endings: dict[str, set[int]] = defaultdict(set)
    for index, title in enumerate(titles):
        for word in title.head:
            ending = next(
                (word[cut:] for cut in range(2, len(word) - 7) if word[cut:] in vocabulary), None
            )
            if ending is not None:
                endings[ending].add(index)
    return endings


def _merge_by_word(clusters: _Clusters, found: set[int], occurs_in: int, is_name: bool) -> None:
    """Merge the clusters that share a word, if it is rare or all that have it are alike.

    ``occurs_in`` is the number of clusters with the word anywhere in their titles; ``is_name``
    tells whether it is somebody's whole name.
    """
    members: dict[int, int] = defaultdict(int)
    for index in found:
        members[clusters.root(index)] += 1
    roots = sorted(members)
    n = len(roots)
    if not 1 < n <= MOST_CLUSTERS:
        return
    like = clusters.likeness(roots)
    coherent = (like[~np.eye(n, dtype=bool)] > ALIKE).mean()
    if is_name and occurs_in <= 5:
        needed = 0.5
    elif occurs_in <= 2:
        needed = 0.7
    elif coherent >= (ALIKE if n < 6 else 0.3) and occurs_in <= 1.5 * n + 1:
        needed = ALIKE
    else:
        return
    carries = [members[root] >= LEAST_SHARE * clusters.size(root) for root in roots]
    clusters.merge_where(roots, carries, like > needed)


@dataclass(frozen=True)
class _Part:
    """A part of a franchise, in the order of watching when sorted by ``key``."""

    index: int
    title: _Title
    line: tuple[str, ...]
    main: bool
    dated: bool
    key: tuple


def _ordered(
    anime: pd.DataFrame, titles: list[_Title], number: np.ndarray, relations: Relations
) -> tuple[np.ndarray, np.ndarray]:
    """Return each anime's place in its franchise and the position of the part before it, int32.

    Parts are ordered by the day they were first shown, after what is said to come before them;
    where a franchise has parts of unknown dates, by the numbers in their titles, side stories last.
    The part before a part is an earlier
    one of the main line (series; films or the rest where there is no series): of those whose titles
    have most in common with it the last, but the first for a side story of unknown date.
    """
    place = np.zeros(len(titles), dtype=np.int32)
    previous = np.full(len(titles), -1, dtype=np.int32)
    facts = _facts(anime)
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    for members in np.split(order, starts[1:]) if len(order) else ():
        if len(members) > 1:
            parts = _parts(members.tolist(), titles, facts)
            parts = relations.in_turn(parts, attrgetter("index"))
            for position, part in enumerate(parts):
                place[part.index] = position
                before = relations.previous(part.index, {p.index: p for p in parts[:position]})
                if part.index not in relations.told:
                    before = _before(part, parts[:position])
                if before is not None:
                    previous[part.index] = before.index
    return place, previous


@dataclass(frozen=True)
class _Facts:
    """What the order of a franchise is told from, a list of n_anime each."""

    kind: list[object]
    episodes: list[object]
    day: list[float]
    members: list[float]


def _facts(anime: pd.DataFrame) -> _Facts:
    day = pd.Series(pd.NaT, index=range(len(anime)))
    year = pd.to_numeric(pd.Series(_column(anime, "year"), dtype="Float64"))
    if "aired_from" in anime:
        day = pd.to_datetime(anime["aired_from"].reset_index(drop=True))
    ordinal = day.dt.year + day.dt.day_of_year / 366
    members = pd.Series(_column(anime, "members"), dtype="Float64").fillna(0)
    return _Facts(
        kind=_column(anime, "type"),
        episodes=_column(anime, "episodes"),
        day=ordinal.astype("Float64").fillna(year).to_numpy(dtype=float, na_value=np.nan).tolist(),
        members=members.to_numpy(dtype=float).tolist(),
    )


def _parts(members: list[int], titles: list[_Title], facts: _Facts) -> list[_Part]:
    """Return the parts of a franchise in the order of watching."""
    lines = {index: _stem(titles[index].head) for index in members}
    leading: dict[tuple[str, ...], str] = {}
    for line in set(lines.values()):
        kinds = {_kind(index, facts) for index in members if lines[index] == line}
        leading[line] = next((kind for kind in ("TV", "Movie", "OVA") if kind in kinds), "")
    dated = not any(np.isnan(facts.day[index]) for index in members)
    most = {
        line: max(facts.members[index] for index in members if lines[index] == line)
        for line in leading
    }
    parts = []
    for index in members:
        line = lines[index]
        main = leading[line] in ("", _kind(index, facts))
        day = (facts.day[index],) if dated else (-most[line], line)
        key = (*day, not main, _numbers(titles[index], line), -facts.members[index], index)
        parts.append(_Part(index, titles[index], line, main, dated, key))
    return sorted(parts, key=lambda part: part.key)


def _kind(index: int, facts: _Facts) -> str:
    """Return the type of an anime; a series for the web counts as one on television."""
    kind, episodes = facts.kind[index], facts.episodes[index]
    if kind == "ONA" and not pd.isna(episodes) and episodes >= 5:
        return "TV"
    return kind if isinstance(kind, str) else ""


def _numbers(title: _Title, line: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers in the markers after a title's name: (2,) for a second season.

    (1,) for the name alone, `GREATEST_NUMBER` for a year and more for a subtitle.
    """
    begin = next((i for i in range(len(title.words)) if title.words[i : i + len(line)] == line), 0)
    rest = title.words[begin + len(line) :]
    numbers: list[int] = []
    for word in rest:
        if not _marks(word):
            break
        digits = re.fullmatch(r"s?(\d+)(?:st|nd|rd|th)?", word)
        value = int(digits[1]) if digits else ORDINALS.get(word)
        if value is not None and (value <= GREATEST_NUMBER or value >= 1900):
            numbers.append(min(value, GREATEST_NUMBER))
    return tuple(numbers) or ((1,) if not rest or _marks(rest[0]) else (GREATEST_NUMBER + 1,))


def _before(part: _Part, earlier: list[_Part]) -> _Part | None:
    """Return the part that comes before ``part``: of its own line, else of a line it names."""
    own = [other for other in earlier if other.main and other.line == part.line]
    if own:
        common = [_in_common(part.title, other.title) for other in own]
        nearest = [other for other, n in zip(own, common, strict=True) if n == max(common)]
        return nearest[-1 if part.main or part.dated else 0]
    named = [
        other
        for other in earlier
        if other.main and other.line != part.line and _holds(part.title, other.line)
    ]
    return max(named, key=lambda other: (len(other.line), other.key), default=None)


def _in_common(first: _Title, second: _Title) -> int:
    """Return how many words two titles begin with in common, markers at the beginning aside."""
    a, b = (title.words[title.words.index(_stem(title.head)[0]) :] for title in (first, second))
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def _holds(title: _Title, name: tuple[str, ...]) -> bool:
    """Return whether a later part of a title begins with ``name``, or the title holds two of its
    words in a row."""
    if any(part[: len(name)] == name for part in title.parts()):
        return True
    size = len(name)
    return _content(name) >= 2 and any(
        title.words[start : start + size] == name for start in range(1, len(title.words) - size + 1)
    )
