"""The recommendation box for notebooks and the page: ipywidgets around `AnimeRecommender`.

View only: what is recommended and why is decided in `anirec.recommender`, what a list is and how
it is kept in `anirec.profiles`. The box shows it and passes on what the person does.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from html import escape
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from anirec.config import InputError
from anirec.lists import read_list, to_csv, to_xml
from anirec.profiles import Entry, Profile, ProfileStore, StoredProfile, Unresolved
from anirec.recommender import (
    FRANCHISE_RULES,
    IN_ORDER,
    AnimeRecommender,
    Explanation,
    Filters,
)

CSS_FILE = Path(__file__).resolve().parent / "templates" / "box.css"

DEBOUNCE_SECONDS = 0.12
"""A search waits so long for the next keystroke."""

MATCHES = 7
"""Titles offered while somebody types."""

LATEST = 5
"""Titles of the list shown at first; each "show more" shows `MORE_ROWS` more."""

MORE_ROWS = 20

STARTERS = 8
"""Titles offered whose rating would tell most of a person's taste."""

TERMS = 8
"""Terms of a match, and contributions of the ranker, shown in a card's details."""

OWN_IDS_FROM = 90_000
"""From here on the simulated sample numbers anime of its own, which MyAnimeList does not have."""

MAL_PAGE = "https://myanimelist.net/anime/"

FOR_LIST, SIMILAR, SEGMENT, SURPRISE = "list", "similar", "segment", "surprise"

ANY = 0
"""Stands for no choice in a dropdown: ipywidgets shows nothing at all for None."""

RATINGS = [("Rate", ANY), *((f"★ {rating}", rating) for rating in range(10, 0, -1))]
STATUSES = [
    ("–", ""),
    ("Seen", "completed"),
    ("Watching", "watching"),
    ("On hold", "on_hold"),
    ("Dropped", "dropped"),
    ("Planned", "plan_to_watch"),
]
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


# --- small parts ----------------------------------------------------------------------------


@cache
def _free() -> widgets.Layout:
    """A layout that leaves all to the style sheet; shared, since each is a model of its own."""
    return widgets.Layout()


@cache
def _plain() -> widgets.ButtonStyle:
    return widgets.ButtonStyle()


def _button(text: str, action: Callable[[], None], *classes: str, tooltip: str = ""):
    button = widgets.Button(description=text, tooltip=tooltip, layout=_free(), style=_plain())
    button.on_click(lambda _: action())
    return _classed(button, *classes)


def _classed(widget, *classes: str):
    for name in classes:
        widget.add_class(name)
    return widget


def _box(children, *classes: str) -> widgets.Box:
    return _classed(widgets.Box(children, layout=_free()), *classes)


def _html(text: str = "", *classes: str) -> widgets.HTML:
    return _classed(widgets.HTML(text, layout=_free()), *classes)


def _labelled(label: str, control, *classes: str) -> widgets.Box:
    """Return a control below its label; the label is repeated as tooltip, its accessible name."""
    control.tooltip = label
    control.layout = _free()
    return _box([_html(f"<span class='anirec-label'>{escape(label)}</span>"), control],
                "anirec-field", *classes)  # fmt: skip


def _shown(widget, visible: bool) -> None:
    """Show or hide a widget by its class, since layouts are shared."""
    if visible:
        widget.remove_class("anirec-hidden")
    else:
        widget.add_class("anirec-hidden")


# --- what is said of an anime ---------------------------------------------------------------


def facts(row) -> str:
    """Return ``TV · 2009 · 64 episodes · 24 min`` as far as it is known."""
    said = []
    if isinstance(row.type, str):
        said.append(row.type)
    if pd.notna(row.year):
        said.append(f"{int(row.year)}")
    if pd.notna(row.episodes):
        said.append("1 episode" if row.episodes == 1 else f"{int(row.episodes)} episodes")
    if pd.notna(row.duration_min):
        said.append(f"{row.duration_min:.0f} min")
    return " · ".join(said)


def other_name(row) -> str:
    """Return the English title where there is one that differs, else nothing."""
    english = row.title_english
    return english if isinstance(english, str) and english != row.title else ""


def title_html(anime_id: int, title: str) -> str:
    """Return a title, escaped, linked to its page on MyAnimeList if it has one there."""
    if anime_id >= OWN_IDS_FROM:
        return escape(title)
    return (
        f'<a href="{MAL_PAGE}{int(anime_id)}" target="_blank" rel="noopener noreferrer" '
        f'title="Open on MyAnimeList">{escape(title)}</a>'
    )


def card_html(row, best: float, images: bool = False, why: str = "") -> str:
    """Return what a card says of one recommendation, all text escaped.

    Parameters
    ----------
    row : a row of `AnimeRecommender.recommend`, as `itertuples` gives it.
    best : the greatest match in the list, which fills the bar.
    images : whether its cover is shown.
    why : HTML of the details (`details_html`).
    """
    cover = ""
    if images and isinstance(row.image_url, str) and row.image_url.startswith("https://"):
        cover = (
            f'<img class="anirec-cover" src="{escape(row.image_url)}" alt="" loading="lazy" '
            'referrerpolicy="no-referrer">'
        )
    english = f"<p class='anirec-english'>{escape(other_name(row))}</p>" if other_name(row) else ""
    genres = "".join(f"<li>{escape(genre)}</li>" for genre in row.genres.split(", ") if genre)
    return (
        f"<article class='anirec-about'>{cover}<div class='anirec-text'>"
        f"<h3><span class='anirec-rank'>{row.rank}</span>{title_html(row.anime_id, row.title)}</h3>"
        f"{english}<p class='anirec-facts'>{escape(facts(row))}</p>"
        f"<ul class='anirec-genres'>{genres}</ul>{_numbers(row, best)}"
        f"{_because(row)}{why}</div></article>"
    )


def _numbers(row, best: float) -> str:
    said = []
    if pd.notna(row.score):
        said.append(f"<span title='Mean score of the community'>★ {row.score:.2f}</span>")
    expected = getattr(row, "expected", None)
    if expected is not None and pd.notna(expected):
        said.append(
            "<span class='anirec-expected' title='The score you would give, as far as can be told'>"
            f"you: {expected:.1f}</span>"
        )
    name, value = _match(row)
    if value is not None:
        share = max(0, min(100, round(100 * value / best))) if best > 0 else 0
        said.append(
            f"<span class='anirec-match' title='How strongly your list speaks for it'>"
            f"<span class='anirec-bar'><span style='width:{share}%'></span></span>"
            f"{name} {value:.2f}</span>"
        )
    return f"<p class='anirec-numbers'>{''.join(said)}</p>"


def _match(row) -> tuple[str, float | None]:
    for name in ("match", "similarity"):
        value = getattr(row, name, None)
        if value is not None and pd.notna(value):
            return name, float(value)
    return "match", None


def _because(row) -> str:
    reason = getattr(row, "because", "")
    return f"<p class='anirec-because'>Because you liked {escape(reason)}.</p>" if reason else ""


def details_html(explanation: Explanation) -> str:
    """Return all that speaks for a recommendation, folded: the match's terms, the ranker's."""
    tables = []
    terms = explanation.terms
    if len(terms):
        top = terms.loc[terms["contribution"].abs().nlargest(TERMS).index]
        rows = zip(top["title"], top["contribution"], strict=True)
        said = f"The match {explanation.match:.2f} is the sum of what each title of your list adds:"
        left = len(terms) - len(top)
        rest = f"<p class='anirec-soft'>and {left} smaller terms</p>" if left > 0 else ""
        tables.append(f"<p>{said}</p>{_terms_table(rows)}{rest}")
    if explanation.ranker is not None and len(explanation.ranker):
        ranker = explanation.ranker
        top = ranker.loc[ranker["contribution"].abs().nlargest(TERMS).index]
        names = [
            group if group == name else f"{group}: {name.replace('_', ' ')}"
            for group, name in zip(top["group"], top["feature"], strict=True)
        ]
        rows = zip(names, top["contribution"], strict=True)
        tables.append(
            "<p>The order among good matches comes from a ranker; what moved this one most:</p>"
            + _terms_table(rows)
        )
    if not tables:
        return ""
    return f"<details class='anirec-why'><summary>Why exactly</summary>{''.join(tables)}</details>"


def _terms_table(rows) -> str:
    cells = "".join(
        f"<tr><td>{escape(str(name))}</td><td class='anirec-number'>{value:+.3f}</td></tr>"
        for name, value in rows
    )
    return f"<table>{cells}</table>"


def recommendations_table(frame: pd.DataFrame) -> str:
    """Return recommendations (`AnimeRecommender.recommend`) as an HTML table, text escaped."""
    rows = []
    for row in frame.itertuples():
        english = f"<br>{escape(other_name(row))}" if other_name(row) else ""
        _, value = _match(row)
        rows.append(
            f"<tr><td>{row.rank}</td><td><strong>{escape(row.title)}</strong>{english}</td>"
            f"<td>{escape(facts(row))}</td><td>{escape(row.genres)}</td>"
            f"<td>{'' if value is None else f'{value:.2f}'}</td>"
            f"<td>{escape(getattr(row, 'because', ''))}</td></tr>"
        )
    names = ("", "Title", "", "Genres", "Match", "Because you like")
    header = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def download_link(text: str, name: str, content: bytes, kind: str) -> str:
    """Return a link that saves ``content``, carried in the link itself, as a file."""
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<a class="anirec-download" download="{escape(name)}" '
        f'href="data:{kind};base64,{data}">{escape(text)}</a>'
    )


# --- rows and cards that are filled anew, not made anew --------------------------------------


class _Card(widgets.Box):
    """One recommendation with what can be done about it. Cards are reused: `show` fills them."""

    def __init__(self, box: RecommenderBox) -> None:
        self.anime_id = 0
        self.about = _html("", "anirec-about-box")
        actions = [
            ("✓ Seen it", "Put it on your list as watched", box.seen),
            ("✕ Not for me", "Never recommend it, and less like it", box.not_for_me),
            ("+ Add", "Put it on your list as planned", box.plan),
            ("Similar", "Show what is most similar", box.more_like),
        ]
        buttons = [
            _button(text, partial(self._act, action), "anirec-action", tooltip=tooltip)
            for text, tooltip, action in actions
        ]
        super().__init__([self.about, _box(buttons, "anirec-actions")], layout=_free())
        _classed(self, "anirec-card")

    def _act(self, action: Callable[[int], None]) -> None:
        action(self.anime_id)

    def show(self, anime_id: int, html: str) -> None:
        self.anime_id = anime_id
        self.about.value = html


class _Row(widgets.Box):
    """One title of the list: its rating, a thumb up or down, and a way to take it off."""

    def __init__(self, box: RecommenderBox) -> None:
        self.box = box
        self.anime_id = 0
        self.name = _html("", "anirec-row-name")
        self.rating = _classed(
            widgets.Dropdown(options=RATINGS, tooltip="Your rating", layout=_free()),
            "anirec-rating",
        )
        status = widgets.Dropdown(options=STATUSES, tooltip="How far you are", layout=_free())
        self.status = _classed(status, "anirec-status")
        self.like = _button("", partial(self._thumb, True), "anirec-thumb", "anirec-up")
        self.dislike = _button("", partial(self._thumb, False), "anirec-thumb", "anirec-down")
        self.remove = _button("Remove", self._remove, "anirec-quiet")
        self.filling = False
        self.rating.observe(self._rate, names="value")
        self.status.observe(self._watch, names="value")
        controls = [self.status, self.rating, self.like, self.dislike, self.remove]
        super().__init__([self.name, _box(controls, "anirec-row-controls")], layout=_free())
        _classed(self, "anirec-row")

    def show(self, anime_id: int) -> None:
        """Fill the row with an entry of the list."""
        entry = self.box.profile[anime_id]
        title = self.box.title(anime_id)
        self.filling = True
        self.anime_id = anime_id
        self.name.value = f"<span>{escape(title)}</span>"
        self.status.value = entry.status or ("completed" if entry.finished else "")
        self.rating.value = round(entry.rating or ANY)
        self.filling = False
        for button, thumb, on, off in (
            (self.like, True, "♥ Liked", "♡ Like"),
            (self.dislike, False, "✕ Disliked", "Dislike"),
        ):
            button.description = on if entry.liked is thumb else off
            (button.add_class if entry.liked is thumb else button.remove_class)("anirec-on")
        self.remove.tooltip = f"Take {title} off your list"

    def _rate(self, change: Mapping) -> None:
        if not self.filling:
            self.box.rate(self.anime_id, change["new"] or None)

    def _watch(self, change: Mapping) -> None:
        if not self.filling:
            self.box.set(self.anime_id, status=change["new"] or None)

    def _thumb(self, liked: bool) -> None:
        entry = self.box.profile[self.anime_id]
        self.box.set(self.anime_id, liked=None if entry.liked is liked else liked)

    def _remove(self) -> None:
        self.box.remove(self.anime_id)


class _FilterPanel(widgets.Box):
    """The filters, as controls; `filters` reads them."""

    def __init__(self, choices: Mapping[str, list[str]], changed: Callable[[], None]) -> None:
        self._changed = changed
        self._quiet = False
        dropdown, tags = partial(widgets.Dropdown, layout=_free()), widgets.TagsInput
        self.types = [
            _classed(widgets.ToggleButton(description=name, layout=_free()), "anirec-chip")
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
            widgets.FloatSlider, step=0.1, readout=False, continuous_update=False, layout=_free()
        )
        self.popularity = slider(min=-1, max=1, value=0)
        self.variety = slider(min=0, max=1, value=0)
        checkbox = partial(widgets.Checkbox, indent=False, layout=_free())
        self.ignore_dislikes = checkbox(description="Let dislikes not count against similar anime")
        self.adult = checkbox(description="Show adult titles")
        fields = [
            _labelled("Sequels and franchises", self.franchises, "anirec-double"),
            _labelled("Genres, all of", self.genres),
            _labelled("Genres, none of", self.without),
            _labelled("From year", self.first_year, "anirec-half"),
            _labelled("To year", self.last_year, "anirec-half"),
            _labelled("Episodes", self.episodes),
            _labelled("Length of an episode", self.minutes),
            _labelled("Community score", self.score),
            _labelled("Members", self.members),
            _labelled("Status", self.status),
            _labelled("Based on", self.source),
            _labelled("Studios, one of", self.studios),
            _labelled("Niche ↔ popular", self.popularity),
            _labelled("Close match ↔ variety", self.variety),
        ]
        kinds = _box(
            [_html("<span class='anirec-label'>Type</span>"), _box(self.types, "anirec-chips")],
            "anirec-field", "anirec-wide",
        )  # fmt: skip
        super().__init__(
            [
                kinds,
                *fields,
                _box([self.ignore_dislikes, self.adult], "anirec-field", "anirec-wide"),
                _button("Reset filters", self.reset, "anirec-quiet"),
            ],
            layout=_free(),
        )
        _classed(self, "anirec-panel", "anirec-filters")
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


class _ListPanel(widgets.Box):
    """Import, export, deletion, and on one's own machine the choice between lists by name."""

    def __init__(self, box: RecommenderBox) -> None:
        self.box = box
        self._quiet = False
        self.named = widgets.Dropdown(options=[], layout=_free())
        self.new_name = widgets.Text(placeholder="My list", layout=_free())
        self.create = _button("Create", self._create)
        self.upload = widgets.FileUpload(
            accept=".xml,.gz,.csv", description="Import a list", icon="", layout=_free()
        )
        _classed(self.upload, "anirec-upload")
        self.links = _html("", "anirec-links")
        self.images = widgets.Checkbox(
            description="Show cover images, from MyAnimeList's server", indent=False, layout=_free()
        )
        self.note = _html("", "anirec-wide")
        delete = _button("Delete everything", box.delete, "anirec-danger")
        names = [
            _labelled("List", self.named),
            _labelled("New list", self.new_name),
            _box([self.create], "anirec-field", "anirec-end"),
        ]
        about = (
            "<p class='anirec-soft'>A list is a MyAnimeList export (.xml, .xml.gz) or a CSV file "
            "with the columns title and rating.</p>"
        )
        super().__init__(
            [
                self.note,
                *(names if box.store else []),
                _html(about, "anirec-wide"),
                _box([self.upload, self.links, delete], "anirec-chips", "anirec-wide"),
                self.images,
            ],
            layout=_free(),
        )
        _classed(self, "anirec-panel")
        self.about(box.page)
        self.upload.observe(self._uploaded, names="value")
        self.named.observe(self._chosen, names="value")
        self.images.observe(lambda _: box.refresh(), names="value")

    def about(self, page: Page | None) -> None:
        """Say where the list is kept, and offer the images as the page does."""
        _shown(self.images, page is None)
        if page is None:
            where = "" if self.box.store else "This list lasts as long as this notebook is open."
            self.note.value = f"<p>{where}</p>" if where else ""
            return
        switch = (
            "Hide cover images"
            if page.images
            else "Show cover images (asks MyAnimeList's image server)"
        )
        self.note.value = (
            "<p>This list is kept under this page's address and nowhere else: save the address to "
            "come back to it. Who has the address can see and change the list.</p>"
            f"<p><a class='anirec-link' href='{escape(page.toggle_images)}'>{switch}</a></p>"
        )

    def offer(self, names: list[str], chosen: str | None) -> None:
        """Offer the lists there are."""
        self._quiet = True
        self.named.options = [("none of these", ANY), *((name, name) for name in names)]
        self.named.value = chosen or ANY
        self._quiet = False

    def keep(self) -> None:
        """Keep under a name what was kept nowhere so far."""
        name = " ".join(self.new_name.value.split()) or "My list"
        box, kept = self.box, self.box.store.named(name)
        if box.profile:
            kept.update(box.profile.entries, box.profile.unresolved)
        box._kept = kept
        self.offer(box.store.names(), name)
        self.new_name.value = ""

    def fill(self, frame: pd.DataFrame) -> None:
        """Make the links that save the list, and what is recommended now."""
        profile, catalogue = self.box.profile, self.box.recommender.catalogue
        files = []
        if profile or profile.unresolved:
            csv, xml = to_csv(profile, catalogue), to_xml(profile, catalogue)
            files.append(("Save list (CSV)", "anime-list.csv", csv, "text/csv"))
            files.append(("Save list (MyAnimeList)", "anime-list.xml", xml, "text/xml"))
        if len(frame):
            told = frame.drop(columns="image_url", errors="ignore").to_csv(index=False)
            files.append(("Save recommendations (CSV)", "recommendations.csv", told, "text/csv"))
        self.links.value = "".join(
            download_link(text, name, content.encode("utf-8"), kind)
            for text, name, content, kind in files
        )

    def _uploaded(self, change: Mapping) -> None:
        for file in change["new"]:
            self.box.load(bytes(file.content))
        if change["new"]:
            self.upload.value = ()

    def _chosen(self, change: Mapping) -> None:
        if not self._quiet:
            name = change["new"]
            self.box.show_list(self.box.store.named(name) if name else Unkept())

    def _create(self) -> None:
        try:
            kept = self.box.store.named(self.new_name.value)
        except InputError as error:
            self.box.say(_sentence(str(error)), "error")
            return
        name = " ".join(self.new_name.value.split())
        self.offer(self.box.store.names(), name)
        self.new_name.value = ""
        self.box.show_list(kept)


def _any_of(names: list[str]) -> list[tuple[str, str | int]]:
    return [("any", ANY), *((name, name) for name in names)]


def _one(value: str | int) -> tuple[str | int, ...]:
    return (value,) if value else ()


@dataclass(frozen=True)
class Page:
    """What a box on a page of its own knows of the page.

    Attributes
    ----------
    images : whether the page was opened with cover images allowed.
    toggle_images : address of the same page with them switched the other way.
    new_list : address that starts a new list.
    footnote : one sentence below it all; empty for none.
    """

    images: bool
    toggle_images: str
    new_list: str
    footnote: str = ""


class Unkept:
    """A list that is kept nowhere, with what `StoredProfile` offers for one that is."""

    def __init__(self) -> None:
        self._past = [Profile()]

    def read(self) -> Profile:
        return self._past[-1]

    def set(self, anime_id: int, **changes: object) -> Profile:
        return self._made(self.read().set(anime_id, **changes))

    def remove(self, anime_id: int) -> Profile:
        return self._made(self.read().remove(anime_id))

    def update(
        self, entries: Mapping[int, Entry], unresolved: tuple[Unresolved, ...] = ()
    ) -> Profile:
        return self._made(Profile({**self.read().entries, **entries}, unresolved))

    def undo(self) -> Profile:
        if self.can_undo():
            self._past.pop()
        return self.read()

    def can_undo(self) -> bool:
        return len(self._past) > 1

    def delete(self) -> None:
        self._past = [Profile()]

    def _made(self, profile: Profile) -> Profile:
        self._past.append(profile)
        return profile


class RecommenderBox(widgets.Box):
    """Type a title, pick it, get recommendations; rate, dislike or remove what was picked.

    Parameters
    ----------
    recommender : what searches, recommends and explains.
    k : how many recommendations are shown, and how many more on demand.
    store : where lists are kept by name, on one's own machine; None keeps none.
    page : what a box on a page of its own knows of that page; `show_list` gives it the list.

    Attributes
    ----------
    profile : `Profile`, the person's list.
    """

    def __init__(
        self,
        recommender: AnimeRecommender,
        k: int = 10,
        store: ProfileStore | None = None,
        page: Page | None = None,
    ) -> None:
        self.recommender = recommender
        self.k = k
        self.store = store
        self.page = page
        self.profile = Profile()
        self._kept: StoredProfile | Unkept = Unkept()
        self._wanted = k
        self._rows_wanted = LATEST
        self._anchor: int | None = None
        self._seed = 0
        self._frame = pd.DataFrame()
        self._timer: asyncio.TimerHandle | None = None
        self._rows: list[_Row] = []
        self._cards: list[_Card] = []

        self._make_search()
        self._make_list()
        self._make_controls()
        self._make_results()
        foot = page.footnote if page else ""
        self._foot = _html(
            f"<p class='anirec-soft'>{escape(foot)}</p>" if foot else "", "anirec-foot"
        )
        style = _html(f"<style>{CSS_FILE.read_text('utf-8')}</style>", "anirec-style")
        super().__init__(
            [style, self._find, self._message, self._list, self._tools, *self._panels.values(),
             self._starters, self._results, self._foot],
            layout=_free(),
        )  # fmt: skip
        _classed(self, "anirec")
        names = store.names() if store else []
        self._list_panel.offer(names, names[0] if names else None)
        if names:
            self.show_list(store.named(names[0]))
        else:
            self.refresh()

    # --- what the person does

    def show_list(self, kept: StoredProfile | Unkept, page: Page | None = None) -> None:
        """Show a list and keep what becomes of it there."""
        self.page = page or self.page
        self._kept = kept
        self._list_panel.about(self.page)
        self._changed_to(kept.read)
        self.add_class("anirec-ready")

    def add(self, anime_id: int, rating: float | None = None) -> None:
        """Put an anime on the list, as liked or with a rating."""
        self.set(anime_id, rating=rating, liked=None if rating else True)

    def rate(self, anime_id: int, rating: float | None) -> None:
        """Set or clear the rating of a title; it says more than a thumb, which it replaces."""
        self.set(anime_id, rating=rating, liked=None)

    def seen(self, anime_id: int) -> None:
        """Put an anime on the list as watched."""
        self.set(anime_id, status="completed")
        self.say(f"{self.title(anime_id)} is on your list as seen. Rate it there if you like.")

    def not_for_me(self, anime_id: int) -> None:
        """Put an anime on the list as disliked, seen or not."""
        self.set(anime_id, liked=False)
        self.say(f"{self.title(anime_id)} will not come again.")

    def plan(self, anime_id: int) -> None:
        """Put an anime on the list as planned."""
        self.set(anime_id, status="plan_to_watch")
        self.say(f"{self.title(anime_id)} is on your list as planned.")

    def more_like(self, anime_id: int) -> None:
        """Show what is most similar to one anime."""
        self._anchor = anime_id
        if self._mode.value == SIMILAR:
            self._changed()
        else:
            self._mode.value = SIMILAR

    def set(self, anime_id: int, **changes: object) -> None:
        """Add an entry, or change some of its values (see `profiles.Entry`)."""
        self._change(lambda kept: kept.set(anime_id, **changes))

    def remove(self, anime_id: int) -> None:
        """Take an anime off the list."""
        self._change(lambda kept: kept.remove(anime_id))

    def undo(self) -> None:
        """Take back the last change of the list."""
        self._change(lambda kept: kept.undo())

    def load(self, content: bytes) -> None:
        """Add a list from a file: a MyAnimeList export or CSV (`lists.read_list`)."""
        self.say("Reading the list …")
        try:
            imported = read_list(content, self.recommender.catalogue)
        except InputError as error:
            self.say(_sentence(str(error)), "error")
            return
        missing = (*self.profile.unresolved, *imported.profile.unresolved)
        entries, unresolved = imported.profile.entries, tuple(dict.fromkeys(missing))
        self._change(lambda kept: kept.update(entries, unresolved))
        if not self._message.value:
            self._message.value = _imported_html(imported.text, imported.problems)

    def delete(self) -> None:
        """Delete everything that is kept of the list."""
        self._kept.delete()
        names = self.store.names() if self.store else []
        self._list_panel.offer(names, None)
        self.show_list(Unkept())
        self.say("Deleted: nothing of this list is kept any more.")
        if self.page:
            self._message.value += (
                "<p>What you add from here on is not kept. "
                f"<a class='anirec-link' href='{escape(self.page.new_list)}'>Start a new list</a>"
                "</p>"
            )

    def _change(self, change: Callable[[StoredProfile | Unkept], Profile]) -> None:
        """Change the list where it is kept, and recommend anew."""
        self.say("")
        if self.store and isinstance(self._kept, Unkept):
            self._list_panel.keep()
        self._changed_to(lambda: change(self._kept))

    def _changed_to(self, profile: Callable[[], Profile]) -> None:
        try:
            self.profile = profile()
        except InputError as error:
            self.say(_sentence(str(error)), "error")
        self._wanted = self.k
        self.refresh()

    def title(self, anime_id: int) -> str:
        """Return an anime's title, or its number if the catalogue lacks it."""
        known = anime_id in self.recommender.anime.index
        return self.recommender.anime.at[anime_id, "title"] if known else f"anime {anime_id}"

    def say(self, text: str, kind: str = "note") -> None:
        """Show one sentence: a ``note`` or an ``error``; none if empty."""
        role = "alert" if kind == "error" else "status"
        self._message.value = (
            f"<p class='anirec-{kind}' role='{role}'>{escape(text)}</p>" if text else ""
        )

    @property
    def images(self) -> bool:
        """Whether covers are shown: where the page allows them, or the person switched them on."""
        return self.page.images if self.page else self._list_panel.images.value

    # --- searching

    def _make_search(self) -> None:
        self.search = widgets.Text(
            placeholder="Type an anime you like", tooltip="Search for an anime", layout=_free()
        )
        _classed(self.search, "anirec-search")
        self._matches = _box([], "anirec-matches")
        self._match_buttons = [
            _button("", partial(self._pick_nth, place), "anirec-found") for place in range(MATCHES)
        ]
        self._found: list[int] = []
        self._no_match = _html("", "anirec-no-match")
        self._find = _box([self.search, self._matches, self._no_match], "anirec-find")
        self._message = _html("", "anirec-message")
        self.search.observe(self._typed, names="value")
        self.search.on_msg(self._entered)

    def _typed(self, _: Mapping) -> None:
        self._soon(self._search)

    def _soon(self, action: Callable[[], None]) -> None:
        """Do something after a moment without another keystroke; at once without an event loop."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            action()
        else:
            self._timer = loop.call_later(DEBOUNCE_SECONDS, action)

    def _search(self) -> None:
        text = self.search.value.strip()
        found = self.recommender.search(text, limit=MATCHES) if text else None
        self._found = [] if found is None else [int(anime_id) for anime_id in found["anime_id"]]
        if found is not None:
            for button, row in zip(self._match_buttons, found.itertuples(), strict=False):
                on_list = " ✓ on your list" if row.anime_id in self.profile else ""
                button.description = f"{_name(row)}{on_list}"
        self._matches.children = self._match_buttons[: len(self._found)]
        nothing = bool(text) and not self._found
        self._no_match.value = (
            f"<p role='status'>No anime is called anything like “{escape(text)}”.</p>"
            if nothing
            else ""
        )

    def _entered(self, _: object, content: Mapping, __: object) -> None:
        """Take the first match when Enter is pressed in the field."""
        if content.get("event") == "submit" and self.search.value.strip():
            if self._timer is not None:
                self._timer.cancel()
            self._search()
            if self._found:
                self._pick_nth(0)

    def _pick_nth(self, place: int) -> None:
        anime_id = self._found[place]
        self.search.value = ""
        self._search()
        self.search.focus()
        if self._mode.value == SIMILAR:
            self._anchor = anime_id
            self._changed()
        else:
            self.add(anime_id)

    # --- the list

    def _make_list(self) -> None:
        self._list_head = _html("", "anirec-heading")
        self._undo = _button(
            "↶ Undo", self.undo, "anirec-quiet", tooltip="Take back the last change"
        )
        self._more_rows = _button("", self._show_more_rows, "anirec-quiet")
        self._rows_box = _box([], "anirec-rows")
        head = _box([self._list_head, self._undo], "anirec-head")
        self._list = _box([head, self._rows_box, self._more_rows], "anirec-list")

    def _show_more_rows(self) -> None:
        self._rows_wanted += MORE_ROWS
        self._show_list()

    def _show_list(self) -> None:
        count = len(self.profile)
        undoable = self._kept.can_undo()
        _shown(self._list, bool(count or undoable))
        _shown(self._undo, undoable)
        titles = "1 title" if count == 1 else f"{count:,} titles"
        self._list_head.value = f"<h2>Your list <span class='anirec-soft'>{titles}</span></h2>"
        latest = list(self.profile)[::-1][: self._rows_wanted]
        while len(self._rows) < len(latest):
            self._rows.append(_Row(self))
        for row, anime_id in zip(self._rows, latest, strict=False):
            row.show(anime_id)
        self._rows_box.children = self._rows[: len(latest)]
        left = count - len(latest)
        _shown(self._more_rows, left > 0)
        self._more_rows.description = f"Show {min(left, MORE_ROWS)} more of {count:,}"

    # --- what is recommended

    def _make_controls(self) -> None:
        segments = list(self.recommender.segments)
        modes = [("For my list", FOR_LIST), ("Similar to one title", SIMILAR)]
        modes += [("Because I like a segment", SEGMENT)] if segments else []
        modes += [("Surprise me", SURPRISE)]
        self._mode = widgets.Dropdown(options=modes, layout=_free())
        self._segment = widgets.Dropdown(options=segments, layout=_free())
        self._again = _button("Another surprise", self._surprise_again, "anirec-quiet")
        fitted = self.recommender.fitted
        self._model = widgets.Dropdown(
            options=fitted, value=self.recommender.default_model, layout=_free()
        )
        self._segment_field = _labelled("Segment of the community", self._segment)
        mode_panel = _box(
            [
                _labelled("Recommend", self._mode),
                self._segment_field,
                _labelled("Ranked by", self._model),
                self._again,
            ],
            "anirec-panel",
        )
        self._filter_panel = _FilterPanel(self.recommender.choices, self._changed)
        years = self.recommender.anime["year"].dropna()
        if len(years):
            self._filter_panel.offer_years(int(years.min()), int(years.max()))
        self._list_panel = _ListPanel(self)
        self._knowledge = _html("", "anirec-knowledge")
        self._panels = {
            "Recommend": mode_panel,
            "Filters": self._filter_panel,
            "How well it knows you": _box([self._knowledge], "anirec-panel"),
            "Import and save": self._list_panel,
        }
        self._toggles = {
            name: _classed(widgets.ToggleButton(description=name, layout=_free()), "anirec-tool")
            for name in self._panels
        }
        for name, toggle in self._toggles.items():
            toggle.observe(partial(self._toggled, name), names="value")
        self._tools = _box(list(self._toggles.values()), "anirec-tools")
        for control in (self._mode, self._segment, self._model):
            control.observe(lambda _: self._changed(), names="value")
        self._show_panels()

    def _toggled(self, name: str, change: Mapping) -> None:
        if change["new"]:
            for other, toggle in self._toggles.items():
                if other != name:
                    toggle.value = False
        self._show_panels()
        self._fill_panels()

    def _show_panels(self) -> None:
        for name, panel in self._panels.items():
            _shown(panel, self._toggles[name].value)

    def _fill_panels(self) -> None:
        """Compute what an open panel tells of the list."""
        if self._toggles["How well it knows you"].value:
            said = self.recommender.knowledge(self.profile).text
            self._knowledge.value = f"<p>{escape(said)}</p>"
        if self._toggles["Import and save"].value:
            self._list_panel.fill(self._frame)

    def _changed(self) -> None:
        self._wanted = self.k
        self.refresh()

    def _surprise_again(self) -> None:
        self._seed += 1
        self._changed()

    def _recommended(self, k: int) -> pd.DataFrame | None:
        """Return what the mode recommends; None where there is nothing to go by yet."""
        filters, model, mode = self._filter_panel.filters(), self._model.value, self._mode.value
        if mode == SIMILAR:
            if self._anchor is None:
                return None
            return self.recommender.similar(self._anchor, k=k, filters=filters)
        if mode == SEGMENT:
            return self.recommender.for_segment(
                self._segment.value, k=k, profile=self.profile, model=model, filters=filters
            )
        if mode == SURPRISE:
            return self.recommender.surprise(
                self.profile, k=k, model=model, filters=filters, seed=self._seed
            )
        if not self.profile:
            return None
        return self.recommender.recommend(self.profile, k=k, model=model, filters=filters)

    # --- showing it

    def _make_results(self) -> None:
        self._results_head = _html("", "anirec-heading")
        self._cards_box = _box([], "anirec-cards")
        self._more = _button("Show more", self.more, "anirec-more")
        self._results = _box([self._results_head, self._cards_box, self._more], "anirec-results")
        self._starter_buttons = [
            _button("", partial(self._start_with, place), "anirec-chip")
            for place in range(STARTERS)
        ]
        self._starter_ids: list[int] = []
        self._starter_text = _html("", "anirec-heading")
        self._starter_chips = _box(self._starter_buttons, "anirec-chips")
        self._starters = _box([self._starter_text, self._starter_chips], "anirec-starters")

    def more(self) -> None:
        """Show more recommendations."""
        self._wanted += self.k
        self.refresh()

    def _start_with(self, place: int) -> None:
        self.add(self._starter_ids[place])

    def refresh(self) -> None:
        """Show the list and what is recommended for it."""
        self._results.add_class("anirec-busy")
        try:
            self._show_list()
            self._show_modes()
            self._show_recommendations()
            self._fill_panels()
        except Exception:
            self.say("Something went wrong here; your list is kept. Try another setting.", "error")
            raise
        finally:
            self._results.remove_class("anirec-busy")

    def _show_modes(self) -> None:
        mode = self._mode.value
        _shown(self._segment_field, mode == SEGMENT)
        _shown(self._again, mode == SURPRISE)
        labels = {value: label for label, value in self._mode.options}
        self._toggles["Recommend"].description = labels[mode]
        used = self._filter_panel.in_use()
        self._toggles["Filters"].description = f"Filters ({used})" if used else "Filters"

    def _show_recommendations(self) -> None:
        note = ""
        try:
            frame = self._recommended(self._wanted)
        except InputError as error:
            frame, note = None, _sentence(str(error))
        self._frame = pd.DataFrame() if frame is None else frame
        if frame is not None:
            note = _sentence(frame.attrs.get("note", ""))
        self._show_starters(frame is None)
        self._results_head.value = self._heading(len(self._frame), note)
        self._fill_cards()
        _shown(self._more, 0 < self._wanted <= len(self._frame))
        self._later(self._explain_cards)

    def _heading(self, count: int, note: str) -> str:
        mode = self._mode.value
        title = {FOR_LIST: "For you", SURPRISE: "Surprises"}.get(mode, "")
        if mode == SIMILAR:
            title = f"Similar to {self.title(self._anchor)}" if self._anchor else "Similar to …"
        if mode == SEGMENT:
            title = f"What {self._segment.value} likes"
        said = f"<p class='anirec-note'>{escape(note)}</p>" if note else ""
        if not count and not note:
            return ""
        return f"<h2>{escape(title)}</h2>{said}"

    def _show_starters(self, visible: bool) -> None:
        _shown(self._starters, visible)
        if not visible:
            return
        offered = self.recommender.to_rate(self.profile, k=STARTERS, filters=Filters())
        self._starter_ids = [int(anime_id) for anime_id in offered["anime_id"]]
        for button, row in zip(self._starter_buttons, offered.itertuples(), strict=False):
            button.description = row.title
        self._starter_chips.children = self._starter_buttons[: len(offered)]
        said = "Or start with one of these, if you liked it"
        if self._mode.value == SIMILAR:
            said = "Search above for the title to compare with"
        self._starter_text.value = f"<p>{said}:</p>"

    def _fill_cards(self) -> None:
        frame = self._frame
        while len(self._cards) < len(frame):
            self._cards.append(_Card(self))
        best = _best_match(frame)
        for card, row in zip(self._cards, frame.itertuples(), strict=False):
            card.show(int(row.anime_id), card_html(row, best, self.images))
        self._cards_box.children = self._cards[: len(frame)]

    def _later(self, action: Callable[[], None]) -> None:
        """Do something once what was shown is on its way; at once without an event loop."""
        try:
            asyncio.get_running_loop().call_soon(action)
        except RuntimeError:
            action()

    def _explain_cards(self) -> None:
        """Add to each card all that speaks for it."""
        if self._mode.value != FOR_LIST or not len(self._frame):
            return
        frame, best = self._frame, _best_match(self._frame)
        filters = self._filter_panel.filters()
        reasons = self.recommender.explanations(
            self.profile, frame["anime_id"].tolist(), model=self._model.value, filters=filters
        )
        for card, row, why in zip(self._cards, frame.itertuples(), reasons, strict=False):
            card.show(int(row.anime_id), card_html(row, best, self.images, details_html(why)))


def _best_match(frame: pd.DataFrame) -> float:
    for name in ("match", "similarity"):
        if name in frame and len(frame):
            return float(frame[name].max())
    return 0.0


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _name(row) -> str:
    english = f" · {other_name(row)}" if other_name(row) else ""
    said = [v for v in (row.type if isinstance(row.type, str) else "",) if v]
    said += [f"{int(row.year)}"] if pd.notna(row.year) else []
    return f"{row.title}{english}" + (f" ({', '.join(said)})" if said else "")


def _imported_html(text: str, problems: list[str]) -> str:
    """Return what an import found, its problems folded."""
    said = f"<p class='anirec-note' role='status'>{escape(text)}</p>"
    if not problems:
        return said
    lines = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    count = "1 line" if len(problems) == 1 else f"{len(problems)} lines"
    return f"{said}<details><summary>{count} to look at</summary><ul>{lines}</ul></details>"
