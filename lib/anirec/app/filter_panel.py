"""The filters as controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import ipywidgets as widgets

from anirec.app.controls import ANY, boxed, classed, free_layout, html_part, labelled, make_button
from anirec.catalogue.filters import FRANCHISE_RULES, IN_ORDER, Filters

EPISODES = [
    ("any number", (None, None)),
    ("one", (1, 1)),
    ("2 to 13", (2, 13)),
    ("14 to 26", (14, 26)),
    ("27 or more", (27, None)),
]
MINUTES = [
    ("any length", (None, None)),
    ("up to 15 minutes", (None, 15)),
    ("15 to 30 minutes", (15, 30)),
    ("30 to 60 minutes", (30, 60)),
    ("an hour or more", (60, None)),
]
MEMBERS = [
    ("any number", ANY),
    ("1,000 or more", 1_000),
    ("10,000 or more", 10_000),
    ("100,000 or more", 100_000),
    ("a million or more", 1_000_000),
]
SCORES = [("any score", ANY), *((f"{score} or better", float(score)) for score in (6, 7, 8, 9))]


class FilterPanel(widgets.Box):
    """The filters, as controls; `filters` reads them."""

    def __init__(self, choices: Mapping[str, list[str]], changed: Callable[[], None]) -> None:
        self._changed = changed
        self._quiet = False
        dropdown, tags = partial(widgets.Dropdown, layout=free_layout()), widgets.TagsInput
        self.types = [
            classed(widgets.ToggleButton(description=name, layout=free_layout()), "anirec-chip")
            for name in choices["types"]
        ]
        genres, studios = sorted(choices["genres"]), sorted(choices["studios"])
        self.genres = tags(allowed_tags=genres, allow_duplicates=False, placeholder="any")
        self.without = tags(allowed_tags=genres, allow_duplicates=False, placeholder="none")
        self.studios = tags(allowed_tags=studios, allow_duplicates=False, placeholder="any")
        self.first_year = dropdown(options=[("any", ANY)])
        self.last_year = dropdown(options=[("any", ANY)])
        self.episodes = dropdown(options=EPISODES)
        self.minutes = dropdown(options=MINUTES)
        self.members = dropdown(options=MEMBERS)
        self.score = dropdown(options=SCORES)
        self.status = dropdown(options=_any_of(choices["statuses"]))
        self.source = dropdown(options=_any_of(choices["sources"]))
        rules = [(said, rule) for rule, said in FRANCHISE_RULES.items()]
        self.franchises = dropdown(options=rules, value=IN_ORDER)
        slider = partial(
            widgets.FloatSlider,
            step=0.1,
            readout=False,
            continuous_update=False,
            layout=free_layout(),
        )
        self.popularity = slider(min=-1, max=1, value=0)
        self.variety = slider(min=0, max=1, value=0)
        checkbox = partial(widgets.Checkbox, indent=False, layout=free_layout())
        self.ignore_dislikes = checkbox(description="Let dislikes not count against similar anime")
        self.adult = checkbox(description="Show adult titles")
        fields = [
            labelled("Sequels and franchises", self.franchises, "anirec-double"),
            labelled("Genres, all of", self.genres),
            labelled("Genres, none of", self.without),
            labelled("From year", self.first_year, "anirec-half"),
            labelled("To year", self.last_year, "anirec-half"),
            labelled("Episodes", self.episodes),
            labelled("Length of an episode", self.minutes),
            labelled("Community score", self.score),
            labelled("Members", self.members),
            labelled("Status", self.status),
            labelled("Based on", self.source),
            labelled("Studios, one of", self.studios),
            labelled("Niche ↔ popular", self.popularity),
            labelled("Close match ↔ variety", self.variety),
        ]
        label = html_part("<span class='anirec-label'>Type</span>")
        kinds = boxed([label, boxed(self.types, "anirec-chips")], "anirec-field", "anirec-wide")
        super().__init__(
            [
                kinds,
                *fields,
                boxed([self.ignore_dislikes, self.adult], "anirec-field", "anirec-wide"),
                make_button("Reset filters", self.reset, "anirec-quiet"),
            ],
            layout=free_layout(),
        )
        classed(self, "anirec-panel", "anirec-filters")
        for control in self._controls():
            control.observe(self._observed, names="value")

    def offer_years(self, first: int, last: int) -> None:
        years = [("any", ANY), *((str(year), year) for year in range(last, first - 1, -1))]
        self.first_year.options = self.last_year.options = years

    def filters(self) -> Filters:
        """Return what is set. Raises InputError where it is contradictory."""
        return Filters(
            types=[button.description for button in self.types if button.value],
            genres=self.genres.value,
            without_genres=self.without.value,
            statuses=_one(self.status.value),
            sources=_one(self.source.value),
            studios=self.studios.value,
            years=(self.first_year.value or None, self.last_year.value or None),
            episodes=self.episodes.value,
            minutes=self.minutes.value,
            min_members=self.members.value or None,
            min_score=self.score.value or None,
            franchises=self.franchises.value,
            adult=self.adult.value,
            ignore_dislikes=self.ignore_dislikes.value,
            popularity=self.popularity.value,
            variety=self.variety.value,
        )

    def in_use(self) -> int:
        """Return how many controls are not at their usual value."""
        return sum(control.value != usual for control, usual in self._usual_values())

    def reset(self) -> None:
        self._quiet = True
        for control, usual in self._usual_values():
            control.value = usual
        self._quiet = False
        self._changed()

    def _controls(self) -> list:
        return [
            *self.types, self.genres, self.without, self.studios, self.first_year, self.last_year,
            self.episodes, self.minutes, self.members, self.score, self.status, self.source,
            self.franchises, self.popularity, self.variety, self.ignore_dislikes, self.adult,
        ]  # fmt: skip

    def _usual_values(self) -> list[tuple]:
        usual: dict[type, object] = {
            widgets.ToggleButton: False,
            widgets.Checkbox: False,
            widgets.TagsInput: [],
            widgets.FloatSlider: 0.0,
        }
        ranges = {id(self.episodes): (None, None), id(self.minutes): (None, None)}
        ranges[id(self.franchises)] = IN_ORDER
        return [(c, usual.get(type(c), ranges.get(id(c), ANY))) for c in self._controls()]

    def _observed(self, _: Mapping) -> None:
        if not self._quiet:
            self._changed()


def _any_of(names: list[str]) -> list[tuple[str, str | int]]:
    return [("any", ANY), *((name, name) for name in names)]


def _one(value: str | int) -> tuple[str | int, ...]:
    return (value,) if value else ()
