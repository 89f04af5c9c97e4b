"""What may be recommended: each filter in one place, with its rule, its control and its default.

A field of `Filters` is a filter. Its default lets everything through that it should usually let
through; its `Control` says which anime a value lets through, and how a page offers values. The
command, the page and what a browser remembers are made from this table: to add a filter, add a
field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches

import numpy as np

from anirec.catalogue.catalogue import Catalogue
from anirec.catalogue.franchises import Franchises
from anirec.config import InputError

ALL, IN_ORDER, UNKNOWN, NEXT = "all", "in-order", "unknown", "next"
FRANCHISE_RULES = {
    ALL: "show every part",
    IN_ORDER: "hide sequels of what is not finished",
    UNKNOWN: "hide franchises already known",
    NEXT: "suggest the next part to watch",
}

CHIPS, TAGS, CHOICE, RANGE, SLIDER, SWITCH = "chips", "tags", "choice", "range", "slider", "switch"
"""Kinds of control: buttons of which several may be on; names of which several may be chosen; one
of some values; a least and a greatest value; a number between two ends; on or off."""

Offer = tuple[str, object]
Rule = Callable[[Catalogue, object], np.ndarray]


@dataclass(frozen=True)
class Control:
    """What a filter does and how it is offered.

    Attributes
    ----------
    label : what it is called.
    kind : `CHIPS`, `TAGS`, `CHOICE`, `RANGE`, `SLIDER` or `SWITCH`.
    offered : the values to choose from in a catalogue, each with its text; those that no anime has
        are left out where it is shown, and a control with nothing left to choose is not shown.
    rule : which anime a value lets through, bool (n_anime,); None where it is no matter of the
        anime alone but of the list or the order.
    usual : what the default is called, in a `CHOICE` or `RANGE`.
    """

    label: str
    kind: str
    offered: Callable[[Catalogue], Iterable[Offer]]
    rule: Rule | None = None
    usual: str = "any"

    def choices(self, catalogue: Catalogue) -> list[Offer]:
        """Return what there is to choose in a catalogue: only what makes a difference."""
        offers = list(self.offered(catalogue))
        if self.kind == CHIPS and len(offers) < 2:
            return []
        if self.rule is None or self.kind != CHOICE:
            return offers
        passing = [int(self.rule(catalogue, value).sum()) for _, value in offers]
        if not any(0 < count < len(catalogue) for count in passing):
            return []
        return [offer for offer, count in zip(offers, passing, strict=True) if count]


def _filter(
    label: str,
    kind: str,
    default: object,
    offered: Callable[[Catalogue], Iterable[Offer]] | Iterable[Offer],
    rule: Rule | None = None,
    usual: str = "any",
):
    """Declare a filter as a field of `Filters`."""
    offers = offered if callable(offered) else lambda _: offered
    return field(default=default, metadata={"control": Control(label, kind, offers, rule, usual)})


# --- what is offered, and the rules


def _names(name: str) -> Callable[[Catalogue], list[Offer]]:
    return lambda catalogue: [(value, value) for value in catalogue.choices[name]]


def _one_name(name: str) -> Callable[[Catalogue], list[Offer]]:
    return lambda catalogue: [(value, (value,)) for value in catalogue.choices[name]]


def _is_one_of(name: str) -> Rule:
    def rule(catalogue: Catalogue, wanted: Collection[str]) -> np.ndarray:
        values = catalogue.values[name]
        codes = [code for code, value in enumerate(values.categories) if value in wanted]
        return np.isin(values.codes, codes) if wanted else _everything(catalogue)

    return rule


def _is_between(name: str) -> Rule:
    def rule(catalogue: Catalogue, bounds: tuple[float | None, float | None]) -> np.ndarray:
        least, greatest = bounds
        passes = _everything(catalogue)
        if least is not None:
            passes &= catalogue.numbers[name] >= least
        if greatest is not None:
            passes &= catalogue.numbers[name] <= greatest
        return passes

    return rule


def _is_at_least(name: str) -> Rule:
    return lambda catalogue, least: _is_between(name)(catalogue, (least, None))


def _has_all_genres(catalogue: Catalogue, genres: Collection[str]) -> np.ndarray:
    passes = _everything(catalogue)
    for genre in genres:
        passes &= catalogue.of_genre(genre)
    return passes


def _has_no_genre(catalogue: Catalogue, genres: Collection[str]) -> np.ndarray:
    passes = _everything(catalogue)
    for genre in genres:
        passes &= ~catalogue.of_genre(genre)
    return passes


def _has_a_studio(catalogue: Catalogue, studios: Collection[str]) -> np.ndarray:
    return catalogue.of_studios(studios) if studios else _everything(catalogue)


def _adult_only_if(catalogue: Catalogue, adult: bool) -> np.ndarray:
    return _everything(catalogue) if adult else ~catalogue.adult


def _everything(catalogue: Catalogue) -> np.ndarray:
    return np.ones(len(catalogue), dtype=bool)


def _years(catalogue: Catalogue) -> list[Offer]:
    known = catalogue.numbers["years"][np.isfinite(catalogue.numbers["years"])]
    if not len(known) or known.min() == known.max():
        return []
    return [(f"{year}", year) for year in range(int(known.max()), int(known.min()) - 1, -1)]


def _popularities(catalogue: Catalogue) -> list[Offer]:
    known = np.isfinite(catalogue.numbers["members"]).any()
    return [("niche", -1.0), ("popular", 1.0)] if known else []


SWITCHED_ON = [("on", True)]


@dataclass(frozen=True)
class Filters:
    """What may be recommended. The defaults hide adult titles and sequels that come too early.

    A filter leaves out anime of which the value is unknown. ``Filters.off()`` filters nothing.

    Attributes
    ----------
    types, statuses, sources, seasons : one of these; empty for any. The catalogue's are in
        `Catalogue.choices`.
    genres : all of these.
    without_genres : none of these.
    studios : at least one of these; empty for any.
    years, episodes, minutes, time : least and greatest, either None; ``minutes`` are those of an
        episode, ``time`` those of all of them together.
    min_members, min_score : at least so many members, so high a mean score.
    franchises : one of `FRANCHISE_RULES`.
    adult : whether adult titles may be recommended.
    ignore_dislikes : whether dislikes do not count against similar anime; they stay out themselves.
    popularity : from -1, niche, to 1, popular; 0 leaves the order to the model.
    variety : from 0, none, to 1: how unlike each other the recommendations are.

    Raises
    ------
    InputError
        If a value is out of range or the rule is none of those known.
    """

    types: Collection[str] = _filter("Type", CHIPS, (), _names("types"), _is_one_of("types"))
    time: tuple[float | None, float | None] = _filter(
        "Time there is",
        CHOICE,
        (None, None),
        [
            ("half an hour", (None, 30)),
            ("two hours: one film", (None, 130)),
            ("an evening: twelve episodes", (None, 300)),
            ("a weekend", (None, 750)),
        ],
        _is_between("time"),
    )
    franchises: str = _filter(
        "Sequels and franchises",
        CHOICE,
        IN_ORDER,
        [(said, rule) for rule, said in FRANCHISE_RULES.items() if rule != IN_ORDER],
        usual=FRANCHISE_RULES[IN_ORDER],
    )
    genres: Collection[str] = _filter("Genres, all of", TAGS, (), _names("genres"), _has_all_genres)
    without_genres: Collection[str] = _filter(
        "Genres, none of", TAGS, (), _names("genres"), _has_no_genre
    )
    years: tuple[int | None, int | None] = _filter(
        "Years", RANGE, (None, None), _years, _is_between("years")
    )
    seasons: Collection[str] = _filter(
        "Season", CHOICE, (), _one_name("seasons"), _is_one_of("seasons")
    )
    episodes: tuple[int | None, int | None] = _filter(
        "Episodes",
        CHOICE,
        (None, None),
        [("one", (1, 1)), ("2 to 13", (2, 13)), ("14 to 26", (14, 26)), ("27 or more", (27, None))],
        _is_between("episodes"),
        usual="any number",
    )
    minutes: tuple[float | None, float | None] = _filter(
        "Length of an episode",
        CHOICE,
        (None, None),
        [
            ("up to 15 minutes", (None, 15)),
            ("15 to 30 minutes", (15, 30)),
            ("30 to 60 minutes", (30, 60)),
            ("an hour or more", (60, None)),
        ],
        _is_between("minutes"),
        usual="any length",
    )
    min_score: float | None = _filter(
        "Community score",
        CHOICE,
        None,
        [(f"{score} or better", float(score)) for score in (6, 7, 8, 9)],
        _is_at_least("score"),
        usual="any score",
    )
    min_members: int | None = _filter(
        "Members",
        CHOICE,
        None,
        [
            ("1,000 or more", 1_000),
            ("10,000 or more", 10_000),
            ("100,000 or more", 100_000),
            ("a million or more", 1_000_000),
        ],
        _is_at_least("members"),
        usual="any number",
    )
    statuses: Collection[str] = _filter(
        "Status", CHOICE, (), _one_name("statuses"), _is_one_of("statuses")
    )
    sources: Collection[str] = _filter(
        "Based on", CHOICE, (), _one_name("sources"), _is_one_of("sources")
    )
    studios: Collection[str] = _filter(
        "Studios, one of", TAGS, (), _names("studios"), _has_a_studio
    )
    popularity: float = _filter("Niche ↔ popular", SLIDER, 0.0, _popularities)
    variety: float = _filter(
        "Close match ↔ variety", SLIDER, 0.0, [("close match", 0.0), ("variety", 1.0)]
    )
    ignore_dislikes: bool = _filter(
        "Let dislikes not count against similar anime", SWITCH, False, SWITCHED_ON
    )
    adult: bool = _filter(
        "Show adult titles",
        SWITCH,
        False,
        lambda catalogue: SWITCHED_ON if catalogue.adult.any() else [],
        _adult_only_if,
    )

    def __post_init__(self) -> None:
        if self.franchises not in FRANCHISE_RULES:
            raise InputError(
                f"unknown franchise rule {self.franchises!r}: "
                f"choose one of {', '.join(FRANCHISE_RULES)}"
            )
        if not -1 <= self.popularity <= 1:
            raise InputError(f"popularity {self.popularity:g} must be from -1 to 1")
        if not 0 <= self.variety <= 1:
            raise InputError(f"variety {self.variety:g} must be from 0 to 1")
        for name in ("years", "episodes", "minutes", "time"):
            least, greatest = getattr(self, name)
            if least is not None and greatest is not None and least > greatest:
                raise InputError(f"{name}: {least:g} to {greatest:g} is no range")

    @classmethod
    def off(cls) -> Filters:
        """Return filters that let everything through."""
        return cls(franchises=ALL, adult=True)

    @classmethod
    def parsed(cls, pairs: Iterable[str]) -> Filters:
        """Return filters from ``name=value`` pairs: names by comma, ranges as ``2000-2010``,
        ``2000-`` or ``-2010``, switches as ``yes`` or ``no``.

        Raises
        ------
        InputError
            If there is no such filter, or no such value of it.
        """
        values: dict[str, object] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            if not equals or name not in CONTROLS:
                raise InputError(
                    f"filter {pair!r} is none: write name=value, the name one of "
                    f"{', '.join(CONTROLS)}"
                )
            values[name] = _parsed(name, text.strip())
        return cls(**values)

    def spelled(self, catalogue: Catalogue) -> Filters:
        """Return these filters with each name as the catalogue spells it: ``romance`` is a genre.

        Raises
        ------
        InputError
            If the catalogue has no such name; the message tells like ones.
        """
        spelled = self
        for name, usual in DEFAULTS.items():
            if usual == ():
                known = {one.casefold(): one for one in catalogue.choices[NAMES_OF.get(name, name)]}
                given = getattr(self, name)
                names = tuple(_known_name(name, text, known) for text in given)
                spelled = replace(spelled, **{name: names})
        return spelled

    @classmethod
    def of_saved(cls, saved: Mapping[str, object]) -> Filters:
        """Return filters from what `saved` gave, perhaps by another version; what is no filter
        any more, or no value of it, is left out."""
        filters = cls()
        for name, value in saved.items():
            if name in CONTROLS:
                kept = tuple(value) if isinstance(value, list) else value
                filters = _with(filters, name, kept)
        return filters

    def saved(self) -> dict[str, object]:
        """Return what differs from the defaults, as JSON can say it."""
        return {name: value for name, value in vars(self).items() if not _same(name, value)}

    def passing(self, catalogue: Catalogue) -> np.ndarray:
        """Return which anime pass all that is a matter of the anime alone, bool (n_anime,)."""
        passes = _everything(catalogue)
        for name in CONTROLS:
            passes &= self.passing_one(catalogue, name)
        return passes

    def passing_one(self, catalogue: Catalogue, name: str) -> np.ndarray:
        """Return which anime pass one of the filters, bool (n_anime,)."""
        rule = CONTROLS[name].rule
        return _everything(catalogue) if rule is None else rule(catalogue, getattr(self, name))

    def follows_franchises(
        self,
        franchises: Franchises,
        finished: np.ndarray,
        known: np.ndarray,
        on_list: np.ndarray,
    ) -> np.ndarray:
        """Return which anime the rule for franchises lets through, bool (n_anime,).

        Parameters
        ----------
        finished, known, on_list : what the person saw to the end, began, or has on the list at
            all, bool (n_anime,).
        """
        if self.franchises == IN_ORDER:
            return ~franchises.too_early(finished)
        if self.franchises == UNKNOWN:
            return ~franchises.known(known)
        if self.franchises == NEXT:
            return franchises.next_parts(finished, on_list)
        return np.ones(len(franchises.number), dtype=bool)


CONTROLS: dict[str, Control] = {one.name: one.metadata["control"] for one in fields(Filters)}
"""The control of each filter by its name, in the order in which they are shown."""

DEFAULTS: dict[str, object] = {one.name: one.default for one in fields(Filters)}


NAMES_OF = {"without_genres": "genres"}
"""Filters whose names are those of another."""


def _known_name(filter_name: str, text: str, known: Mapping[str, str]) -> str:
    """Return a name as it is spelled among those known, by casefold."""
    found = known.get(" ".join(text.split()).casefold())
    if found is None:
        like = get_close_matches(text.casefold(), known, n=5, cutoff=0.5) or list(known)[:10]
        said = ", ".join(known[one] for one in like) or "none at all"
        raise InputError(f"filter {filter_name}: there is no {text!r} (there is {said})")
    return found


def _same(name: str, value: object) -> bool:
    usual = DEFAULTS[name]
    return tuple(value) == usual if isinstance(usual, tuple) else value == usual


def _with(filters: Filters, name: str, value: object) -> Filters:
    """Return filters with another value, or as they are where it is no value of that filter."""
    usual = DEFAULTS[name]
    if usual == (None, None):
        fits = isinstance(value, tuple) and len(value) == 2
        fits = fits and all(one is None or isinstance(one, int | float) for one in value)
    elif isinstance(usual, tuple):
        fits = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    elif isinstance(usual, str | bool):
        fits = isinstance(value, type(usual))
    else:
        fits = isinstance(value, int | float)
    try:
        return replace(filters, **{name: value}) if fits else filters
    except InputError:
        return filters


_RANGE = re.compile(r"(?P<least>\d+(?:\.\d+)?)?\s*-\s*(?P<greatest>\d+(?:\.\d+)?)?")


def _parsed(name: str, text: str) -> object:
    """Return a filter's value from text; its default tells of which kind it is."""
    usual = getattr(Filters, name)
    try:
        if usual == ():
            return tuple(filter(None, map(str.strip, text.split(","))))
        if usual == (None, None):
            match = _RANGE.fullmatch(text if "-" in text else f"{text}-{text}")
            if match is None or text == "-":
                raise ValueError
            return tuple(None if end is None else float(end) for end in match.group(1, 2))
        if isinstance(usual, bool):
            return {"yes": True, "no": False}[text.lower()]
        return text if isinstance(usual, str) else float(text)
    except (ValueError, KeyError):
        raise InputError(
            f"filter {name}={text!r} cannot be read: see 'anirec recommend --help'"
        ) from None
